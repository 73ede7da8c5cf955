/* SPDX-License-Identifier: MIT
 *
 * wherry: Python's multiprocessing.Pool for C and C++, over processes of one machine or of many.
 *
 *     wherry_connection *connection = NULL;
 *     wherry_pool *pool = NULL;
 *     wherry_async *call = NULL;
 *     const wherry_value *answer = NULL;
 *     int64_t words;
 *
 *     wherry_connect(NULL, NULL, &connection);            // $WHERRY_BROKER, else this machine
 *     wherry_pool_open(connection, "default", &pool);
 *     wherry_pool_apply_async(pool, "count", NULL, &call, "s", "two words");
 *     wherry_async_get(call, WHERRY_FOREVER, &answer);
 *     wherry_value_read(answer, "i", &words);
 *     wherry_async_release(&call);
 *     wherry_pool_release(&pool);
 *     wherry_connection_release(&connection);
 *
 * A *connection* is one session with a broker. A *pool* is a handle on the worker processes that
 * serve the queue of that name. An *async* is one submitted call, or one whole map. An *iterator*
 * yields the results of an imap one by one.
 *
 * Semantics  are those of Python's multiprocessing.Pool, except where a comment says so. In place
 *            of a callable stands the name of a function that workers offer; in place of an
 *            exception a typed error and a text.
 * Handles    are opaque, made by wherry_NOUN_…(…, &handle), ended by wherry_NOUN_release(&handle),
 *            which sets them NULL; NULL and *NULL are no-ops.
 * Threads    Every function may be called from any thread, on the same handle at once, except the
 *            release of a handle, which must be its last use.
 * Fork       Handles belong to the process that made them. In a forked child every function answers
 *            WHERRY_E_FORKED and a release only frees memory; connect afresh there. Those that
 *            return a text give what the parent knew.
 * Signals    The library's threads block all signals. A signal does not end a wait; a handler may
 *            call wherry_interrupt() to do that.
 * Blocking   A comment says "Blocks" where a function may wait; all others return at once.
 * Reconnect  is invisible: requests are numbered and a repeated one is answered as the first one
 *            was. What cannot be known is said: WHERRY_E_UNCERTAIN with the task's id. */
#ifndef WHERRY_H
#define WHERRY_H

#include "wherry_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wherry_connection wherry_connection;
typedef struct wherry_pool wherry_pool;
typedef struct wherry_async wherry_async;
typedef struct wherry_iterator wherry_iterator;

/* The library's version, "0.1.0". */
WHERRY_API const char *wherry_version(void);

/* ---- program ------------------------------------------------------------------------------ */

struct wherry_function_table; /* wherry_worker.h */

/* The first statement of main in a program that connects to "local:".
 * Worker processes are made from this very program: it is started once more, with one argument of
 * the library's, and in that copy this function becomes the parent of the workers and never
 * returns. In the program itself it returns at once. So a worker sees globals as constructors and
 * statements before this call leave them, and never runs main beyond it.
 * functions  what the workers offer besides the built-in functions; NULL: nothing. Kept, not
 *            copied. */
WHERRY_API void wherry_program(int argc, char **argv,
                               const struct wherry_function_table *functions);

/* ---- connection --------------------------------------------------------------------------- */

/* Zero-initialise, then set `size` to sizeof(wherry_connect_options): fields added by later
 * versions then keep their defaults. 0 means the default everywhere. */
typedef struct wherry_connect_options {
    size_t size;
    int64_t connect_timeout_ms; /* how long wherry_connect may wait; default 5,000; FOREVER */
    int64_t reconnect_limit_ms; /* no broker so long ends open calls; default 60,000; FOREVER */
    const char *label;          /* this program's name for people; default: its file name */
    bool no_restore_wait; /* a broker that still reads its store: RESTORING at once, instead of
                             waiting for it as for one that is away */
} wherry_connect_options;

