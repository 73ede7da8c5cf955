/* SPDX-License-Identifier: MIT
 *
 * The inside of an async: the owner of one submitted call, of one whole map, or of the question
 * after a task that was submitted elsewhere.
 *
 *     word:  done · waited · accepted · released · callback · held
 *
 * `held` says that somebody inside the library may still tell it something, `callback` that its
 * callback is queued or runs. It is given back to the slab by whoever makes the word "done and
 * released, neither callback nor held". */
#ifndef WHERRY_CLIENT_ASYNC_H
#define WHERRY_CLIENT_ASYNC_H

#include "client/connection.h"

enum {
    ASYNC_ACCEPTED = WAIT_FIRST_FREE,
    ASYNC_RELEASED = WAIT_FIRST_FREE << 1,
    ASYNC_CALLBACK = WAIT_FIRST_FREE << 2,
    ASYNC_HELD = WAIT_FIRST_FREE << 3,
    ASYNC_SMALL_SIZE = 24,
};

struct async_more { /* what most asyncs do not need */
    wherry_callback callback;
    wherry_error_callback error_callback;
    void *context;
    char *error; /* text; NULL: wherry_err_text(err) */
    char *host;
    wherry_cause cause;
    int64_t cause_number;
    int64_t pid;
    struct map *map; /* a whole map: builds the value when it is asked for */
    uint64_t call;   /* attached: the open question; 0: none */
};

struct wherry_async {
    struct owner owner;
    atomic_uint word;
    wherry_err err;
    struct wherry_connection *connection;
    struct wherry_pool *pool; /* counts it; NULL: none does */
    struct task_id id;
    struct task_id key; /* under the mutex */
    struct wire_part result;
    _Atomic(wherry_value *) value; /* made when first asked for */
    struct async_more *more;
    struct wherry_async *following; /* in the slab, in the queue of callbacks */
    uint8_t small[ASYNC_SMALL_SIZE];
    char id_text[ID_TEXT_SIZE]; /* "" until asked for */
};

struct async_slab *async_slab_create(void);
void async_slab_destroy(struct async_slab **slab);

/* Under the mutex. Held and not released; NULL: no memory. */
struct wherry_async *async_new(struct wherry_connection *connection, const struct owner_kind *kind);
/* One that was never shown to anybody. Under the mutex. */
void async_drop(struct wherry_async *async);
struct async_more *async_more_of(struct wherry_async *async); /* NULL: no memory */
/* Callbacks of the options, if any. */
bool async_callbacks_set(struct wherry_async *async, const wherry_call_options *options);

extern const struct owner_kind async_call_kind;
extern const struct owner_kind async_attached_kind;

/* ---- under the mutex: the outcome ---- */

void async_store(struct wherry_async *async, const struct session_outcome *outcome);
void async_store_error(struct wherry_async *async, wherry_err err, struct span text);
/* Ends it for its user: callback queued, word done, waiters woken. With keep_held it can still be
 * told its real end, which changes nothing any more. */
void async_done(struct wherry_async *async, bool keep_held);
void async_unhold(struct wherry_async *async);
void async_accept(struct wherry_async *async);

/* ---- any thread ---- */

/* The value, made if need be, borrowed. Returns OK, TYPE (no MessagePack), NO_MEMORY. */
wherry_err async_value(struct wherry_async *async, const wherry_value **out);
/* The value as a new one of the caller's, of an async that is done and OK and nobody else's. */
wherry_err async_value_take(struct wherry_async *async, wherry_value **out);
void async_callback_over(struct wherry_async *async);
const char *async_error_text(const struct wherry_async *async);
static inline bool async_is_done(const struct wherry_async *async) {
    return (atomic_load_explicit(&async->word, memory_order_acquire) & WAIT_DONE) != 0;
}

#endif
