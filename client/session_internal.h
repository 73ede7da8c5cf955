/* SPDX-License-Identifier: MIT
 *
 * The inside of a session, shared by its files and by nobody else.
 *
 *     session.c        life, connection states, what goes out next
 *     session_input.c  what comes in
 *     session_task.c   streams and task records: (slot, number) -> record
 *     session_batch.c  batches: open, seal, send, drop
 *     session_again.c  some tasks of a batch again; CANCEL
 *     session_renumber.c  new numbers for what waits for long
 *     session_call.c   questions, and settling tasks by id
 *     session_renew.c  SESSION_LOST: a new identity, resubmission, and the end of all calls
 *
 *     session ──> streams (one a slot) ──> chunks of 1,024 records ──> batch with the arguments
 *        └──────> batches in order of submission:  kept … flying … waiting … open */
#ifndef WHERRY_SESSION_INTERNAL_H
#define WHERRY_SESSION_INTERNAL_H

#include "client/session.h"
#include "common/bounds.h"
#include "common/check.h"

#include <stdatomic.h>

enum {
    SESSION_CHUNK = 1024,
    SESSION_RUNS = 256,        /* runs of one ACK; when they are used up it is due */
    SESSION_SPARE_BATCHES = 8, /* buffers kept for the next batches */
    SESSION_FAILURE_SIZE = 256,
    SESSION_RESULT_OVERHEAD = 64, /* a result: credit is never less than the broker's count */
};

/* ---- tasks ---- */

enum session_task_state {
    SESSION_TASK_GONE = 0, /* finished, or its number was never given out */
    SESSION_TASK_OPEN,
    SESSION_TASK_SENT,
    SESSION_TASK_ACCEPTED,
};

enum { /* flags of a record */
       SESSION_CANCEL_ASKED = 1,
       SESSION_RETRY_ASKED = 2,     /* the broker wants its payload again */
       SESSION_ACCEPTED_ONCE = 4,   /* by this broker or one before */
       SESSION_ACCEPT_WANTED = 8,   /* its owner wants to be told */
       SESSION_PERHAPS_IN = 16,     /* sent to a broker that is gone, which never answered */
       SESSION_TASK_PARKED = 32,    /* it waits at a full queue, says the broker */
       SESSION_HEIR = 64,           /* a number that another one is to become: `kin` behind it */
       SESSION_RENUMBER_SAID = 128, /* on this connection */
};

struct session_record {
    void *owner;                 /* NULL: forgotten */
    struct session_batch *batch; /* holds its arguments; NULL once nobody can ask for them again */
    uint8_t state;
    uint8_t flags;
    uint32_t kin; /* the new number minus the old one, at both; 0: none */
};

struct session_chunk {
    struct session_record records[SESSION_CHUNK];
    uint32_t alive;
};

struct session_numbers {
    uint64_t *items;
    size_t count;
    size_t capacity;
};

struct session_stream {
    uint16_t slot;
    uint64_t next;  /* the next number */
    uint64_t acked; /* all up to here are answered */
    uint64_t acked_told;
    uint32_t unanswered;           /* requests; heirs are none */
    uint32_t parked;               /* tasks that wait at full queues */
    size_t parked_bytes;           /* of parked batches */
    uint64_t first_chunk;          /* chunks[0] holds numbers first_chunk * 1,024 + 1 … */
    struct session_chunk **chunks; /* NULL: all gone */
    size_t chunk_count;
    size_t chunk_capacity;
    struct wire_run *runs; /* results received, not yet acknowledged */
    size_t run_count;
    size_t run_capacity;
    struct session_numbers cancels;
    struct session_numbers retries; /* arguments to be sent again */
    struct session_stream *following;
};

/* ---- batches ---- */

enum session_batch_state {
    SESSION_BATCH_OPEN,
    SESSION_BATCH_WAITING, /* sealed, to be sent (again) */
    SESSION_BATCH_FLYING,  /* sent, some task unanswered */
    SESSION_BATCH_PARKED,  /* sent, and all that is unanswered waits at a full queue */
    SESSION_BATCH_KEPT,    /* answered; arguments kept */
};

struct session_batch {
    struct session_batch *previous;
    struct session_batch *following;
    struct wire_out out;
    atomic_uint holds; /* the session's, and one a frame that libzmq still reads */
    enum session_batch_state state;
    uint16_t slot;
    size_t size; /* bytes, frames included */
    uint32_t count;
    uint32_t unanswered;
    uint32_t parked; /* of them */
    uint32_t heirs;  /* of them */
    uint32_t needed; /* tasks whose arguments may have to be sent again */
    uint64_t first;  /* numbers first … first + count - 1 */
    struct wire_options options;
    int64_t wait_ms;
    int64_t opened_us;
    bool sent_before;
    bool want_ack;
    bool again; /* all of it was accepted by a broker that has forgotten it */
    uint16_t queue_size;
    uint16_t function_size;
    char names[2 * WIRE_NAME_MAX]; /* queue, then function */
};