/* Open a session with a broker.
 * address   one or several endpoints, "tcp://host:port,ipc://path", tried in turn. NULL: the value
 *           of $WHERRY_BROKER; without it the socket of `wherry dev` if there is one, else
 *           tcp://127.0.0.1:7380.
 *           "local:" is multiprocessing without a server: the first such connection starts a
 *           private broker and workers made from this program, which must begin with
 *           wherry_program(); further ones share them; the release of the last ends them, and so
 *           does the end of the program, however it ends: exit, exec, SIGKILL. Options:
 *           "local:?processes=4&start=fork"
 *             processes   a pool; default: as many as CPUs
 *             start       spawn (default), or fork: the workers are made by fork(2) inside this
 *                         call, so that they see globals as they are now. A program that has
 *                         threads (a connection is one) cannot be forked: BUSY.
 *           The broker is $WHERRY_BROKER_PROGRAM, else wherry-broker beside the library, beside
 *           the program or in $PATH. Inside of a worker "local:" is the broker it serves.
 * options   NULL: all defaults.
 * Blocks    until the broker has answered, at most connect_timeout_ms (to start "local:" at most
 *           30 s by default).
 * Returns   OK; INVALID (a malformed address, an option out of range, "local:" without
 *           wherry_program()); BUSY ("local:": threads and start=fork, or other options than those
 *           its workers were started with); NO_BROKER (nobody answered
 *           in time, or a broker that still reads its store: the text says how far it is);
 *           RESTORING (with no_restore_wait); REFUSED, PROTOCOL (the broker's words in
 * wherry_last_error()); INTERRUPTED is not possible here; NO_MEMORY; SYSTEM (no thread, no
 * descriptor). */
WHERRY_API wherry_err wherry_connect(const char *address, const wherry_connect_options *options,
                                     wherry_connection **out);

/* End the session. Calls still open end with CLOSED; their tasks go on in their queues, but results
 * nobody kept are gone. Callbacks of what ends here still run; after the return none does. Pools,
 * asyncs and iterators of this connection stay valid to be read and released, in any order.
 * Blocks    until what was submitted has left this process (≤ 1 s) and callbacks have returned.
 *           Never call it from a callback. */
WHERRY_API void wherry_connection_release(wherry_connection **connection);

/* End every wait that is under way on this connection with INTERRUPTED; if there is none, the next
 * one. The objects waited for stay usable. Async-signal-safe: the one function for signal
 * handlers. */
WHERRY_API void wherry_interrupt(wherry_connection *connection);

/* ---- pool --------------------------------------------------------------------------------- */

/* A handle on the pool `name`: [A-Za-z0-9._{}-]{1,128}; NULL is "default". Pool NAME serves the
 * queue NAME. Worker processes are started on their hosts (wherry-worker --pool NAME), before or
 * after this; tasks wait for them. With "local:" the first handle on a name starts processes for
 * it. Makes no round trip.
 * Returns   OK, INVALID (the name), FORKED, NO_MEMORY; with "local:" LIMIT (more than 64 pools),
 *           NO_BROKER. */
WHERRY_API wherry_err wherry_pool_open(wherry_connection *connection, const char *name,
                                       wherry_pool **out);

typedef void (*wherry_callback)(const wherry_value *value, void *context);
typedef void (*wherry_error_callback)(wherry_err err, const char *text, void *context);

/* How one call is to be made. Zero-initialise, set `size`. NULL in place of options: all
 * defaults. */
