/* SPDX-License-Identifier: MIT
 *
 * Effects into wire messages; see border.h. One effect may become several messages: a batch is cut
 * where it would outgrow WIRE_BATCH_MAX or its frames, a list of runs where it would grow too long.
 *
 * Small payloads are copied from the store into the message's body (once; the body itself is then
 * moved into the socket), large ones go as counted parts: the store keeps them until the last byte
 * has left, even if the engine frees the handle in the next effect. */
#include "broker/net/border_parts.h"
#include "common/check.h"
#include "common/wire/pack.h"

#include <stdlib.h>
#include <string.h>

enum {
    RUNS_MAX = 8192,    /* runs a message: 27 bytes each at most */
    ITEM_OVERHEAD = 32, /* tokens around a payload, for reserving */
};

struct encode {
    struct border *border;
    const struct effect *effect;
    struct wire_out *out;
    border_send *send;
    void *context;
};

static void encode_send(const struct encode *encode) {
    encode->border->counts.messages_out++;
    encode->send(encode->context, encode->effect->route, encode->out);
    wire_out_clear(encode->out);
}

void border_release(struct wire_out *message) {
    for (size_t i = 0; i < message->part_count; i++) {
        struct wire_part *part = &message->parts[i];
        if (part->release != NULL) {
            part->release((void *)(uintptr_t)part->data, part->hint);
        }
    }
    message->part_count = 0;
}

static struct payload_store *store_of(const struct encode *encode) {
    return encode->border->config.store;
}

static uint64_t epoch_of(const struct encode *encode) {
    return encode->border->config.epoch;
}

/* The payload to send: from the store, or bytes that the engine made itself. */
static struct wire_part part_of(const struct encode *encode, struct payload payload,
                                struct span made) {
    if (payload.handle == 0) {
        CHECK(made.size <= WIRE_INLINE_MAX);
        return (struct wire_part){.data = made.data, .size = made.size};
    }
    return payload_part(store_of(encode), payload);
}

/* One allocation for the whole body instead of a dozen doublings: a send moves the memory away, so
 * every large batch starts with none. */
static void body_reserve(struct wire_out *out, uint32_t items, uint32_t first_size) {
    uint64_t guess = ((uint64_t)first_size + ITEM_OVERHEAD) * items + 256;
    CHECK(bytes_reserve(&out->body, guess < WIRE_BATCH_MAX ? (size_t)guess : WIRE_BATCH_MAX));
}

/* ---- batches --------------------------------------------------------------------------------- */

static size_t result_size(const struct effect_result_item *item) {
    return item->payload.handle != 0 ? item->payload.size : item->inline_payload.size;
}

static void result_out(const struct encode *encode) {
    const struct effect_result_item *items = encode->effect->result.items;
    uint32_t count = encode->effect->result.item_count;
    struct wire_out *out = encode->out;
    for (uint32_t at = 0; at < count;) {
        uint32_t first = at;
        body_reserve(out, count - at, items[at].payload.size);
        wire_result_begin(out, epoch_of(encode), encode->effect->result.slot);
        for (; at < count && wire_out_fits(out, result_size(&items[at])); at++) {
            wire_result_item(out, items[at].number, items[at].status,
                             part_of(encode, items[at].payload, items[at].inline_payload));
        }
        wire_result_end(out);
        batches_count(&encode->border->counts.results_out, at - first);
        encode_send(encode);
    }
}

static bool id_follows(struct task_id id, struct task_id before) {
    return id.session == before.session && id.slot == before.slot && id.number == before.number + 1;
}

static void deliver_out(const struct encode *encode) {
    const struct effect_deliver *deliver = &encode->effect->deliver;
    struct wire_out *out = encode->out;
    for (uint32_t at = 0; at < deliver->item_count;) {
        const struct effect_deliver_item *item = &deliver->items[at];
        uint32_t first = at;
        body_reserve(out, deliver->item_count - at, item->payload.size);
        wire_deliver_begin(out, &(struct wire_deliver){
                                    .epoch = epoch_of(encode),
                                    .generation = deliver->generation,
                                    .first_slot = deliver->first_slot + at,
                                    .first_counter = deliver->first_counter + at,
                                    .queue = deliver->queue,
                                    .function = deliver->function,
                                    .options = deliver->options,
                                });
        for (; at < deliver->item_count && wire_out_fits(out, item->payload.size); at++, item++) {
            bool follows = at > first && id_follows(item->id, item[-1].id);
            wire_deliver_item(out, item->index, follows ? NULL : &item->id,
                              payload_part(store_of(encode), item->payload));
        }
        wire_deliver_end(out);
        batches_count(&encode->border->counts.deliveries, at - first);
        encode_send(encode);
    }
}