/* ---- calls ---- */

struct session_call_entry {
    struct session_call_entry *following;
    uint64_t call;
    void *owner;                   /* NULL: forgotten, or one of our own questions */
    struct session_settle *settle; /* our own: what it settles */
    struct task_id about;          /* the task that is asked about; session 0: none */
    uint32_t verb;
    int64_t deadline_us; /* INT64_MAX: none */
    uint64_t thread;
    bool sent;
    struct bytes body;
};

/* A task of a lost session, being settled by its id. */
struct session_settle {
    struct session_settle *following;
    struct task_id id;  /* known to the broker by this */
    struct task_id key; /* known to the owner by this */
    void *owner;
    bool accepted;
    bool asked;
    bool cancel;
};

/* Not answered, and its batch has yet to be sent on this connection: what is said about it must
 * wait, because the broker may never have heard of it. */
static inline bool session_record_unsent(const struct session_record *record) {
    return record->state < SESSION_TASK_ACCEPTED && record->batch != NULL &&
           (record->batch->state == SESSION_BATCH_OPEN ||
            record->batch->state == SESSION_BATCH_WAITING);
}

/* ---- the whole ---- */

struct session {
    struct session_ops ops;
    void *context;
    struct session_options options;
    uint64_t id;
    uint8_t secret[WIRE_SECRET_SIZE];
    bool established; /* HELLO_OK came for this id: resume it, do not make it */
    uint64_t epoch;
    bool keeps;
    uint32_t payload_max;
    uint32_t window;
    int64_t beat_us;

    /* this connection */
    bool attached; /* one exists */
    bool connected;
    bool hello_due;
    bool reopen;
    bool closing;
    bool goodbye_due;
    int64_t hello_by_us;
    int64_t beat_at_us;
    bool beat_due;
    uint32_t beats_unanswered;
    int64_t away_since_us; /* no broker since */
    uint64_t received_bytes;
    int64_t now_us;

    wherry_err failed;
    char failure[SESSION_FAILURE_SIZE];
    char restoring[SESSION_FAILURE_SIZE]; /* what a broker that reads its store said; "": serves */

    struct session_stream *by_slot[ID_SLOTS];
    struct session_stream *streams;
    uint32_t stream_count;
    uint64_t alive;

    struct session_batch *batches;
    struct session_batch *batches_last;
    struct session_batch *open;
    struct session_batch *send_at; /* the first WAITING one, or NULL */
    uint32_t in_flight;
    size_t in_flight_bytes;
    size_t waiting_bytes; /* of open and waiting batches */
    struct session_batch *spare;
    uint32_t spare_count;

    uint32_t results_unacked;
    uint64_t bytes_unacked;
    int64_t ack_at_us;   /* INT64_MAX: nothing to acknowledge */
    size_t cancel_count; /* over all streams */
    size_t retry_count;
    struct session_stream *renumber; /* its oldest number waits, half a window behind; or NULL */
    bool cancels_ever;               /* else no record needs to be looked at after a reconnect */

    struct session_call_entry *calls;
    struct session_call_entry *calls_last;
    uint32_t call_count;
    uint32_t calls_unsent;
    uint64_t call_next;
    struct session_settle *settling;
    uint32_t settle_asked;

    uint64_t unanswered;
    uint64_t garbage;
    uint64_t resubmitted;
    uint64_t batch_count;
    uint64_t batch_bytes;
};

/* session.c */
void session_fail(struct session *session, wherry_err err, const char *text, size_t text_size);
void session_identify(struct session *session); /* a fresh id and secret */

/* session_task.c */
struct session_stream *session_stream_of(struct session *session, uint16_t slot); /* NULL: LIMIT */
struct session_record *session_record_find(struct session_stream *stream, uint64_t number);
/* Room for the record of stream->next. */
bool session_record_reserve(struct session_stream *stream);
struct session_record *session_record_new(struct session *session, struct session_stream *stream);
void session_record_drop(struct session *session, struct session_stream *stream, uint64_t number,
                         struct session_record *record);
void session_record_answered(struct session *session, struct session_stream *stream,
                             uint64_t number, struct session_record *record);