typedef struct wherry_call_options {
    size_t size;
    /* At a full queue: 0 (default) or WHERRY_FOREVER waits without end, at the broker and in order
     * of arrival; above 0 waits so many ms, then FULL; WHERRY_NO_WAIT answers FULL at once. */
    int64_t wait_ms;
    bool keep;      /* the outcome stays at the broker for result_ttl_ms: any program may attach to
                       it by id, and getting it does not remove it */
    bool no_result; /* fire and forget: the call is done once accepted, with the value nil */
    uint32_t max_attempts;      /* 1: may run once only, else LOST; 0: the rule for crashes */
    int32_t priority;           /* higher runs earlier within the queue */
    uint64_t result_ttl_ms;     /* with keep; 0: successes 1 h, failures 24 h */
    const wherry_value *kwargs; /* a map: keyword arguments of every call; NULL: none. Keywords
                                   given twice (behind a ';', too) are INVALID. Borrowed. */
    /* Run once, when the outcome is known, on the connection's callback thread, one at a time, in
     * order of completion, with no lock held; queued before get may return, and get never waits for
     * it (Python: a slow callback stalls all results). `value` and `text` are borrowed for the
     * call. On failure the error callback only. Both may submit, get and release. */
    wherry_callback callback;
    wherry_error_callback error_callback;
    void *context;       /* stays the caller's; handed to the callbacks */
    uint64_t look_ahead; /* imap: items beyond what was yielded; 0: 4 chunks a process, ≥ 16 */
} wherry_call_options;

#define WHERRY_NO_WAIT ((int64_t)-2)

/* Submit one call; as multiprocessing.Pool.apply_async.
 * picture   lists the positional arguments; behind a ';' keyword arguments, each preceded by its
 *           name: "is;bd", (int64_t)3, "x", "deep", 1, "scale", 0.5. "" is no argument.
 * out       owned by the caller. NULL is allowed: nobody will ask for the outcome (callbacks do
 *           run).
 * Returns   OK: on its way, not yet accepted (wherry_async_accepted() waits for that).
 *           CLOSED     the pool was closed or terminated, or the connection released (Python:
 *                      ValueError "Pool not running")
 *           INVALID    function name, picture or options out of range · TYPE  NULL string, kwargs
 *                      no map
 *           TOO_LARGE  arguments beyond the broker's payload limit
 *           NO_BROKER  none for reconnect_limit; calls fail at once until one is back
 *           INTERRUPTED, FORKED, NO_MEMORY, LIMIT, REFUSED, PROTOCOL
 *           What only the broker knows (FULL, RESULTS_FULL …) is the call's outcome: see get.
 * Blocks    only when 65,536 submitted calls or 1 MiB of them are unanswered, until some are. */
WHERRY_API wherry_err wherry_pool_apply_async(wherry_pool *pool, const char *function,
                                              const wherry_call_options *options,
                                              wherry_async **out, const char *picture, ...);

/* The same with ready values: `args` is a list or NULL, `kwargs` a map or NULL. */
WHERRY_API wherry_err wherry_pool_apply_async_values(wherry_pool *pool, const char *function,
                                                     const wherry_value *args,
                                                     const wherry_value *kwargs,
                                                     const wherry_call_options *options,
                                                     wherry_async **out);

/* Submit one call and wait for its value: apply_async and get in one, as
 * multiprocessing.Pool.apply. It uses ONE worker and BLOCKS THE CALLER: for parallel work use
 * apply_async or map.
 * out       a new value, owned by the caller; NULL: not wanted.
 * Returns   as apply_async and wherry_async_get. After INTERRUPTED the task goes on unseen. */
WHERRY_API wherry_err wherry_pool_apply(wherry_pool *pool, const char *function,
                                        const wherry_call_options *options, wherry_value **out,
                                        const char *picture, ...);
WHERRY_API wherry_err wherry_pool_apply_values(wherry_pool *pool, const char *function,
                                               const wherry_value *args, const wherry_value *kwargs,
                                               const wherry_call_options *options,
                                               wherry_value **out);

/* What a map runs over: an array, the items of a list value, or a source that is asked item by
 * item. Exactly one of array, list and next is used: the first that is not NULL. */
typedef struct wherry_items {
    const wherry_value *const *array; /* borrowed for the call */
    size_t count;                     /* of `array`; array NULL, list NULL, next NULL: no items */
    const wherry_value *list;         /* borrowed for the call; imap: until its release */
    /* Gives the next item (the library takes it) with OK, or END, or an error, which then comes out
     * of the map and does the pool no harm. Runs on the calling thread only. */
    wherry_err (*next)(void *context, wherry_value **out);
    void *context;
} wherry_items;

