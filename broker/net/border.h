/* SPDX-License-Identifier: MIT
 *
 * The border between bytes and meaning, in both directions, without a socket:
 *
 *     wire message + route ── border_decode ──> event
 *         checked to the last item before the engine sees any of it; payloads are in the store
 *     effect ── border_encode ──> wire messages
 *         split at WIRE_BATCH_MAX; large payloads as frames, not copied
 *
 * The broker program puts a ROUTER around it, the simulation a virtual network. One thread a
 * border. */
#ifndef WHERRY_BORDER_H
#define WHERRY_BORDER_H

#include "broker/core/effect.h"
#include "broker/core/event.h"
#include "broker/net/payload.h"
#include "common/wire/wire.h"

struct border;

struct border_config {
    uint64_t epoch; /* stands on every message */
    struct payload_store *store; /* borrowed until border_destroy */
};

struct border *border_create(const struct border_config *config);
void border_destroy(struct border **border);

/* ---- in -------------------------------------------------------------------------------------- */

/* Gives the owner of payload frame `frame` (1 …) of the message being decoded; asked at most once a
 * frame, and only for frames that the event keeps. */
typedef struct payload_owner border_take(void *context, size_t frame);

/* Returns
 *   OK        *out is the event; its arrays and texts are borrowed from the border and the message
 *             until the next border_decode, its payloads belong to whoever takes the event
 *   PROTOCOL  the message is not one that a peer may send; nothing was kept; border_refusal() says
 *   why.
 *             The sender should be told (REFUSED) and forgotten (EVENT_ROUTE_LOST).
 * take: NULL copies the frames. */
wherry_err border_decode(struct border *border, route_id route, const struct wire_message *message,
                         border_take *take, void *context, struct event *out);
/* Why the last border_decode refused, in words for the peer; borrowed until the next one. */
struct span border_refusal(const struct border *border);
/* For an event that is not given to the engine after all: frees its payloads. */
void border_drop(struct border *border, const struct event *event);

/* ---- out ------------------------------------------------------------------------------------- */

/* Takes the message: moves or copies its body and sees that the release of each part runs, also
 * when it cannot be sent (border_release). `message` itself stays the border's. */
typedef void border_send(void *context, route_id route, struct wire_out *message);

/* Runs the release of every part; what a send does with a message that goes nowhere. */
void border_release(struct wire_out *message);

/* True: the effect was a message (or several) and was given to `send`, or it was a PAYLOAD_FREE,
 * which is done here. False: it is the shell's: CLOSE_ROUTE, PUT, DELETE, COMMIT, LOG. */
bool border_encode(struct border *border, const struct effect *effect, border_send *send,
                   void *context);

/* A REFUSED that needs no engine (a message that border_decode refused). */
void border_refuse(struct border *border, route_id route, wherry_err err, struct span text,
                   border_send *send, void *context);
/* A BEAT_OK that nobody asked for: probes whether the route still leads anywhere. */
void border_probe(struct border *border, route_id route, border_send *send, void *context);

/* ---- counts ---------------------------------------------------------------------------------- */

enum { BORDER_BUCKETS = 18 }; /* batch sizes 1, 2, 3–4, 5–8, … ≤ 65,536, and one more */

struct border_batches {
    uint64_t buckets[BORDER_BUCKETS]; /* messages by number of items; bucket n holds ≤ 2^n */
    uint64_t messages;
    uint64_t items;
};

struct border_counts {
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t refused; /* by border_decode */
    struct border_batches submits;
    struct border_batches deliveries;
    struct border_batches results_in;  /* of children */
    struct border_batches results_out; /* to clients */
};
const struct border_counts *border_counts(const struct border *border);

#endif
