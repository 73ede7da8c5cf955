/* SPDX-License-Identifier: MIT
 *
 * Places. A child that crashes may have written anything into its page. Then nothing that it says
 * is used: the report names a generation and a number far above all that was ever granted, so that
 * every delivery counts as started, and lists no attempt, so that each of them ends as lost. The
 * next child's numbers go on from there. */
#include "worker/place.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

enum { PLACE_LEAP = 1 << 20 }; /* beyond what a child can have raised unseen */

void place_init(struct place *place) {
    *place =
        (struct place){.kind = PLACE_EMPTY, .signal_at_us = INT64_MAX, .kill_at_us = INT64_MAX};
}

void place_fini(struct place *place) {
    free((void *)(uintptr_t)place->death.text.data);
    free(place->attempts);
    place->death.text = (struct span){NULL, 0};
    place->attempts = NULL;
    place->attempt_count = 0;
}

void place_occupy(struct place *place, struct gate_page *gate) {
    CHECK(place->kind == PLACE_EMPTY);
    place->kind = PLACE_ALIVE;
    place->gate = gate;
    place->pid = 0;
    place->broken = false;
    place->report_due = false;
    place->ending = false;
    place->signal_at_us = INT64_MAX;
    place->kill_at_us = INT64_MAX;
}

static struct gate_state place_leap(struct place *place) {
    place->broken = true;
    return (struct gate_state){place->next.generation + PLACE_LEAP,
                               place->next.started + PLACE_LEAP};
}

/* What is trusted from now on: the successor starts one generation above. */
static void place_trust(struct place *place, struct gate_state state) {
    place->next = (struct gate_state){state.generation + 1, state.started};
}

static bool place_plausible(const struct place *place, struct gate_state state) {
    return !place->broken && gate_check(place->gate) &&
           state.generation - place->next.generation < PLACE_LEAP;
}

struct gate_state place_look(struct place *place) {
    struct gate_state state = gate_state(place->gate);
    return place_plausible(place, state) ? state : place_leap(place);
}

struct gate_state place_close(struct place *place) {
    struct gate_state state = gate_close(place->gate);
    if (!place_plausible(place, state)) {
        return place_leap(place);
    }
    place_trust(place, state);
    return state;
}

uint32_t place_attempts(const struct place *place, struct gate_attempt *out, uint32_t capacity) {
    return place->broken ? 0 : gate_attempts(place->gate, out, capacity);
}

bool place_has_answers(const struct place *place) {
    return gate_unacknowledged(place->gate) > 1; /* the one that runs is the last */
}

bool place_running(const struct place *place, struct gate_attempt *out) {
    return !place->broken && gate_running(place->gate, out);
}

static void place_keep_attempts(struct place *place) {
    place->attempts = malloc(GATE_SLOTS * sizeof(*place->attempts));
    CHECK(place->attempts != NULL);
    place->attempt_count = place_attempts(place, place->attempts, GATE_SLOTS);
    struct gate_attempt *fitted =
        realloc(place->attempts, (place->attempt_count + 1) * sizeof(*place->attempts));
    place->attempts = fitted != NULL ? fitted : place->attempts;
}

static void place_keep_text(struct place *place, struct span text) {
    size_t size = text.size < WIRE_TEXT_MAX ? text.size : WIRE_TEXT_MAX;
    uint8_t *copy = malloc(size + 1);
    CHECK(copy != NULL);
    if (size > 0) {
        memcpy(copy, text.data + (text.size - size), size);
    }
    place->death.text = (struct span){copy, size};
}

void place_bury(struct place *place, const struct host_death *death, uint64_t sequence) {
    CHECK(place->kind == PLACE_ALIVE);
    place->final = place_close(place);
    if (place->broken) {
        place_trust(place, place->final);
    }
    place_keep_attempts(place);
    place->death = *death;
    place_keep_text(place, death->text);
    place->kind = PLACE_DEAD;
    place->sequence = sequence;
    place->death_due = true;
    place->report_due = false;
    place->signal_at_us = INT64_MAX;
    place->kill_at_us = INT64_MAX;
}

void place_clear(struct place *place) {
    place_fini(place);
    place->kind = PLACE_EMPTY;
    place->gate = NULL;
}
