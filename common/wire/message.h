/* SPDX-License-Identifier: MIT
 *
 * Messages in general: types, bounds, frames in and out, and the small pieces that several have.
 * What wire.h says of readers and writers holds here. */
#ifndef WHERRY_WIRE_MESSAGE_H
#define WHERRY_WIRE_MESSAGE_H

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
    WIRE_RENUMBER = 14, /* parked submits of mine get new numbers */
    /* child to broker */
    WIRE_CREDIT = 20, /* deliver up to slot n of generation g */
    WIRE_RESULTS = 21,
    /* host to broker */
    WIRE_GATE = 30,  /* a gate was closed: (place, generation, started) */
    WIRE_DEATH = 31, /* a child died, and what its gate said */
    WIRE_DRAIN = 32, /* this host takes nothing more */
    WIRE_STATES = 33, /* what its Processes do: waiting or running, and their names */
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
    WIRE_PARKED = 54,   /* runs of numbers that wait at a full queue: answered later */
    /* broker to child */
    WIRE_DELIVER = 60,
    WIRE_RESULT_ACK = 61, /* these results are recorded: forget them */
    /* broker to host */
    WIRE_CLOSE_GATE = 70, /* take back what a child has not started */
    WIRE_LEASE_LOST = 71, /* these attempts are void: stop them */
    WIRE_DEATH_ACK = 72,
    WIRE_SIGNAL = 73, /* signal the child if it runs this attempt */
    WIRE_SPAWN = 74,  /* fork a child in this process place: a Process waits for it */
    WIRE_STOP = 75,   /* end that child, if it has not begun anything */
    WIRE_OUTPUT = 76, /* reserved: stdout and stderr lines */
    WIRE_MOVED = 77,  /* reserved: another broker owns the slot */
    WIRE_LEAVE = 78,  /* drain, and go */
};

/* How an attempt or task ended. */
enum wire_status {
    WIRE_DONE = 0,      /* payload: the value, one msgpack value */
    WIRE_FAILED = 1,    /* payload: failure (below) */
    WIRE_CANCELLED = 2, /* payload: failure or empty. From a child: it was told to stop, and did */
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
    uint32_t processes_max; /* private: what a host's hello ends with, … */
    bool ends_host;         /* … once its lists are written */
};

void wire_out_init(struct wire_out *out);
void wire_out_clear(struct wire_out *out); /* for the next message; memory kept, parts forgotten */
void wire_out_fini(struct wire_out *out);
/* A borrowed view, for tests and simulated networks. */
struct wire_message wire_out_message(const struct wire_out *out);
/* True if another item with this payload still fits the frame and batch limits. */
bool wire_out_fits(const struct wire_out *out, size_t payload_size);
/* Makes room for one more item with this payload, so that writing it allocates nothing. False: no
 * memory, nothing changed. For the client library; elsewhere memory that runs out ends the
 * process. */
bool wire_out_reserve(struct wire_out *out, size_t payload_size);

/* The type of a message, after checking that frame 0 is one well-formed array whose first element
 * is a known type, with nothing behind it. PROTOCOL otherwise. Of the hot batches (SUBMIT, DELIVER,
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

#endif
