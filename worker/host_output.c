/* SPDX-License-Identifier: MIT
 *
 * What a host says, in this order: hello (which reports every gate), DRAIN, deaths and gate
 * reports, GOODBYE, beats. A death report is said on each new connection and again every six
 * seconds until it is acknowledged: the broker recognises it by its sequence.
 *
 * A closing that could not be reported, because its connection is gone, needs no memory: the next
 * hello closes again, and its report covers all older generations. */
#include "worker/host_inside.h"

#include "common/plant.h"

void host_opened(struct host *host, int64_t now_us) {
    peer_opened(&host->peer, now_us);
    host->drain_due = host->draining;
    for (uint32_t i = 0; i < host->place_end; i++) {
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
        .processes_max = host->config.processes_max,
    };
    wire_hello_begin(out, &hello, host->config.function_count,
                     host->place_end - host_count(host, PLACE_EMPTY));
    for (uint32_t i = 0; i < host->config.function_count; i++) {
        wire_hello_function(out, host->functions[i]);
    }
    for (uint32_t i = 0; i < host->place_end; i++) {
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
    for (uint32_t i = 0; i < host->place_end; i++) {
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
