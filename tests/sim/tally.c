/* SPDX-License-Identifier: MIT
 *
 * The histogram. Names stand in tables beside their enums, so that a new fault, event or effect
 * appears here by itself or fails to compile. */
#include "tests/sim/tally.h"

static const char *const fault_texts[FAULT_COUNT] = {
#define X(name, text) [FAULT_##name] = text,
    SIM_FAULTS(X)
#undef X
};

static const char *const outcome_texts[OUTCOME_COUNT] = {
#define X(name, text) [OUTCOME_##name] = text,
    SIM_OUTCOMES(X)
#undef X
};

static const char *const event_texts[TALLY_EVENTS] = {
    [EVENT_TICK] = "TICK",
    [EVENT_ROUTE_LOST] = "ROUTE_LOST",
    [EVENT_HELLO] = "HELLO",
    [EVENT_GOODBYE] = "GOODBYE",
    [EVENT_BEAT] = "BEAT",
    [EVENT_SUBMIT] = "SUBMIT",
    [EVENT_ACK] = "ACK",
    [EVENT_CANCEL] = "CANCEL",
    [EVENT_CALL] = "CALL",
    [EVENT_RENUMBER] = "RENUMBER",
    [EVENT_CREDIT] = "CREDIT",
    [EVENT_RESULTS] = "RESULTS",
    [EVENT_GATE] = "GATE",
    [EVENT_DEATH] = "DEATH",
    [EVENT_STATES] = "STATES",
    [EVENT_DRAIN_HOST] = "DRAIN_HOST",
    [EVENT_DRAIN_BROKER] = "DRAIN_BROKER",
    [EVENT_COMMITTED] = "COMMITTED",
    [EVENT_STORE_SPACE] = "STORE_SPACE",
    [EVENT_GAP] = "GAP",
};

static const char *const effect_texts[TALLY_EFFECTS] = {
    [EFFECT_HELLO_OK] = "HELLO_OK",
    [EFFECT_HELLO_REQUIRED] = "HELLO_REQUIRED",
    [EFFECT_SESSION_LOST] = "SESSION_LOST",
    [EFFECT_REFUSED] = "REFUSED",
    [EFFECT_BEAT_OK] = "BEAT_OK",
    [EFFECT_ACCEPTED] = "ACCEPTED",
    [EFFECT_PARKED] = "PARKED",
    [EFFECT_ANSWERED] = "ANSWERED",
    [EFFECT_RESULT] = "RESULT",
    [EFFECT_ANSWER] = "ANSWER",
    [EFFECT_DELIVER] = "DELIVER",
    [EFFECT_RESULT_ACK] = "RESULT_ACK",
    [EFFECT_CLOSE_GATE] = "CLOSE_GATE",
    [EFFECT_LEASE_LOST] = "LEASE_LOST",
    [EFFECT_DEATH_ACK] = "DEATH_ACK",
    [EFFECT_SIGNAL] = "SIGNAL",
    [EFFECT_SPAWN] = "SPAWN",
    [EFFECT_STOP] = "STOP",
    [EFFECT_LEAVE] = "LEAVE",
    [EFFECT_CLOSE_ROUTE] = "CLOSE_ROUTE",
    [EFFECT_PUT] = "PUT",
    [EFFECT_DELETE] = "DELETE",
    [EFFECT_COMMIT] = "COMMIT",
    [EFFECT_PAYLOAD_FREE] = "PAYLOAD_FREE",
    [EFFECT_PAYLOADS_FREE] = "PAYLOADS_FREE",
    [EFFECT_LOG] = "LOG",
};

const char *tally_fault_text(enum sim_fault fault) {
    return fault_texts[fault];
}

const char *tally_event_text(enum event_kind kind) {
    return event_texts[kind];
}

const char *tally_effect_text(enum effect_kind kind) {
    return effect_texts[kind];
}

static void tally_sum(uint64_t *into, const uint64_t *from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        into[i] += from[i];
    }
}

void tally_add(struct tally *sum, const struct tally *one) {
    tally_sum(sum->faults, one->faults, FAULT_COUNT);
    tally_sum(sum->events, one->events, TALLY_EVENTS);
    tally_sum(sum->effects, one->effects, TALLY_EFFECTS);
    tally_sum(sum->outcomes, one->outcomes, OUTCOME_COUNT);
    sum->steps += one->steps;
    sum->seeds += one->seeds;
    sum->tasks += one->tasks;
    sum->runs += one->runs;
}

static void tally_print_group(const char *title, const char *const *texts, const uint64_t *counts,
                              uint32_t count, FILE *out) {
    fprintf(out, "%s\n", title);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, "  %12llu  %s\n", (unsigned long long)counts[i], texts[i]);
    }
}

static uint64_t tally_engine_steps(const struct tally *tally) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < TALLY_EVENTS; i++) {
        sum += tally->events[i];
    }
    return sum;
}

void tally_print(const struct tally *tally, FILE *out) {
    fprintf(out, "seeds %llu, steps of the world %llu, of the engine %llu, tasks %llu, runs %llu\n",
            (unsigned long long)tally->seeds, (unsigned long long)tally->steps,
            (unsigned long long)tally_engine_steps(tally), (unsigned long long)tally->tasks,
            (unsigned long long)tally->runs);
    tally_print_group("faults", fault_texts, tally->faults, FAULT_COUNT, out);
    tally_print_group("events of the engine", event_texts, tally->events, TALLY_EVENTS, out);
    tally_print_group("effects of the engine", effect_texts, tally->effects, TALLY_EFFECTS, out);
    tally_print_group("outcomes at the clients", outcome_texts, tally->outcomes, OUTCOME_COUNT,
                      out);
}

static bool tally_only_durable(enum sim_fault fault) {
    return fault == FAULT_BATCH_LOST || fault == FAULT_BATCH_KEPT || fault == FAULT_IO_ERROR ||
           fault == FAULT_DISK_FULL;
}

static bool tally_effect_only_durable(enum effect_kind kind) {
    return kind == EFFECT_PUT || kind == EFFECT_DELETE || kind == EFFECT_COMMIT;
}

static bool tally_event_only_durable(enum event_kind kind) {
    return kind == EVENT_COMMITTED || kind == EVENT_STORE_SPACE;
}

const char *tally_missing(const struct tally *tally, bool durable) {
    for (enum sim_fault i = 0; i < FAULT_COUNT; i++) {
        if (tally->faults[i] == 0 && (durable || !tally_only_durable(i))) {
            return fault_texts[i];
        }
    }
    for (uint32_t i = 0; i < TALLY_EVENTS; i++) {
        bool expected = i != EVENT_STATES; /* read from /proc, which there is none of here */
        if (expected && tally->events[i] == 0 && (durable || !tally_event_only_durable(i))) {
            return event_texts[i];
        }
    }
    for (uint32_t i = 0; i < TALLY_EFFECTS; i++) {
        bool expected = i != EFFECT_PAYLOAD_FREE; /* the engine frees many at a time */
        if (expected && tally->effects[i] == 0 && (durable || !tally_effect_only_durable(i))) {
            return effect_texts[i];
        }
    }
    return NULL;
}
