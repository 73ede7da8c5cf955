/* SPDX-License-Identifier: MIT
 *
 * Host. Order of what it says: hello (which reports every gate), DRAIN, deaths, gate reports,
 * beats. A death report is said on each new connection and with every third beat until it is
 * acknowledged: the broker recognises it by its sequence.
 *
 * A closing that could not be reported, because its connection is gone, needs no memory: the next
 * hello closes again, and its report covers all older generations. */
#include "worker/host.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/plant.h"
#include "worker/peer.h"
#include "worker/place.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_KILL_AFTER_US = 2000000, HOST_REPEAT_US = 6000000 };

struct host {
    struct host_config config;
    struct span *functions;
    struct peer peer;
    struct place *places;
    uint64_t sequence;
    int64_t repeat_at_us; /* unacknowledged deaths are said again then */
    bool draining;
    bool drain_due;
    bool goodbye_said;
    struct host_action *actions; /* a queue: first … count */
    uint32_t action_first;
    uint32_t action_count;
    uint32_t action_capacity;
    struct gate_attempt scratch[GATE_SLOTS];
    struct wire_attempt report[GATE_SLOTS];
};

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
    CHECK(config->processes <= BOUND_PLACES && config->function_count <= BOUND_FUNCTIONS);
    struct host *host = calloc(1, sizeof(*host));
    CHECK(host != NULL);
    host->config = *config;
    host->config.label = host_copy(config->label);
    host->config.pool = host_copy(config->pool);
    host->functions = calloc(config->function_count + 1, sizeof(*host->functions));
    host->places = calloc(config->processes + 1, sizeof(*host->places));
    CHECK(host->functions != NULL && host->places != NULL);
    for (uint32_t i = 0; i < config->function_count; i++) {
        host->functions[i] = host_copy(config->functions[i]);
    }
    for (uint32_t i = 0; i < config->processes; i++) {
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
    for (uint32_t i = 0; i < host->config.processes; i++) {
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

static void host_act(struct host *host, struct host_action action) {
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

static uint32_t host_index(const struct host *host, const struct place *place) {
    return (uint32_t)(place - host->places);
}

static void host_wake_child(struct host *host, const struct place *place) {
    if (!PLANTED(PLANT_CHILD_NOT_WOKEN)) {
        host_act(host, (struct host_action){.kind = HOST_WAKE_CHILD,
                                            .place = host_index(host, place),
                                            .pid = place->pid});
    }
}

static void host_signal(struct host *host, struct place *place, int signal) {
    host_act(host, (struct host_action){.kind = HOST_SIGNAL_CHILD,
                                        .place = host_index(host, place),
                                        .pid = place->pid,
                                        .signal = signal});
}

/* A page that cannot be trusted: its child must not go on. */
static void host_check_place(struct host *host, struct place *place) {
    if (place->broken && place->kill_at_us == INT64_MAX) {
        place->kill_at_us = 0;
        host_signal(host, place, SIGKILL);
    }
}

static void host_close_gate(struct host *host, struct place *place) {
    place->report = place_close(place);
    place->report_due = true;
    host_wake_child(host, place);
    host_check_place(host, place);
}

/* Ends the attempt that runs in `place`, whose gate was closed just now. */
static void host_end_attempt(struct host *host, struct place *place, uint32_t cause, int signal,
                             int64_t kill_at_us) {
    struct gate_attempt attempt;
    if (!place_running(place, &attempt)) {
        return;
    }
    place->ending = true;
    place->ending_token = attempt.token;
    place->ending_cause = cause;
    place->kill_at_us = kill_at_us < place->kill_at_us ? kill_at_us : place->kill_at_us;
    gate_cancel(place->gate, attempt.number);
    if (signal != 0) {
        host_signal(host, place, signal);
    }
}

/* ---- input ---------------------------------------------------------------------------------- */

static struct place *host_place(struct host *host, uint32_t place, enum place_kind kind) {
    if (place >= host->config.processes || host->places[place].kind != kind) {
        return NULL;
    }
    return &host->places[place];
}

static void host_input_close(struct host *host, const struct wire_message *message) {
    struct wire_place_note note;
    if (wire_get_close_gate(message, &note) != WHERRY_OK) {
        return;
    }
    struct place *place = host_place(host, note.place, PLACE_ALIVE);
    if (place != NULL) {
        host_close_gate(host, place);
    }
}

static bool host_names_token(struct wire_items runs, struct token token) {
    struct wire_token_run run;
    while (wire_next_token_run(&runs, &run)) {
        if (run.epoch == token.epoch && token.counter - run.first < run.count) {
            return true;
        }
    }
    return false;
}

static void host_input_lease_lost(struct host *host, const struct wire_message *message,
                                  int64_t now_us) {
    struct wire_tokens tokens;
    if (wire_get_tokens(message, &tokens) != WHERRY_OK) {
        return;
    }
    struct place *place = host_place(host, tokens.place, PLACE_ALIVE);
    if (place == NULL) {
        return;
    }
    host_close_gate(host, place);
    struct gate_attempt attempt;
    if (place_running(place, &attempt) && host_names_token(tokens.runs, attempt.token)) {
        host_end_attempt(host, place, WIRE_CAUSE_TERMINATED, SIGTERM, now_us + HOST_KILL_AFTER_US);
    }
}

static void host_input_signal(struct host *host, const struct wire_message *message) {
    struct wire_signal order;
    if (wire_get_signal(message, &order) != WHERRY_OK || order.signal > 64) {
        return;
    }
    struct place *place = host_place(host, order.place, PLACE_ALIVE);
    if (place == NULL) {
        return;
    }
    host_close_gate(host, place);
    struct gate_attempt attempt;
    if (place_running(place, &attempt) && token_equal(attempt.token, order.token)) {
        host_end_attempt(host, place, WIRE_CAUSE_TERMINATED, (int)order.signal, INT64_MAX);
    }
}

static void host_input_death_ack(struct host *host, const struct wire_message *message) {
    struct wire_place_note note;
    if (wire_get_death_ack(message, &note) != WHERRY_OK) {
        return;
    }
    struct place *place = host_place(host, note.place, PLACE_DEAD);
    if (place != NULL && place->sequence == note.sequence) {
        place_clear(place);
        host_act(host, (struct host_action){.kind = HOST_PLACE_FREE, .place = note.place});
    }
}

void host_input(struct host *host, const struct wire_message *message, int64_t now_us) {
    enum wire_type type;
    if (peer_input(&host->peer, message, &type, now_us) != PEER_PASS) {
        return;
    }
    if (type == WIRE_CLOSE_GATE) {
        host_input_close(host, message);
    } else if (type == WIRE_LEASE_LOST) {
        host_input_lease_lost(host, message, now_us);
    } else if (type == WIRE_SIGNAL) {
        host_input_signal(host, message);
    } else if (type == WIRE_DEATH_ACK) {
        host_input_death_ack(host, message);
    }
}

/* ---- output --------------------------------------------------------------------------------- */

void host_opened(struct host *host, int64_t now_us) {
    peer_opened(&host->peer, now_us);
    host->drain_due = host->draining;
    for (uint32_t i = 0; i < host->config.processes; i++) {
        host->places[i].report_due = false;
        host->places[i].death_due = host->places[i].kind == PLACE_DEAD;
    }
}

static void host_hello_attempts(struct wire_out *out, const struct gate_attempt *attempts,
                                uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct wire_attempt attempt = {attempts[i].id, attempts[i].token, attempts[i].answered};
        wire_hello_attempt(out, &attempt);
    }
}

static void host_hello_alive(struct host *host, struct place *place, struct wire_out *out) {
    bool closing = !PLANTED(PLANT_GATE_NOT_CLOSED);
    struct gate_state state = closing ? place_close(place) : place_look(place);
    if (closing) {
        host_wake_child(host, place);
    }
    host_check_place(host, place);
    uint32_t count = place_attempts(place, host->scratch, GATE_SLOTS);
    struct wire_place report = {.place = host_index(host, place),
                                .alive = true,
                                .generation = state.generation,
                                .started = state.started};
    wire_hello_place(out, &report, count);
    host_hello_attempts(out, host->scratch, count);
    place->report_due = false;
}

static void host_hello_dead(struct host *host, const struct place *place, struct wire_out *out) {
    struct wire_place report = {.place = host_index(host, place),
                                .alive = false,
                                .generation = place->final.generation,
                                .started = place->final.started};
    wire_hello_place(out, &report, place->attempt_count);
    host_hello_attempts(out, place->attempts, place->attempt_count);
}

static uint32_t host_count(const struct host *host, enum place_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < host->config.processes; i++) {
        count += host->places[i].kind == kind;
    }
    return count;
}

static void host_hello(struct host *host, int64_t now_us, struct wire_out *out) {
    struct wire_hello hello = {
        .peer = WIRE_HOST,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .resume = host->peer.resume,
        .session = host->config.session,
        .secret = {host->config.secret, WIRE_SECRET_SIZE},
        .label = host->config.label,
        .pid = host->config.pid,
        .pool = host->config.pool,
        .processes = host->config.processes,
    };
    wire_hello_begin(out, &hello, host->config.function_count,
                     host->config.processes - host_count(host, PLACE_EMPTY));
    for (uint32_t i = 0; i < host->config.function_count; i++) {
        wire_hello_function(out, host->functions[i]);
    }
    for (uint32_t i = 0; i < host->config.processes; i++) {
        if (host->places[i].kind == PLACE_ALIVE) {
            host_hello_alive(host, &host->places[i], out);
        } else if (host->places[i].kind == PLACE_DEAD) {
            host_hello_dead(host, &host->places[i], out);
        }
    }
    wire_hello_end(out);
    host->repeat_at_us = now_us + HOST_REPEAT_US;
    peer_hello_sent(&host->peer, now_us);
}

static bool host_output_drain(struct host *host, struct wire_out *out) {
    if (!host->drain_due) {
        return false;
    }
    host->drain_due = false;
    wire_put_plain(out, WIRE_DRAIN, 0);
    return true;
}

static void host_put_death(struct host *host, struct place *place, struct wire_out *out) {
    struct wire_death death = {.place = host_index(host, place),
                               .sequence = place->sequence,
                               .generation = place->final.generation,
                               .started = place->final.started,
                               .cause = place->death.cause,
                               .cause_number = place->death.number,
                               .text = place->death.text,
                               .rss_peak_bytes = place->death.rss_peak_bytes,
                               .pid = place->pid};
    for (uint32_t i = 0; i < place->attempt_count; i++) {
        const struct gate_attempt *attempt = &place->attempts[i];
        host->report[i] = (struct wire_attempt){attempt->id, attempt->token, attempt->answered};
    }
    wire_put_death(out, &death, host->report, place->attempt_count);
    place->death_due = false;
}

static bool host_output_places(struct host *host, struct wire_out *out) {
    for (uint32_t i = 0; i < host->config.processes; i++) {
        struct place *place = &host->places[i];
        if (place->kind == PLACE_DEAD && place->death_due) {
            host_put_death(host, place, out);
            return true;
        }
        if (place->kind == PLACE_ALIVE && place->report_due) {
            struct wire_gate gate = {i, place->report.generation, place->report.started};
            wire_put_gate(out, &gate);
            place->report_due = false;
            return true;
        }
    }
    return false;
}

/* The last words, when nothing is left that the broker must hear of. */
static bool host_output_goodbye(struct host *host, struct wire_out *out) {
    if (!host->draining || host->goodbye_said || host_running(host) > 0 ||
        host_count(host, PLACE_DEAD) > 0) {
        return false;
    }
    host->goodbye_said = true;
    wire_put_plain(out, WIRE_GOODBYE, 0);
    host_act(host, (struct host_action){.kind = HOST_DRAINED});
    return true;
}

bool host_output(struct host *host, int64_t now_us, struct wire_out *out) {
    if (!host->peer.open || host->goodbye_said) {
        return false;
    }
    if (host->peer.hello_due) {
        host_hello(host, now_us, out);
        return true;
    }
    if (!host->peer.greeted) {
        return false;
    }
    return host_output_drain(host, out) || host_output_places(host, out) ||
           host_output_goodbye(host, out) || peer_output_beat(&host->peer, out);
}

/* ---- time ----------------------------------------------------------------------------------- */

int64_t host_next_wake(const struct host *host) {
    int64_t wake = peer_next_wake(&host->peer);
    wake = host->repeat_at_us < wake ? host->repeat_at_us : wake;
    for (uint32_t i = 0; i < host->config.processes; i++) {
        int64_t kill = host->places[i].kill_at_us;
        wake = kill > 0 && kill < wake ? kill : wake;
    }
    return wake;
}

static void host_tick_repeat(struct host *host, int64_t now_us) {
    if (now_us < host->repeat_at_us) {
        return;
    }
    host->repeat_at_us = now_us + HOST_REPEAT_US;
    for (uint32_t i = 0; i < host->config.processes; i++) {
        host->places[i].death_due = host->places[i].kind == PLACE_DEAD;
    }
}

void host_tick(struct host *host, int64_t now_us) {
    peer_tick(&host->peer, now_us);
    host_tick_repeat(host, now_us);
    for (uint32_t i = 0; i < host->config.processes; i++) {
        struct place *place = &host->places[i];
        struct gate_attempt attempt;
        if (place->kind != PLACE_ALIVE || place->kill_at_us == 0 || now_us < place->kill_at_us) {
            continue;
        }
        place->kill_at_us = INT64_MAX;
        host_close_gate(host, place);
        if (place_running(place, &attempt) && token_equal(attempt.token, place->ending_token)) {
            host_signal(host, place, SIGKILL);
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

void host_child_started(struct host *host, uint32_t place, struct gate_page *gate, int64_t pid,
                        int64_t now_us) {
    (void)now_us;
    place_occupy(&host->places[place], gate, pid);
}

void host_child_died(struct host *host, uint32_t index, const struct host_death *death,
                     int64_t now_us) {
    (void)now_us;
    struct place *place = &host->places[index];
    struct gate_attempt running;
    place_bury(place, death, ++host->sequence);
    bool ran = place->attempt_count > 0;
    running = ran ? place->attempts[place->attempt_count - 1] : (struct gate_attempt){0};
    if (place->ending && ran && !running.answered &&
        token_equal(running.token, place->ending_token)) {
        place->death.cause = place->ending_cause;
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

void host_drain(struct host *host, int64_t now_us) {
    (void)now_us;
    if (host->draining) {
        return;
    }
    host->draining = true;
    host->drain_due = true;
    for (uint32_t i = 0; i < host->config.processes; i++) {
        if (host->places[i].kind == PLACE_ALIVE) {
            host_close_gate(host, &host->places[i]);
        }
    }
}

void host_drain_force(struct host *host, int64_t now_us) {
    for (uint32_t i = 0; i < host->config.processes; i++) {
        struct place *place = &host->places[i];
        if (place->kind == PLACE_ALIVE) {
            host_close_gate(host, place);
            host_end_attempt(host, place, WIRE_CAUSE_DRAINED, SIGTERM, now_us + HOST_KILL_AFTER_US);
        }
    }
}

uint32_t host_running(const struct host *host) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < host->config.processes; i++) {
        if (host->places[i].kind == PLACE_ALIVE && !host->places[i].broken) {
            count += gate_unacknowledged(host->places[i].gate);
        }
    }
    return count;
}
