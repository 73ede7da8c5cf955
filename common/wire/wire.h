/* SPDX-License-Identifier: MIT
 *
 * The wire, version 1: every message that crosses a socket, as a struct, with its writer and reader.
 *
 * A message is one ZeroMQ multipart: frame 0 is one positional msgpack array, further frames are
 * large payloads (above WIRE_INLINE_MAX) in the order in which frame 0 names them.
 *
 *     peer to broker    [type, field, …]
 *     broker to peer    [type, epoch, field, …]
 *
 * Readers take what a stranger sent: every count is checked against the bytes that remain before
 * anything is allocated; unknown trailing fields are ignored (newer minor versions append), unknown
 * types and bytes after the value are refused. They allocate nothing: spans borrow the frames, and
 * lists stay packed and are walked by a `wire_items` cursor. A reader accepts a message only when
 * its lists are well formed to the last item, so a walk after WHERRY_OK cannot fail half way.
 *
 * Writers append to a `wire_out` and cannot fail but for memory. docs/protocol.md says what each
 * side must do. */
#ifndef WHERRY_WIRE_H
#define WHERRY_WIRE_H

#include "common/bytes.h"
#include "common/id.h"
#include "common/include/wherry_base.h"

enum {
    WIRE_VERSION_MIN = 1,
    WIRE_VERSION_MAX = 1,
    WIRE_FRAMES_MAX = 65,             /* frame 0 and at most 64 payload frames */
    WIRE_INLINE_MAX = 16 * 1024,      /* larger payloads travel as frames of their own */
    WIRE_BATCH_MAX = 256 * 1024,      /* a batch is sent when its frame 0 reaches this */
    WIRE_PAYLOAD_MAX = 64 * 1024 * 1024,
    WIRE_ITEMS_MAX = 65536,           /* items in one batch */
    WIRE_NAME_MAX = 128,              /* queue, function and label names, bytes */
    WIRE_TEXT_MAX = 8 * 1024,         /* error and cause texts, bytes */
    WIRE_SECRET_SIZE = 16,
    WIRE_DEPTH_MAX = 16,
};

enum wire_type {
    /* any peer to broker */
    WIRE_HELLO = 1,   /* a client's, host's or child's first message on a connection */
    WIRE_GOODBYE = 2, /* the session ends now */
    WIRE_BEAT = 3,    /* I am alive; answered by BEAT_OK */
    /* client to broker */
    WIRE_SUBMIT = 10, /* a batch of tasks for one lane */
    WIRE_ACK = 11,    /* answers and results received; result credit */
    WIRE_CANCEL = 12, /* end these tasks of mine */
    WIRE_CALL = 13,   /* one question or command; answered by ANSWER */
    /* child to broker */
    WIRE_CREDIT = 20, /* deliver up to slot n of generation g */
    WIRE_RESULTS = 21,
    /* host to broker */
    WIRE_GATE = 30,  /* a gate was closed: (place, generation, started) */
    WIRE_DEATH = 31, /* a child died, and what its gate said */
    WIRE_DRAIN = 32, /* this host takes nothing more */
    /* broker to any peer */
    WIRE_HELLO_OK = 40,
    WIRE_HELLO_REQUIRED = 41,
    WIRE_SESSION_LOST = 42,
    WIRE_REFUSED = 43,
    WIRE_BEAT_OK = 44,
    /* broker to client */
    WIRE_ACCEPTED = 50, /* runs of numbers that are in (durable queues: in the store) */
    WIRE_ANSWERED = 51, /* numbers answered with an error: FULL, RETRY (send the payload again)… */
    WIRE_RESULT = 52,   /* finished tasks of this session */
    WIRE_ANSWER = 53,   /* to a CALL */
    /* broker to child */
    WIRE_DELIVER = 60,
    WIRE_RESULT_ACK = 61, /* these results are recorded: forget them */
    /* broker to host */
    WIRE_CLOSE_GATE = 70, /* take back what a child has not started */
    WIRE_LEASE_LOST = 71, /* these attempts are void: stop them */
    WIRE_DEATH_ACK = 72,
    WIRE_SIGNAL = 73, /* signal the child if it runs this attempt */
    WIRE_SPAWN = 74,  /* reserved: Processes */
    WIRE_STOP = 75,   /* reserved: Processes */
    WIRE_OUTPUT = 76, /* reserved: stdout and stderr lines */
    WIRE_MOVED = 77,  /* reserved: another broker owns the slot */
};