/* It waits at a full queue, or does so no more. */
void session_record_park(struct session *session, struct session_stream *stream,
                         struct session_record *record);
void session_record_unpark(struct session_stream *stream, struct session_record *record);
void session_record_finish(struct session *session, struct session_stream *stream, uint64_t number,
                           struct session_record *record, const struct session_outcome *outcome);
/* Puts the number on the list and sets the flag; no-ops when it is set. */
void session_ask_cancel(struct session *session, struct session_stream *stream, uint64_t number,
                        struct session_record *record);
void session_ask_retry(struct session *session, struct session_stream *stream, uint64_t number,
                       struct session_record *record);
void session_cancels_rewind(struct session *session); /* all are to be said again */
void session_stream_free(struct session_stream *stream);
void session_streams_clear(struct session *session); /* all of them, telling nobody */
void session_result_received(struct session *session, struct session_stream *stream,
                             uint64_t number, size_t size);

/* session_batch.c */
struct session_batch *session_batch_open(struct session *session, const struct session_lane *lane,
                                         uint16_t slot, uint64_t first);
bool session_batch_fits(const struct session_batch *batch, const struct session_lane *lane,
                        size_t payload_size);
void session_batch_append(struct session *session, struct session_batch *batch,
                          struct wire_part payload, const struct task_id *origin);
void session_batch_seal(struct session *session);
/* One task less. */
void session_batch_release(struct session *session, struct session_batch *batch);
void session_batch_answered(struct session *session, struct session_batch *batch); /* one more */
/* Its counts have changed: it may have landed. */
void session_batch_settle(struct session *session, struct session_batch *batch);
void session_batches_clear(struct session *session);
void session_spares_free(struct session *session);
void session_batch_unkeep(struct session_batch *batch); /* our hold on a batch out of the list */
void session_batches_rewind(struct session *session);   /* what is unanswered is to be sent again */
bool session_batch_sendable(const struct session *session);
void session_batch_send(struct session *session, struct wire_out *out, struct wire_part *body);
void session_batch_begin(struct wire_out *out, const struct session_lane *lane, uint16_t slot,
                         uint64_t acked, uint32_t flags);
struct wire_part session_batch_lend(struct session_batch *batch, const void *data, size_t size);
struct session_lane session_batch_lane(const struct session_batch *batch);

/* session_again.c */
typedef bool (*session_keep)(const struct session_record *record);
bool session_keep_unanswered(const struct session_record *record);
/* A wait at a full queue goes on with what is left of it. */
int64_t session_batch_wait_left(const struct session *session, const struct session_batch *batch);
/* What of the flags never changes. */
static inline uint32_t session_batch_again(const struct session_batch *batch) {
    return batch->again ? SUBMIT_AGAIN : 0;
}
/* Writes those items of `batch` for which keep(record) holds, with a fresh head. False: none. */
bool session_batch_rewrite(struct session *session, struct session_batch *batch,
                           struct wire_out *out, session_keep keep, uint32_t flags);
struct wire_part session_batch_part(struct session_batch *batch,
                                    const struct wire_submit_item *item);
/* The next message that sends single tasks again, or cancels. False: none. */
bool session_retry_send(struct session *session, struct wire_out *out);
bool session_cancel_send(struct session *session, struct wire_out *out);

/* session_renumber.c */
/* Something changed: is the oldest number to be renumbered? */
void session_renumber_look(struct session *session, struct session_stream *stream);
bool session_renumber_send(struct session *session, struct wire_out *out); /* false: nothing */
/* The broker has moved a task to this number. */
void session_heir_take(struct session *session, struct session_stream *stream, uint64_t number,
                       struct session_record *heir);

/* session_call.c */
void session_calls_rewind(struct session *session);
bool session_call_ready(const struct session *session); /* one may be sent now */
bool session_call_send(struct session *session, struct wire_out *out);
void session_call_answer(struct session *session, const struct wire_answer *answer);
void session_calls_end(struct session *session, const struct session_outcome *outcome);
void session_calls_clear(struct session *session);
/* Takes over a record's owner; the record is dropped. */
void session_settle_add(struct session *session, struct task_id id, struct task_id key,
                        const struct session_record *record);
struct session_settle *session_settle_find(struct session *session, struct task_id key);
void session_settle_more(struct session *session); /* asks as many as may be in flight */

/* session_renew.c */
void session_lost(struct session *session, const struct wire_session_lost *lost);
void session_give_up(struct session *session); /* reconnect_limit: ends everything */
void session_end_all(struct session *session, wherry_err err, const char *text);

#endif