static uint32_t runs_here(uint32_t left) {
    return left < RUNS_MAX ? left : RUNS_MAX;
}

static void numbers_out(const struct encode *encode, enum wire_type type) {
    uint32_t count = encode->effect->numbers.run_count;
    for (uint32_t at = 0; at < count; at += runs_here(count - at)) {
        wire_put_numbers(encode->out, type, epoch_of(encode), encode->effect->numbers.slot,
                         encode->effect->numbers.runs + at, runs_here(count - at));
        encode_send(encode);
    }
}

static void tokens_out(const struct encode *encode, enum wire_type type) {
    uint32_t count = encode->effect->tokens.run_count;
    for (uint32_t at = 0; at < count; at += runs_here(count - at)) {
        wire_put_tokens(encode->out, type, epoch_of(encode), encode->effect->tokens.place,
                        encode->effect->tokens.runs + at, runs_here(count - at));
        encode_send(encode);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void memory_release(void *data, void *hint) {
    (void)hint;
    free(data);
}

/* A part that owns a copy: the effect's memory ends with the step, the send may take longer. */
static struct wire_part part_copy(struct span bytes) {
    struct wire_part part = {.data = bytes.data, .size = bytes.size};
    if (bytes.size > WIRE_INLINE_MAX) {
        void *copy = malloc(bytes.size);
        CHECK(copy != NULL);
        memcpy(copy, bytes.data, bytes.size);
        part.data = copy;
        part.release = memory_release;
    }
    return part;
}

static void answer_out(const struct encode *encode) {
    struct bytes outcome = BYTES_EMPTY;
    struct span body = encode->effect->answer.body;
    if (encode->effect->answer.has_outcome) { /* [status, payload]: rare, so a copy is all right */
        pack_array(&outcome, 2);
        pack_uint(&outcome, encode->effect->answer.status);
        pack_bin(&outcome, encode->effect->answer.payload.handle != 0
                               ? payload_span(store_of(encode), encode->effect->answer.payload)
                               : encode->effect->answer.inline_payload);
        body = bytes_span(&outcome);
    }
    struct wire_answer answer = {
        .epoch = epoch_of(encode),
        .call = encode->effect->answer.call,
        .err = encode->effect->answer.err,
        .text = encode->effect->answer.text,
    };
    wire_put_answer(encode->out, &answer, part_copy(body));
    bytes_free(&outcome);
    encode_send(encode);
}

static void answered_out(const struct encode *encode) {
    wire_put_answered(encode->out, &(struct wire_answered){
                                       .epoch = epoch_of(encode),
                                       .slot = encode->effect->answered.slot,
                                       .number = encode->effect->answered.number,
                                       .err = encode->effect->answered.err,
                                       .text = encode->effect->answered.text,
                                   });
    encode_send(encode);
}

/* ---- single notes ---------------------------------------------------------------------------- */

static void hello_ok_out(const struct encode *encode) {
    struct wire_hello_ok message = encode->effect->hello_ok;
    message.epoch = epoch_of(encode);
    wire_put_hello_ok(encode->out, &message);
    encode_send(encode);
}

static void session_lost_out(const struct encode *encode) {
    struct wire_session_lost message = encode->effect->session_lost;
    message.epoch = epoch_of(encode);
    wire_put_session_lost(encode->out, &message);
    encode_send(encode);
}

static void refused_out(const struct encode *encode, uint32_t err, struct span text) {
    wire_put_refused(encode->out, &(struct wire_refused){epoch_of(encode), err, text});
    encode_send(encode);
}

static void plain_out(const struct encode *encode, enum wire_type type) {
    wire_put_plain(encode->out, type, epoch_of(encode));
    encode_send(encode);
}

static struct wire_place_note place_note_of(const struct encode *encode) {
    return (struct wire_place_note){epoch_of(encode), encode->effect->place_note.place,
                                    encode->effect->place_note.sequence};
}

static void place_note_out(const struct encode *encode) {
    struct wire_place_note note = place_note_of(encode);
    if (encode->effect->kind == EFFECT_CLOSE_GATE) {
        wire_put_close_gate(encode->out, &note);
    } else if (encode->effect->kind == EFFECT_DEATH_ACK) {
        wire_put_death_ack(encode->out, &note);
    } else if (encode->effect->kind == EFFECT_SPAWN) {
        wire_put_spawn(encode->out, &note);
    } else {
        wire_put_stop(encode->out, &note);
    }
    encode_send(encode);
}

static void leave_out(const struct encode *encode) {
    wire_put_leave(encode->out,
                   &(struct wire_leave){epoch_of(encode), encode->effect->leave_grace_ms});
    encode_send(encode);
}

static void signal_out(const struct encode *encode) {
    wire_put_signal(encode->out, &(struct wire_signal){
                                     epoch_of(encode),
                                     encode->effect->signal.place,
                                     encode->effect->signal.token,
                                     encode->effect->signal.signal,
                                 });
    encode_send(encode);
}

/* ---- all ------------------------------------------------------------------------------------- */

bool border_encode(struct border *border, const struct effect *effect, border_send *send,
                   void *context) {
    const struct encode encode = {border, effect, &border->out, send, context};
    switch (effect->kind) {
    case EFFECT_HELLO_OK:
        hello_ok_out(&encode);
        return true;
    case EFFECT_HELLO_REQUIRED:
        plain_out(&encode, WIRE_HELLO_REQUIRED);
        return true;
    case EFFECT_SESSION_LOST:
        session_lost_out(&encode);
        return true;
    case EFFECT_REFUSED:
        refused_out(&encode, effect->refused.err, effect->refused.text);
        return true;
    case EFFECT_BEAT_OK:
        plain_out(&encode, WIRE_BEAT_OK);
        return true;
    case EFFECT_ACCEPTED:
        numbers_out(&encode, WIRE_ACCEPTED);
        return true;
    case EFFECT_PARKED:
        numbers_out(&encode, WIRE_PARKED);
        return true;
    case EFFECT_ANSWERED:
        answered_out(&encode);
        return true;
    case EFFECT_RESULT:
        result_out(&encode);
        return true;
    case EFFECT_ANSWER:
        answer_out(&encode);
        return true;
    case EFFECT_DELIVER:
        deliver_out(&encode);
        return true;
    case EFFECT_RESULT_ACK:
        tokens_out(&encode, WIRE_RESULT_ACK);
        return true;
    case EFFECT_CLOSE_GATE:
    case EFFECT_DEATH_ACK:
    case EFFECT_SPAWN:
    case EFFECT_STOP:
        place_note_out(&encode);
        return true;
    case EFFECT_LEASE_LOST:
        tokens_out(&encode, WIRE_LEASE_LOST);
        return true;
    case EFFECT_SIGNAL:
        signal_out(&encode);
        return true;
    case EFFECT_LEAVE:
        leave_out(&encode);
        return true;
    case EFFECT_PAYLOAD_FREE:
        payload_free(border->config.store, effect->payload);
        return true;
    case EFFECT_PAYLOADS_FREE:
        for (uint32_t i = 0; i < effect->payloads.count; i++) {
            payload_free(border->config.store, effect->payloads.handles[i]);
        }
        return true;
    case EFFECT_CLOSE_ROUTE:
    case EFFECT_PUT:
    case EFFECT_DELETE:
    case EFFECT_COMMIT:
    case EFFECT_LOG:
        break;
    }
    return false;
}

void border_refuse(struct border *border, route_id route, wherry_err err, struct span text,
                   border_send *send, void *context) {
    const struct effect effect = {.kind = EFFECT_REFUSED, .route = route};
    const struct encode encode = {border, &effect, &border->out, send, context};
    refused_out(&encode, err, text);
}

void border_probe(struct border *border, route_id route, border_send *send, void *context) {
    const struct effect effect = {.kind = EFFECT_BEAT_OK, .route = route};
    const struct encode encode = {border, &effect, &border->out, send, context};
    plain_out(&encode, WIRE_BEAT_OK);
}
