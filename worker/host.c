/* SPDX-License-Identifier: MIT
 *
 * Host: life, actions, children, time. What it hears stands in host_input.c, what it says in
 * host_output.c. */
#include "worker/host_inside.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/plant.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ----------------------------------------------------------------------------------- */

static struct span host_copy(struct span text) {
    uint8_t *copy = malloc(text.size + 1);
    CHECK(copy != NULL);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return (struct span){copy, text.size};
}

static void host_free(struct span text) {
    free((void *)(uintptr_t)text.data);
}

struct host *host_create(const struct host_config *config) {
    CHECK(config->processes <= BOUND_PROCESSES && config->processes_max <= BOUND_PROCESSES &&
          config->function_count <= BOUND_FUNCTIONS);
    struct host *host = calloc(1, sizeof(*host));
    CHECK(host != NULL);
    host->config = *config;
    host->config.label = host_copy(config->label);
    host->config.pool = host_copy(config->pool);
    host->functions = calloc(config->function_count + 1, sizeof(*host->functions));
    host->place_count = config->processes + config->processes_max;
    host->places = calloc(host->place_count + 1, sizeof(*host->places));
    CHECK(host->functions != NULL && host->places != NULL);
    for (uint32_t i = 0; i < config->function_count; i++) {
        host->functions[i] = host_copy(config->functions[i]);
    }
    for (uint32_t i = 0; i < host->place_count; i++) {
        place_init(&host->places[i]);
    }
    host->config.functions = host->functions;
    host->repeat_at_us = INT64_MAX;
    peer_init(&host->peer);
    return host;
}

void host_destroy(struct host **handle) {
    struct host *host = *handle;
    if (host == NULL) {
        return;
    }
    for (uint32_t i = 0; i < host->place_count; i++) {
        place_fini(&host->places[i]);
    }
    for (uint32_t i = 0; i < host->config.function_count; i++) {
        host_free(host->functions[i]);
    }
    host_free(host->config.label);
    host_free(host->config.pool);
    free(host->functions);
    free(host->places);
    free(host->actions);
    free(host);
    *handle = NULL;
}

/* ---- actions -------------------------------------------------------------------------------- */

void host_act(struct host *host, struct host_action action) {
    if (host->action_count == host->action_capacity) {
        uint32_t capacity = host->action_capacity == 0 ? 64 : host->action_capacity * 2;
        struct host_action *grown = realloc(host->actions, capacity * sizeof(*grown));
        CHECK(grown != NULL);
        host->actions = grown;
        host->action_capacity = capacity;
    }
    host->actions[host->action_count++] = action;
}

bool host_action(struct host *host, struct host_action *out) {
    if (host->action_first == host->action_count) {
        host->action_first = 0;
        host->action_count = 0;
        return false;
    }
    *out = host->actions[host->action_first++];
    return true;
}

uint32_t host_index(const struct host *host, const struct place *place) {
    return (uint32_t)(place - host->places);
}

void host_wake_child(struct host *host, const struct place *place) {
    if (!PLANTED(PLANT_CHILD_NOT_WOKEN)) {
        host_act(host, (struct host_action){.kind = HOST_WAKE_CHILD,
                                            .place = host_index(host, place),
                                            .pid = place->pid});
    }
}

void host_signal(struct host *host, struct place *place, int signal) {
    host_act(host, (struct host_action){.kind = HOST_SIGNAL_CHILD,
                                        .place = host_index(host, place),
                                        .pid = place->pid,
                                        .signal = signal});
}

/* A page that cannot be trusted: its child must not go on. */
void host_check_place(struct host *host, struct place *place) {
    if (place->broken && place->kill_at_us == INT64_MAX) {
        place->kill_at_us = 0;
        host_signal(host, place, SIGKILL);
    }
}

void host_close_gate(struct host *host, struct place *place) {
    place->report = place_close(place);
    place->report_due = true;
    host_wake_child(host, place);
    host_check_place(host, place);
}

static bool place_runs_ending(const struct place *place) {
    struct gate_attempt attempt;
    return place_running(place, &attempt) && token_equal(attempt.token, place->ending_token);
}

/* The gate was closed just now. */
static void host_send_signal(struct host *host, struct place *place, int64_t now_us) {
    place->signal_at_us = INT64_MAX;
    if (place->kill_after_us < place->kill_at_us - now_us) {
        place->kill_at_us = now_us + place->kill_after_us;
    }
    host_signal(host, place, place->signal);
}

static bool host_signal_waits(const struct place *place, int64_t now_us) {
    return place->signal != SIGKILL && now_us < place->signal_by_us && place_has_answers(place) &&
           !PLANTED(PLANT_SIGNAL_AT_ONCE);
}

void host_end_attempt(struct host *host, struct place *place, struct host_ending ending,
                      int64_t now_us) {
    struct gate_attempt attempt;
    if (!place_running(place, &attempt)) {
        return;
    }
    place->ending = true;
    place->ending_token = attempt.token;
    place->ending_cause = ending.cause;
    gate_cancel(place->gate, attempt.number);
    if (ending.signal == 0) {
        return;
    }
    place->signal = ending.signal;
    place->signal_by_us = now_us + HOST_ANSWERS_US;
    place->kill_after_us = ending.kill_after_us;
    if (host_signal_waits(place, now_us)) {
        place->signal_at_us = now_us + HOST_LOOK_US;
    } else {
        host_send_signal(host, place, now_us);
    }
}