/* chunksize  Items a task. WHERRY_AUTO is Python's rule: count / (4 × processes), rounded up; the
 *            number of processes is asked of the broker (one round trip, remembered for a second;
 *            nobody serving yet: counted as this machine's CPUs). For imap WHERRY_AUTO is 1, as in
 *            Python. Everything below 1 is INVALID (Python's map answers nonsense for 0). */
#define WHERRY_AUTO ((int64_t)-1)

/* Call the function once an item, in chunks over all workers, results in the items' order; as
 * multiprocessing.Pool.map. A failing item ends its chunk; the others all run, and the failure that
 * came first is returned when all are done. A `next` source is read to its end first (imap: not).
 * out       a new list value with one result an item; owned by the caller.
 * Returns   as wherry_pool_apply; INVALID also for chunksize. Nothing was submitted when the source
 *           failed. Blocks until all is done. */
WHERRY_API wherry_err wherry_pool_map(wherry_pool *pool, const char *function, wherry_items items,
                                      int64_t chunksize, const wherry_call_options *options,
                                      wherry_value **out);

/* The same without waiting: get gives the list. Callbacks run once for the whole; with no items it
 * is ready at once and no callback runs (as Python). Blocks as apply_async does, and for one round
 * trip with WHERRY_AUTO. */
WHERRY_API wherry_err wherry_pool_map_async(wherry_pool *pool, const char *function,
                                            wherry_items items, int64_t chunksize,
                                            const wherry_call_options *options, wherry_async **out);

/* As map, but each item is a list of arguments. An item that is no list fails its chunk. */
WHERRY_API wherry_err wherry_pool_starmap(wherry_pool *pool, const char *function,
                                          wherry_items items, int64_t chunksize,
                                          const wherry_call_options *options, wherry_value **out);
WHERRY_API wherry_err wherry_pool_starmap_async(wherry_pool *pool, const char *function,
                                                wherry_items items, int64_t chunksize,
                                                const wherry_call_options *options,
                                                wherry_async **out);

/* As map, yielding results as they come: imap in the items' order, imap_unordered in the order in
 * which they finish. Items are taken at most `look_ahead` beyond what was yielded (Python runs
 * ahead without limit), on the threads that call this and wherry_iterator_next(). An array and its
 * values are borrowed until the iterator's release. Callbacks in the options are INVALID. */
WHERRY_API wherry_err wherry_pool_imap(wherry_pool *pool, const char *function, wherry_items items,
                                       int64_t chunksize, const wherry_call_options *options,
                                       wherry_iterator **out);
WHERRY_API wherry_err wherry_pool_imap_unordered(wherry_pool *pool, const char *function,
                                                 wherry_items items, int64_t chunksize,
                                                 const wherry_call_options *options,
                                                 wherry_iterator **out);

/* Close: this handle takes nothing more (CLOSED); what it submitted still runs. Twice is fine.
 * Other handles and programs on the same pool are not touched, nor are its worker processes. */
WHERRY_API wherry_err wherry_pool_close(wherry_pool *pool);

/* Terminate: close, and cancel whatever this handle submitted that is not finished: asyncs end with
 * CANCELLED at once (in Python their get hangs), queued tasks are dropped, running ones stopped. */
WHERRY_API wherry_err wherry_pool_terminate(wherry_pool *pool);

/* Wait until nothing that this handle submitted waits or runs any more.
 * Returns   OK, also when it ended for want of a broker; BUSY before close or terminate (Python:
 *           ValueError "Pool is still running"); TIMEOUT; INVALID, INTERRUPTED, FORKED. May be
 *           called twice. Blocks. */
WHERRY_API wherry_err wherry_pool_join(wherry_pool *pool, int64_t timeout_ms);

/* The number of worker processes that serve the pool now. Blocks for a round trip at most once a
 * second. Returns OK, NO_BROKER, TIMEOUT (5 s), INTERRUPTED, FORKED, CLOSED. */
WHERRY_API wherry_err wherry_pool_processes(wherry_pool *pool, uint32_t *out);

