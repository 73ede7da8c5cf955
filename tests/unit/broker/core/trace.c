/* SPDX-License-Identifier: MIT
 *
 * Trace; see trace.h. A line is "ROUTE KIND fields": runs as first+count, ids as session.number. */
#include "tests/unit/broker/core/trace.h"

#include "common/wire/body.h"

#include <inttypes.h>

static void trace_runs(FILE *out, const struct wire_run *runs, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, " %" PRIu64 "+%" PRIu64, runs[i].first, runs[i].count);
    }
}

static void trace_tokens(FILE *out, const struct effect *effect) {
    for (uint32_t i = 0; i < effect->tokens.run_count; i++) {
        const struct wire_token_run *run = &effect->tokens.runs[i];
        fprintf(out, " %" PRIu64 ".%" PRIu64 "+%" PRIu64, run->epoch, run->first, run->count);
    }
}

static void trace_result(FILE *out, const struct effect *effect) {
    for (uint32_t i = 0; i < effect->result.item_count; i++) {
        const struct effect_result_item *item = &effect->result.items[i];
        fprintf(out, " %" PRIu64 "=%u", item->number, item->status);
        struct wire_failure failure;
        if (item->inline_payload.size > 0 &&
            wire_get_failure(item->inline_payload, &failure) == WHERRY_OK) {
            fprintf(out, "(%u)", failure.code);
        }
    }
}

static void trace_deliver(FILE *out, const struct effect *effect) {
    const struct effect_deliver *deliver = &effect->deliver;
    fprintf(out, " %.*s g%u s%u c%" PRIu64 ":", (int)deliver->function.size,
            (const char *)deliver->function.data, deliver->generation, deliver->first_slot,
            deliver->first_counter);
    for (uint32_t i = 0; i < deliver->item_count; i++) {
        const struct effect_deliver_item *item = &deliver->items[i];
        fprintf(out, " %" PRIu64 ".%" PRIu64, item->id.session, (uint64_t)item->id.number);
    }
}

static void trace_answer(FILE *out, const struct effect *effect) {
    fprintf(out, " %" PRIu64 " err=%u", effect->answer.call, effect->answer.err);
    if (effect->answer.has_outcome) {
        fprintf(out, " status=%u", effect->answer.status);
    }
    if (effect->answer.text.size > 0) {
        fprintf(out, " \"%.*s\"", (int)effect->answer.text.size,
                (const char *)effect->answer.text.data);
    }
    uint64_t number;
    struct span body = effect->answer.body;
    if (body.size > 0 && body_get_number(body, &number) == WHERRY_OK) {
        fprintf(out, " [%" PRIu64 "]", number);
    } else if (body.size > 0) {
        fprintf(out, " body");
    }
}

void trace_effect(FILE *out, const struct effect *effect) {
    static const char *const names[] = {
        "HELLO_OK",   "HELLO_REQUIRED", "SESSION_LOST", "REFUSED",    "BEAT_OK",    "ACCEPTED",
        "PARKED",     "ANSWERED",       "RESULT",       "ANSWER",     "DELIVER",    "RESULT_ACK",
        "CLOSE_GATE", "LEASE_LOST",     "DEATH_ACK",    "SIGNAL",     "SPAWN",
        "STOP",       "LEAVE",
        "CLOSE_ROUTE"};
    if (effect->kind == EFFECT_COMMIT) {
        fprintf(out, "COMMIT %" PRIu64 "\n", effect->batch);
        return;
    }
    if (effect->kind > EFFECT_CLOSE_ROUTE) {
        return;
    }
    fprintf(out, "%" PRIu64 " %s", effect->route, names[effect->kind]);
    switch (effect->kind) {
    case EFFECT_REFUSED:
        fprintf(out, " %u", effect->refused.err);
        break;
    case EFFECT_ACCEPTED:
    case EFFECT_PARKED:
        trace_runs(out, effect->numbers.runs, effect->numbers.run_count);
        break;
    case EFFECT_ANSWERED:
        fprintf(out, " %" PRIu64 " err=%u", effect->answered.number, effect->answered.err);
        break;
    case EFFECT_RESULT:
        trace_result(out, effect);
        break;
    case EFFECT_ANSWER:
        trace_answer(out, effect);
        break;
    case EFFECT_DELIVER:
        trace_deliver(out, effect);
        break;
    case EFFECT_RESULT_ACK:
        trace_tokens(out, effect);
        break;
    case EFFECT_LEASE_LOST:
        fprintf(out, " p%u", effect->tokens.place);
        trace_tokens(out, effect);
        break;
    case EFFECT_CLOSE_GATE:
    case EFFECT_DEATH_ACK:
    case EFFECT_SPAWN:
    case EFFECT_STOP:
        fprintf(out, " p%u", effect->place_note.place);
        break;
    case EFFECT_LEAVE:
        fprintf(out, " %" PRId64, effect->leave_grace_ms);
        break;
    case EFFECT_SIGNAL:
        fprintf(out, " p%u %u", effect->signal.place, effect->signal.signal);
        break;
    default:
        break;
    }
    fputc('\n', out);
}