uint32_t host_count(const struct host *host, enum place_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < host->place_end; i++) {
        count += host->places[i].kind == kind;
    }
    return count;
}

/* ---- time ----------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t host_next_wake(const struct host *host) {
    int64_t wake_us = earlier(peer_next_wake(&host->peer), host->repeat_at_us);
    for (uint32_t i = 0; i < host->place_end; i++) {
        const struct place *place = &host->places[i];
        wake_us = earlier(wake_us, place->signal_at_us);
        wake_us = place->kill_at_us > 0 ? earlier(wake_us, place->kill_at_us) : wake_us;
    }
    return wake_us;
}

static void host_tick_repeat(struct host *host, int64_t now_us) {
    if (now_us < host->repeat_at_us) {
        return;
    }
    host->repeat_at_us = now_us + HOST_REPEAT_US;
    for (uint32_t i = 0; i < host->place_end; i++) {
        host->places[i].death_due = host->places[i].kind == PLACE_DEAD;
    }
}

static void host_tick_signal(struct host *host, struct place *place, int64_t now_us) {
    if (now_us < place->signal_at_us) {
        return;
    }
    if (place_runs_ending(place) && host_signal_waits(place, now_us)) {
        place->signal_at_us = now_us + HOST_LOOK_US;
        return;
    }
    place->signal_at_us = INT64_MAX;
    host_close_gate(host, place);
    if (place_runs_ending(place)) {
        host_send_signal(host, place, now_us);
    }
}

static void host_tick_kill(struct host *host, struct place *place, int64_t now_us) {
    if (place->kill_at_us == 0 || now_us < place->kill_at_us) {
        return;
    }
    place->kill_at_us = INT64_MAX;
    host_close_gate(host, place);
    if (place_runs_ending(place)) {
        host_signal(host, place, SIGKILL);
    }
}

void host_tick(struct host *host, int64_t now_us) {
    peer_tick(&host->peer, now_us);
    host_tick_repeat(host, now_us);
    for (uint32_t i = 0; i < host->place_end; i++) {
        struct place *place = &host->places[i];
        if (place->kind == PLACE_ALIVE) {
            host_tick_signal(host, place, now_us);
            host_tick_kill(host, place, now_us);
        }
    }
}

bool host_wants_reopen(const struct host *host) {
    return host->peer.reopen;
}

bool host_greeted(const struct host *host) {
    return host->peer.greeted;
}

struct span host_refusal(const struct host *host) {
    return (struct span){(const uint8_t *)host->peer.refusal, host->peer.refusal_size};
}

/* ---- children ------------------------------------------------------------------------------- */

struct gate_state host_place_state(const struct host *host, uint32_t place) {
    return host->places[place].next;
}

bool host_place_free(const struct host *host, uint32_t place) {
    return host->places[place].kind == PLACE_EMPTY;
}

void host_child_started(struct host *host, uint32_t place, struct gate_page *gate) {
    place_occupy(&host->places[place], gate);
    host->place_end = place < host->place_end ? host->place_end : place + 1;
}

void host_child_forked(struct host *host, uint32_t place, int64_t pid) {
    host->places[place].pid = pid;
}

/* How a Process ended is its outcome, whoever had asked for that: there the cause stays. */
void host_child_died(struct host *host, uint32_t index, const struct host_death *death,
                     int64_t now_us) {
    (void)now_us;
    struct place *place = &host->places[index];
    struct gate_attempt running;
    place_bury(place, death, ++host->sequence);
    bool ran = place->attempt_count > 0;
    running = ran ? place->attempts[place->attempt_count - 1] : (struct gate_attempt){0};
    if (place->ending && ran && !running.answered && index < host->config.processes &&
        token_equal(running.token, place->ending_token)) {
        place->death.cause = place->ending_cause;
    }
}

void host_child_unborn(struct host *host, uint32_t place) {
    if (place < host->config.processes) {
        place_clear(&host->places[place]);
        return;
    }
    struct host_death death = {.text = span_of_text("no process could be forked")};
    host_child_died(host, place, &death, 0);
}

/* ---- the end -------------------------------------------------------------------------------- */

void host_drain(struct host *host, int64_t now_us) {
    (void)now_us;
    if (host->draining) {
        return;
    }
    host->draining = true;
    host->drain_due = true;
    for (uint32_t i = 0; i < host->place_end; i++) {
        if (host->places[i].kind == PLACE_ALIVE) {
            host_close_gate(host, &host->places[i]);
        }
    }
}

void host_drain_force(struct host *host, int64_t now_us) {
    for (uint32_t i = 0; i < host->place_end; i++) {
        struct place *place = &host->places[i];
        if (place->kind == PLACE_ALIVE) {
            host_close_gate(host, place);
            host_end_attempt(host, place,
                             (struct host_ending){WIRE_CAUSE_DRAINED, SIGTERM, HOST_KILL_AFTER_US},
                             now_us);
        }
    }
}

uint32_t host_running(const struct host *host) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < host->place_end; i++) {
        if (host->places[i].kind == PLACE_ALIVE && !host->places[i].broken) {
            count += gate_unacknowledged(host->places[i].gate);
        }
    }
    return count;
}