/* How an attempt or task ended. */
enum wire_status {
    WIRE_DONE = 0,      /* payload: the value, one msgpack value */
    WIRE_FAILED = 1,    /* payload: failure (below) */
    WIRE_CANCELLED = 2, /* payload: failure or empty */
    WIRE_EXPIRED = 3,
    WIRE_LOST = 4,      /* payload: failure: WORKER_LOST or LOST */
    WIRE_TRY_AGAIN = 5, /* child to broker only: retry after `retry_ms` in the failure */
};

/* ---- frames in, frames out ------------------------------------------------------------------ */

struct wire_message { /* borrowed */
    struct span frames[WIRE_FRAMES_MAX];
    size_t count;
};

/* One payload frame to be sent without a copy: `release(data, hint)` runs exactly once, on any
 * thread, when its last byte is no longer needed. NULL release: data outlives the send. */
struct wire_part {
    const void *data;
    size_t size;
    void (*release)(void *data, void *hint);
    void *hint;
};

struct wire_out {
    struct bytes body;
    struct wire_part parts[WIRE_FRAMES_MAX - 1];
    size_t part_count;
    size_t count_at;   /* private: where the open list's count is patched */
    uint32_t count;    /* private: items in the open list */
    struct task_id last; /* private: of the last delivery, to write its successor as nil */
};

void wire_out_init(struct wire_out *out);
void wire_out_clear(struct wire_out *out); /* ready for the next message; memory kept; parts forgotten */
void wire_out_fini(struct wire_out *out);
/* A borrowed view, for tests and simulated networks. */
struct wire_message wire_out_message(const struct wire_out *out);
/* True if another item with this payload still fits the frame and batch limits. */
bool wire_out_fits(const struct wire_out *out, size_t payload_size);
/* Makes room for one more item with this payload, so that writing it allocates nothing. False: no
 * memory, nothing changed. For the client library; elsewhere memory that runs out ends the process. */
bool wire_out_reserve(struct wire_out *out, size_t payload_size);

/* The type of a message, after checking that frame 0 is one well-formed array whose first element is
 * a known type, with nothing behind it. PROTOCOL otherwise. Of the hot batches (SUBMIT, DELIVER,
 * RESULTS, RESULT) only the beginning is looked at: their readers check every byte anyway. */
wherry_err wire_type_of(const struct wire_message *message, enum wire_type *out);
const char *wire_type_name(enum wire_type type);

/* ---- small pieces --------------------------------------------------------------------------- */

struct wire_items { /* a cursor over one packed list; private but for `left` */
    const uint8_t *at;
    const uint8_t *end;
    uint32_t left;                    /* items not yet read */
    const struct wire_message *message; /* for payloads that are frames */
};

/* Numbers first … first + count - 1. */
struct wire_run {
    uint64_t first;
    uint64_t count;
};
bool wire_next_run(struct wire_items *items, struct wire_run *out);

bool wire_next_name(struct wire_items *items, struct span *out);

/* A failure, packed as a payload: [code, text, cause kind, cause number, host, pid, retry_ms]. */
enum wire_cause {
    WIRE_CAUSE_NONE = 0,
    WIRE_CAUSE_SIGNAL = 1,    /* number: the signal */
    WIRE_CAUSE_EXIT = 2,      /* number: the exit code */
    WIRE_CAUSE_MEMORY = 3,    /* the kernel's out-of-memory killer, or a memory limit */
    WIRE_CAUSE_HOST_LOST = 4, /* the host fell silent */
    WIRE_CAUSE_DRAINED = 5,
    WIRE_CAUSE_TERMINATED = 6, /* killed because its task was cancelled */
};