/* Release terminates first, as Python's `with`, unless the pool was closed: then its work goes on.
 * Asyncs and iterators made with it stay valid. Does not wait. */
WHERRY_API void wherry_pool_release(wherry_pool **pool);

/* ---- async -------------------------------------------------------------------------------- */

/* Wait for the outcome and lend the value.
 * out       borrowed until the async's release. Set only on OK; NULL: not wanted.
 * Returns   OK
 *           TIMEOUT      still open; get again later. The text says why the task waits, for example
 *                        "no worker offers NAME"
 *           TASK_FAILED  the function failed; the text is the remote cause
 *           WORKER_LOST  its process died too often; the text names signal, exit code or memory
 *           CANCELLED    cancelled or terminated · LOST  no answer will ever come
 *           FULL, RESULTS_FULL, TOO_LARGE, STORE_FULL, DRAINING, LIMIT, REFUSED
 *                        the broker did not take it: it is certainly not queued
 *           UNCERTAIN    the broker vanished at the wrong moment: done or not is unknown
 *           NO_BROKER    none for reconnect_limit · SESSION_LOST, EXPIRED, UNKNOWN  its result is
 *                        gone
 *           CLOSED       the connection was released
 *           Each call after the outcome is known answers the same.
 *           INVALID, INTERRUPTED, FORKED, NO_MEMORY: nothing changed.
 * Blocks    up to timeout_ms. */
WHERRY_API wherry_err wherry_async_get(wherry_async *async, int64_t timeout_ms,
                                       const wherry_value **out);

/* Wait until the outcome is known, whatever it is: OK, or TIMEOUT, INVALID, INTERRUPTED, FORKED.
 * Blocks up to timeout_ms. */
WHERRY_API wherry_err wherry_async_wait(wherry_async *async, int64_t timeout_ms);

/* Whether the outcome is known. */
WHERRY_API bool wherry_async_ready(const wherry_async *async);

/* Whether the call succeeded. Returns OK; NOT_READY while it is open (Python: ValueError);
 * FORKED. */
WHERRY_API wherry_err wherry_async_successful(const wherry_async *async, bool *out);

/* Wait until the broker has taken the task: from then on it is not lost (durable queue: it is in
 * the store, synced). A whole map: all its tasks.
 * Returns   OK; TIMEOUT (not yet: for example it waits at a full queue); UNCERTAIN (not yet, and no
 *           broker answers: whether it was taken is unknown for now; the handle stays usable); what
 *           get returns if the task was not taken; INVALID, INTERRUPTED, FORKED.
 * Blocks    up to timeout_ms. */
WHERRY_API wherry_err wherry_async_accepted(wherry_async *async, int64_t timeout_ms);

/* Ask the broker to cancel; OK means asked: a call that has finished keeps its outcome.
 * Idempotent. */
WHERRY_API wherry_err wherry_async_cancel(wherry_async *async);

/* The task's id as text (26 characters), the same for ever, in every program. A map: the id of its
 * first chunk. Makes no round trip. Borrowed until the release; "" for a map without items. */
WHERRY_API const char *wherry_async_id(wherry_async *async);

/* The outcome's error in whole words with the remote cause; "" while open and after success.
 * Borrowed until the release. */
WHERRY_API const char *wherry_async_error(wherry_async *async);

typedef enum wherry_cause {
    WHERRY_CAUSE_NONE = 0,
    WHERRY_CAUSE_SIGNAL = 1, /* number: the signal that killed the worker process */
    WHERRY_CAUSE_EXIT = 2,   /* number: its exit code */
    WHERRY_CAUSE_MEMORY = 3, /* out of memory */
    WHERRY_CAUSE_HOST_LOST = 4,
    WHERRY_CAUSE_DRAINED = 5,
    WHERRY_CAUSE_TERMINATED = 6, /* killed because the task was cancelled */
} wherry_cause;

typedef struct wherry_failure {
    wherry_err err;
    const char *text; /* as wherry_async_error() */
    wherry_cause cause;
    int64_t number;
    const char *host; /* where it ran last, "" if unknown */
    int64_t pid;      /* 0 if unknown */
} wherry_failure;

