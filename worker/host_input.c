/* SPDX-License-Identifier: MIT
 *
 * What a host hears. Every order names a place, and perhaps an attempt; one that does not fit what
 * is there now is late, and does nothing. */
#include "worker/host_inside.h"

#include <signal.h>

static struct place *host_place(struct host *host, uint32_t place, enum place_kind kind) {
    if (place >= host->place_count || host->places[place].kind != kind) {
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
        host_end_attempt(host, place,
                         (struct host_ending){WIRE_CAUSE_TERMINATED, SIGTERM, HOST_KILL_AFTER_US},
                         now_us);
    }
}

static void host_input_signal(struct host *host, const struct wire_message *message,
                              int64_t now_us) {
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
        host_end_attempt(host, place,
                         (struct host_ending){WIRE_CAUSE_TERMINATED, (int)order.signal, INT64_MAX},
                         now_us);
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

/* Of a place that is not free yet, or any more, the broker hears by its death. */
static void host_input_spawn(struct host *host, const struct wire_message *message) {
    struct wire_place_note note;
    if (wire_get_spawn(message, &note) == WHERRY_OK && !host->draining &&
        note.place >= host->config.processes &&
        host_place(host, note.place, PLACE_EMPTY) != NULL) {
        host_act(host, (struct host_action){.kind = HOST_SPAWN, .place = note.place});
    }
}

/* It was made in vain; one that runs something is left alone. */
static void host_input_stop(struct host *host, const struct wire_message *message) {
    struct wire_place_note note;
    if (wire_get_stop(message, &note) != WHERRY_OK || note.place < host->config.processes) {
        return;
    }
    struct place *place = host_place(host, note.place, PLACE_ALIVE);
    if (place == NULL) {
        return;
    }
    host_close_gate(host, place);
    if (gate_unacknowledged(place->gate) == 0) {
        host_signal(host, place, SIGKILL);
    }
}

/* Said again, it may bring another time. */
static void host_input_leave(struct host *host, const struct wire_message *message) {
    struct wire_leave order;
    if (wire_get_leave(message, &order) == WHERRY_OK) {
        host_act(host, (struct host_action){.kind = HOST_LEAVE, .grace_ms = order.grace_ms});
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
        host_input_signal(host, message, now_us);
    } else if (type == WIRE_DEATH_ACK) {
        host_input_death_ack(host, message);
    } else if (type == WIRE_SPAWN) {
        host_input_spawn(host, message);
    } else if (type == WIRE_STOP) {
        host_input_stop(host, message);
    } else if (type == WIRE_LEAVE) {
        host_input_leave(host, message);
    }
}