struct wire_failure {
    uint32_t code; /* a wherry_err */
    struct span text;
    uint32_t cause;
    int64_t cause_number;
    struct span host;
    int64_t pid;
    int64_t retry_ms;
};
void wire_put_failure(struct bytes *out, const struct wire_failure *failure);
wherry_err wire_get_failure(struct span payload, struct wire_failure *out);

/* ---- hello ---------------------------------------------------------------------------------- */

enum wire_peer { WIRE_CLIENT = 0, WIRE_HOST = 1, WIRE_CHILD = 2 };

struct wire_attempt { /* one started or answered attempt of a gate */
    struct task_id id;
    struct token token;
    bool answered;
};
bool wire_next_attempt(struct wire_items *items, struct wire_attempt *out);

struct wire_place { /* one gate, alive or of a child that died unacknowledged */
    uint32_t place;
    bool alive;
    uint32_t generation;
    uint32_t started;
    struct wire_items attempts;
};
bool wire_next_place(struct wire_items *items, struct wire_place *out);

struct wire_held { /* a result that its child still holds */
    struct task_id id;
    struct token token;
    uint32_t status;
    struct span payload;
};
bool wire_next_held(struct wire_items *items, struct wire_held *out);

/* [1, peer, min, max, features, resume, session, secret, [parent, attempt epoch, counter], label, pid,
 * X]; X of a client: nil */
struct wire_hello {
    uint32_t peer; /* enum wire_peer */
    uint32_t version_min;
    uint32_t version_max;
    uint64_t features;
    bool resume; /* false: a new session */
    uint64_t session;
    struct span secret;  /* WIRE_SECRET_SIZE bytes */
    uint64_t parent;     /* child: its host's session; client inside a task: the child's; else 0 */
    struct token attempt; /* client inside a task: that attempt; else 0,0 */
    struct span label;   /* host name or program name, for people only */
    int64_t pid;
    /* X of a host: [pool, processes, [function…], [place…]] */
    struct span pool;
    uint32_t processes;
    struct wire_items functions; /* names */
    struct wire_items places;
    /* X of a child: [place, generation, started, [held…]] */
    uint32_t place;
    uint32_t generation;
    uint32_t started;
    struct wire_items held;
};

/* Writing a hello: call begin with everything but the lists, then its lists in order. For a host:
 * each function; then for each place: place, its attempts; end. For a child: each held; end. */
void wire_hello_begin(struct wire_out *out, const struct wire_hello *hello, uint32_t function_count,
                      uint32_t place_count);
void wire_hello_function(struct wire_out *out, struct span name);
void wire_hello_place(struct wire_out *out, const struct wire_place *place, uint32_t attempt_count);
void wire_hello_attempt(struct wire_out *out, const struct wire_attempt *attempt);
void wire_hello_held(struct wire_out *out, const struct wire_held *held);
void wire_hello_end(struct wire_out *out);
wherry_err wire_get_hello(const struct wire_message *message, struct wire_hello *out);

struct wire_hello_ok {
    uint64_t epoch;
    uint32_t version;
    uint64_t features;
    struct span store; /* 16 bytes: the store's uuid */
    uint64_t session;
    bool keeps;         /* the broker has a persistent store */
    uint32_t beat_ms;   /* send BEAT at least this often */
    uint32_t payload_max;
};
void wire_put_hello_ok(struct wire_out *out, const struct wire_hello_ok *message);
wherry_err wire_get_hello_ok(const struct wire_message *message, struct wire_hello_ok *out);

struct wire_session_lost {
    uint64_t epoch;
    struct span store;
    bool keeps;
};
void wire_put_session_lost(struct wire_out *out, const struct wire_session_lost *message);
wherry_err wire_get_session_lost(const struct wire_message *message, struct wire_session_lost *out);

struct wire_refused {
    uint64_t epoch;
    uint32_t err;
    struct span text;
};
void wire_put_refused(struct wire_out *out, const struct wire_refused *message);
wherry_err wire_get_refused(const struct wire_message *message, struct wire_refused *out);