/* The failure in parts; texts borrowed until the release. NOT_READY while open; err OK on
 * success. */
WHERRY_API wherry_err wherry_async_failure(wherry_async *async, wherry_failure *out);

/* Why the task is not done yet, in words: "no worker offers NAME", "3 tasks before it", "running on
 * …". Of a map: why its first chunk that is not over is not.
 * out       a string value, owned by the caller.
 * Blocks    for one round trip, at most timeout_ms. Returns OK, TIMEOUT, NO_BROKER, UNKNOWN, … */
WHERRY_API wherry_err wherry_async_why(wherry_async *async, int64_t timeout_ms, wherry_value **out);

/* Give the handle up. The call itself goes on; cancel first to stop it. Its callbacks still run. */
WHERRY_API void wherry_async_release(wherry_async **async);

/* ---- iterator ----------------------------------------------------------------------------- */

/* The next result.
 * out       a new value, owned by the caller.
 * Returns   OK; END (exhausted); TIMEOUT (not yet: the iterator stays usable); the failure of an
 *           item at its place: with chunksize 1 iteration goes on after it, with larger chunks it
 *           ends; the source's error, after which it ends; INVALID, INTERRUPTED, FORKED; CLOSED
 *           after the pool was closed with items not yet submitted.
 * Blocks    up to timeout_ms; calls the source `next`. */
WHERRY_API wherry_err wherry_iterator_next(wherry_iterator *iterator, int64_t timeout_ms,
                                           wherry_value **out);

/* The last failure in words, "" if none. Borrowed until the next call on the iterator. */
WHERRY_API const char *wherry_iterator_error(wherry_iterator *iterator);

/* Cancels what is unfinished. */
WHERRY_API void wherry_iterator_release(wherry_iterator **iterator);

/* ---- tasks by id, queues, questions --------------------------------------------------------- */

/* A handle on a task that was submitted elsewhere with `keep`, or earlier by this very connection.
 * The outcome is pushed: get, wait, ready, error … as for an own call. Makes no round trip: UNKNOWN
 * (never seen), EXPIRED (its result is gone) and REFUSED (submitted without keep) come out of get.
 * Returns   OK, INVALID (no id), CLOSED, LIMIT (1,024 open questions), FORKED, NO_MEMORY. */
WHERRY_API wherry_err wherry_task_attach(wherry_connection *connection, const char *id,
                                         wherry_async **out);

typedef enum wherry_task_was {
    WHERRY_TASK_ENDED = 0,   /* before it was asked for: its outcome stays */
    WHERRY_TASK_WAITING = 1, /* it has ended as CANCELLED and never runs */
    WHERRY_TASK_RUNNING = 2, /* SIGTERM, after 5 s SIGKILL; a success that wins the race counts */
} wherry_task_was;

/* Cancel by id.
 * was       set on OK; NULL: not wanted.
 * Returns   OK (asked, and stored where the broker keeps), UNKNOWN, EXPIRED, REFUSED (submitted
 *           elsewhere without keep), INVALID, TIMEOUT, NO_BROKER, INTERRUPTED, FORKED. Blocks. */
WHERRY_API wherry_err wherry_task_cancel(wherry_connection *connection, const char *id,
                                         int64_t timeout_ms, wherry_task_was *was);

/* Why a task is not done yet: as wherry_async_why(), by id. Blocks. */
WHERRY_API wherry_err wherry_task_waiting(wherry_connection *connection, const char *id,
                                          int64_t timeout_ms, wherry_value **out);

/* Set the bounds of a queue, which is made if need be; 0 leaves a bound as it is. What is in the
 * queue stays, also above the new bound: submits wait until it is below. Blocks.
 * Returns   OK, INVALID (the name), LIMIT (too many queues), TIMEOUT, NO_BROKER, INTERRUPTED,
 *           FORKED. */