/* GOODBYE, BEAT, DRAIN (peer: epoch not written) and HELLO_REQUIRED, BEAT_OK (broker). */
void wire_put_plain(struct wire_out *out, enum wire_type type, uint64_t epoch);
/* The epoch of any message of the broker, or 0. */
uint64_t wire_epoch_of(const struct wire_message *message);

/* ---- client and broker ---------------------------------------------------------------------- */

enum { /* task option flags */
    TASK_KEEP = 1,      /* the result stays for its time to live; anybody with the role may read it */
    TASK_NO_RESULT = 2, /* nobody wants the result */
    TASK_ONCE = 4,      /* may run once only: max_attempts = 1 */
};

struct wire_options { /* [flags, priority, max_attempts, ttl_ms] ; defaults are 0 */
    uint32_t flags;
    int32_t priority;
    uint32_t max_attempts; /* 0: the queue's rule (3 crashes, 10 lost leases) */
    uint64_t ttl_ms;       /* how long a kept result stays; 0: 1 h, failures 24 h */
};

enum { SUBMIT_WANT_ACK = 1 };

/* [10, slot, acked, flags, queue, function, options, wait_ms, [item…]]
 * item = number, payload: two elements; payload = bin | frame number | [payload, [ref…], origin id] */
struct wire_submit {
    uint16_t slot;
    uint64_t acked; /* all answers up to here were received */
    uint32_t flags;
    struct span queue;
    struct span function;
    struct wire_options options;
    int64_t wait_ms; /* at a full queue: 0 = FULL at once, -1 = wait without end */
    struct wire_items items;
};
struct wire_submit_item {
    uint64_t number;
    struct span payload;
    int frame;             /* the payload's frame, or 0 when inline: frames may be moved */
    bool has_origin;       /* a resubmission names the id under which the task is known */
    struct task_id origin;
};
void wire_submit_begin(struct wire_out *out, const struct wire_submit *head); /* items ignored */
/* Inline when payload.release is NULL and size ≤ WIRE_INLINE_MAX, else as a frame. */
void wire_submit_item(struct wire_out *out, uint64_t number, struct wire_part payload,
                      const struct task_id *origin);
void wire_submit_end(struct wire_out *out);
/* Patch the head of a finished submit in place: both are written at fixed width. */
void wire_submit_patch(struct wire_out *out, uint64_t acked, uint32_t flags);
wherry_err wire_get_submit(const struct wire_message *message, struct wire_submit *out);
bool wire_next_submit(struct wire_items *items, struct wire_submit_item *out);

/* [11, slot, acked, credit, [run…]]   run = first, count: two elements */
struct wire_ack {
    uint16_t slot;
    uint64_t acked;
    uint64_t credit; /* absolute: result bytes this session may be sent since its hello */
    struct wire_items results; /* runs of numbers whose results were received */
};
void wire_put_ack(struct wire_out *out, const struct wire_ack *ack, const struct wire_run *runs,
                  uint32_t run_count);
wherry_err wire_get_ack(const struct wire_message *message, struct wire_ack *out);

/* [12, slot, [run…]] */
struct wire_cancel {
    uint16_t slot;
    struct wire_items runs;
};
void wire_put_cancel(struct wire_out *out, uint16_t slot, const struct wire_run *runs,
                     uint32_t run_count);
wherry_err wire_get_cancel(const struct wire_message *message, struct wire_cancel *out);

enum wire_verb {
    WIRE_TASK_WAIT = 1,   /* body [id bin]: wait until terminal; ANSWER body [status, payload] */
    WIRE_TASK_CANCEL = 2, /* body [id bin] */
    WIRE_STATUS = 3,      /* body []: ANSWER body: a map, see docs/protocol.md */
    WIRE_POOL_SHOW = 4,   /* body [pool name] */
    WIRE_QUEUE_SET = 5,   /* body [name, items max, bytes max]: 0 leaves as it is */
    WIRE_WAITING = 6,     /* body [id bin]: why is it not running? ANSWER body [text] */
};

/* The maps that STATUS and POOL_SHOW answer: text keys, unsigned integers unless said otherwise;
 * readers ignore keys that they do not know. `wherry status` and `wherry pool` show them.
 *
 *     STATUS     epoch, keeps bool, queues [QUEUE…], totals {each field of engine_counts by its name}
 *     QUEUE      name, waiting (what the bound counts), bytes, items_max, bytes_max, running (leased),
 *                waiters, oldest_ms, missing [function that nobody offers and somebody waits for…]
 *     POOL_SHOW  name, queue, waiting, running, functions [name…], hosts [HOST…]
 *     HOST       host (label), pid, state "ready" | "draining" | "silent", processes (its number of
 *                places), children [CHILD…]
 *     CHILD      place, pid, state "idle" | "running" | "held", task (id text; "" when idle),
 *                function ("" when idle), leased */

/* [13, call, verb, timeout_ms, thread, body bin] */
struct wire_call {
    uint64_t call; /* chosen by the client, unique in its session */
    uint32_t verb;
    int64_t timeout_ms;
    uint64_t thread; /* a lock's owner is (session, thread) */
    struct span body; /* one msgpack array */
};
void wire_put_call(struct wire_out *out, const struct wire_call *call);
wherry_err wire_get_call(const struct wire_message *message, struct wire_call *out);

struct wire_accepted { /* [50, epoch, slot, [run…]] */
    uint64_t epoch;
    uint16_t slot;
    struct wire_items runs;
};
void wire_put_accepted(struct wire_out *out, uint64_t epoch, uint16_t slot,
                       const struct wire_run *runs, uint32_t run_count);
wherry_err wire_get_accepted(const struct wire_message *message, struct wire_accepted *out);

struct wire_answered { /* [51, epoch, slot, number, err, text] */
    uint64_t epoch;
    uint16_t slot;
    uint64_t number;
    uint32_t err; /* RETRY: its turn has come, send the payload again */
    struct span text;
};
void wire_put_answered(struct wire_out *out, const struct wire_answered *message);
wherry_err wire_get_answered(const struct wire_message *message, struct wire_answered *out);

/* [52, epoch, slot, [number, status, payload, …]] three elements an item */
struct wire_result {
    uint64_t epoch;
    uint16_t slot;
    struct wire_items items;
};
struct wire_result_item {
    uint64_t number;
    uint32_t status;
    struct span payload;
    int frame;
};
void wire_result_begin(struct wire_out *out, uint64_t epoch, uint16_t slot);
void wire_result_item(struct wire_out *out, uint64_t number, uint32_t status,
                      struct wire_part payload);
void wire_result_end(struct wire_out *out);
wherry_err wire_get_result(const struct wire_message *message, struct wire_result *out);
bool wire_next_result(struct wire_items *items, struct wire_result_item *out);

struct wire_answer { /* [53, epoch, call, err, text, body bin] */
    uint64_t epoch;
    uint64_t call;
    uint32_t err;
    struct span text;
    struct span body;
    int frame; /* of a large body, else 0 */
};
void wire_put_answer(struct wire_out *out, const struct wire_answer *message, struct wire_part body);
wherry_err wire_get_answer(const struct wire_message *message, struct wire_answer *out);

/* ---- child and broker ----------------------------------------------------------------------- */

struct wire_credit { /* [20, generation, up_to, started] */
    uint32_t generation;
    uint32_t up_to; /* absolute: slots 1 … up_to of this generation may be filled */
    uint32_t started;
};
void wire_put_credit(struct wire_out *out, const struct wire_credit *credit);
wherry_err wire_get_credit(const struct wire_message *message, struct wire_credit *out);

/* [21, epoch, generation, up_to, started, busy_us, [index, counter, status, payload, …]]
 * `epoch` is the one in which the deliveries were made: index and counter belong to it. */
struct wire_results {
    uint64_t epoch;
    struct wire_credit credit;
    uint64_t busy_us; /* time spent in the functions of these items */
    struct wire_items items;
};
struct wire_results_item {
    uint32_t index; /* as delivered */
    uint64_t counter;
    uint32_t status;
    struct span payload;
    int frame;
};
void wire_results_begin(struct wire_out *out, uint64_t epoch);
void wire_results_item(struct wire_out *out, uint32_t index, uint64_t counter, uint32_t status,
                       struct wire_part payload);