#define WHERRY_QUEUE_DEFAULT UINT64_MAX /* as of a queue that nobody set */
WHERRY_API wherry_err wherry_queue_set(wherry_connection *connection, const char *name,
                                       uint64_t items_max, uint64_t bytes_max, int64_t timeout_ms);

typedef enum wherry_pause {                       /* bits */
                            WHERRY_PAUSE_OUT = 1, /* nothing is handed out; what runs goes on, what
                                                     was handed out and has not begun goes back */
                            WHERRY_PAUSE_IN =
                                2, /* nothing new is taken: submits wait as at a full queue */
                            WHERRY_PAUSE_REFUSE =
                                4, /* nothing new is taken: submits are refused with CLOSED */
} wherry_pause;

/* Pause a queue, or resume it; a queue that keeps its tasks over restarts stays paused as well.
 * how       bits of wherry_pause; in place of one of IN and REFUSE comes the other. resume: 0 is
 *           everything; IN and REFUSE are one.
 * Returns   OK, UNKNOWN (no such queue), INVALID (the name, `how`), TIMEOUT, NO_BROKER,
 *           INTERRUPTED, FORKED. Block. */
WHERRY_API wherry_err wherry_queue_pause(wherry_connection *connection, const char *name,
                                         unsigned how, int64_t timeout_ms);
WHERRY_API wherry_err wherry_queue_resume(wherry_connection *connection, const char *name,
                                          unsigned how, int64_t timeout_ms);

/* End everything that waits in a queue, or for room in it, as CANCELLED ("its queue was purged");
 * whoever submitted it is told. What runs is left alone; what was handed out and has not begun ends
 * as well, and so does whatever would come back later: a retry, a task of a lost worker.
 * count     how many have ended; NULL: not wanted.
 * Returns   OK: all have, and nothing of them will run, restart or not · UNKNOWN (no such queue),
 *           BUSY (it is being purged already), INVALID, TIMEOUT (it goes on), NO_BROKER,
 *           INTERRUPTED, FORKED. Blocks: some seconds for millions of tasks. */
WHERRY_API wherry_err wherry_queue_purge(wherry_connection *connection, const char *name,
                                         int64_t timeout_ms, uint64_t *count);

/* Send a worker host away: from now on it takes nothing new, what it was given and has not begun
 * goes back to the queue, uncounted; what runs finishes, and then its wherry-worker ends.
 * worker    its id, as wherry_pool_show() tells it ("id" of a host).
 * grace_ms  what still runs then is stopped and goes back, uncounted; WHERRY_FOREVER: it may
 *           finish. Said again, the newest word counts.
 * Returns   OK: the worker has confirmed it and carries it out, whatever becomes of the broker ·
 *           UNKNOWN (no such worker: it has left, or never was here), LOST (it fell silent before
 *           it had heard: what it ran goes to others), BUSY (the broker started a moment ago and
 *           does not know all workers yet), TIMEOUT (it is told again when it is back), INVALID,
 *           NO_BROKER, INTERRUPTED, FORKED. Blocks. */
WHERRY_API wherry_err wherry_worker_drain(wherry_connection *connection, const char *worker,
                                          int64_t grace_ms, int64_t timeout_ms);

/* Wait until a worker host has left, by a drain or otherwise.
 * Returns   OK; else as wherry_worker_drain(). Blocks. */
WHERRY_API wherry_err wherry_worker_join(wherry_connection *connection, const char *worker,
                                         int64_t timeout_ms);

/* The broker's state, and one pool with its hosts and processes, as map values whose keys
 * docs/protocol.md lists. out: owned by the caller. Block.
 * Returns   OK, UNKNOWN (no such pool), TIMEOUT, NO_BROKER, INVALID, INTERRUPTED, FORKED. */
WHERRY_API wherry_err wherry_status(wherry_connection *connection, int64_t timeout_ms,
                                    wherry_value **out);
WHERRY_API wherry_err wherry_pool_show(wherry_connection *connection, const char *name,
                                       int64_t timeout_ms, wherry_value **out);

#ifdef __cplusplus
}
#endif
#endif