void wire_results_end(struct wire_out *out, struct wire_credit credit, uint64_t busy_us);
wherry_err wire_get_results(const struct wire_message *message, struct wire_results *out);
bool wire_next_results(struct wire_items *items, struct wire_results_item *out);

/* [60, epoch, generation, first_slot, first_counter, queue, function, options, [index, id|nil,
 * payload, …]]: slots and counters run on by one an item; a nil id is the one before plus one. */
struct wire_deliver {
    uint64_t epoch;
    uint32_t generation;
    uint32_t first_slot;
    uint64_t first_counter;
    struct span queue;
    struct span function;
    struct wire_options options;
    struct wire_items items;
};
struct wire_deliver_item {
    uint32_t index;
    struct task_id id; /* filled in for nil, too: keep one struct for the whole walk */
    struct span payload;
    int frame;
};
void wire_deliver_begin(struct wire_out *out, const struct wire_deliver *head);
void wire_deliver_item(struct wire_out *out, uint32_t index, const struct task_id *id,
                       struct wire_part payload);
void wire_deliver_end(struct wire_out *out);
wherry_err wire_get_deliver(const struct wire_message *message, struct wire_deliver *out);
bool wire_next_deliver(struct wire_items *items, struct wire_deliver_item *out);

/* RESULT_ACK [61, epoch, [token epoch, first counter, count, …]]
 * LEASE_LOST [71, epoch, place, [token epoch, first counter, count, …]] */
struct wire_tokens {
    uint64_t epoch;
    uint32_t place; /* LEASE_LOST only */
    struct wire_items runs;
};
struct wire_token_run {
    uint64_t epoch;
    uint64_t first;
    uint64_t count;
};
void wire_put_tokens(struct wire_out *out, enum wire_type type, uint64_t epoch, uint32_t place,
                     const struct wire_token_run *runs, uint32_t run_count);
wherry_err wire_get_tokens(const struct wire_message *message, struct wire_tokens *out);
bool wire_next_token_run(struct wire_items *items, struct wire_token_run *out);

/* ---- host and broker ------------------------------------------------------------------------ */

struct wire_gate { /* [30, place, generation, started]: everything of `generation` above is void */
    uint32_t place;
    uint32_t generation;
    uint32_t started;
};
void wire_put_gate(struct wire_out *out, const struct wire_gate *gate);
wherry_err wire_get_gate(const struct wire_message *message, struct wire_gate *out);

/* [31, place, sequence, generation, started, cause, number, text, rss, [attempt…], pid] */
struct wire_death {
    uint32_t place;
    uint64_t sequence; /* of this host; repeated until acknowledged */
    uint32_t generation;
    uint32_t started;
    uint32_t cause; /* enum wire_cause */
    int64_t cause_number;
    struct span text; /* last stderr lines or backtrace */
    uint64_t rss_peak_bytes;
    int64_t pid;
    struct wire_items attempts; /* started ones: running and answered but unacknowledged */
};
void wire_put_death(struct wire_out *out, const struct wire_death *death,
                    const struct wire_attempt *attempts, uint32_t attempt_count);
wherry_err wire_get_death(const struct wire_message *message, struct wire_death *out);

struct wire_place_note { /* CLOSE_GATE [70, epoch, place]; DEATH_ACK [72, epoch, place, sequence] */
    uint64_t epoch;
    uint32_t place;
    uint64_t sequence;
};
void wire_put_close_gate(struct wire_out *out, const struct wire_place_note *note);
wherry_err wire_get_close_gate(const struct wire_message *message, struct wire_place_note *out);
void wire_put_death_ack(struct wire_out *out, const struct wire_place_note *note);
wherry_err wire_get_death_ack(const struct wire_message *message, struct wire_place_note *out);

struct wire_signal { /* [73, epoch, place, token epoch, counter, signal] */
    uint64_t epoch;
    uint32_t place;
    struct token token;
    uint32_t signal;
};
void wire_put_signal(struct wire_out *out, const struct wire_signal *message);
wherry_err wire_get_signal(const struct wire_message *message, struct wire_signal *out);

#endif
