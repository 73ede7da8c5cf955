/* SPDX-License-Identifier: MIT
 *
 * The supervisor's process and its children's beginnings. What it is asked to do (actions) happens
 * at once or, where another process is concerned, a moment later, as with eventfds and signals. */
#include "tests/sim/host.h"

#include "common/check.h"
#include "common/plant.h"
#include "tests/sim/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void host_due(void *subject, uint64_t stamp);

uint32_t sim_host_places(const struct sim *sim) {
    return sim->config.processes + sim->config.processes_max;
}

void sim_host_init(struct sim_host *host, struct sim *sim, uint32_t index) {
    *host = (struct sim_host){
        .sim = sim,
        .index = index,
        .machine = 1 + SIM_CLIENTS_MAX + index,
        .rng = sim_rng_of(sim->config.seed, 100 + index),
        .timer = {.at_us = INT64_MAX},
    };
    char name[16];
    snprintf(name, sizeof name, "h%u", index);
    host->node = net_node_add(sim->net, name, host->machine, host);
    for (uint32_t place = 0; place < sim_host_places(sim); place++) {
        struct sim_child *child = &host->children[place];
        child->host = host;
        child->place = place;
        child->timer.at_us = INT64_MAX;
        child->forked_at_us = INT64_MAX;
        snprintf(name, sizeof name, "h%u.%u", index, place);
        child->node = net_node_add(sim->net, name, host->machine, child);
    }
}

static void host_drop_child(struct sim_child *child) {
    child_destroy(&child->logic);
    free(child->gate);
    child->gate = NULL;
    child->running = false;
    child->stopped = false;
    child->connected = false;
    child->death_waits = false;
    child->wanted = false;
    child->woken = false;
    child->signal = 0;
    child->forked_at_us = INT64_MAX;
    child->life++;
}

void sim_host_fini(struct sim_host *host) {
    host_destroy(&host->logic);
    for (uint32_t place = 0; place < sim_host_places(host->sim); place++) {
        host_drop_child(&host->children[place]);
    }
}

/* ---- children ---------------------------------------------------------------------------------
 */

static void host_connect_child(void *subject, uint64_t life) {
    struct sim_child *child = subject;
    struct sim *sim = child->host->sim;
    if (child->life == life && child->logic != NULL) {
        child->connected = true;
        net_open(sim->net, child->node);
        child_opened(child->logic, sim->world.now_us);
        sim_child_wake(child);
    }
}

static void host_letter(void *subject, uint64_t life) {
    struct sim_host *host = subject;
    if (host->life == life && host->logic != NULL) {
        sim_host_wake(host);
    }
}

/* The fork server's letters are read in order. */
static void host_see_fork(struct sim_host *host, struct sim_child *child) {
    if (child->forked_at_us <= host->sim->world.now_us || child->death_waits) {
        if (PLANTED(PLANT_FORK_UNKNOWN) && child->forked_at_us != INT64_MAX) {
            host_child_started(host->logic, child->place, child->gate);
        }
        child->forked_at_us = INT64_MAX;
        host_child_forked(host->logic, child->place, child->pid);
    }
}

static void host_spawn(void *subject, uint64_t place) {
    struct sim_host *host = subject;
    struct sim *sim = host->sim;
    struct sim_child *child = &host->children[place];
    if (host->logic == NULL || host->stopped || host->draining || child->gate != NULL ||
        !host_place_free(host->logic, (uint32_t)place)) {
        return;
    }
    child->wanted = false;
    child->gate = calloc(1, sizeof *child->gate);
    CHECK(child->gate != NULL);
    gate_init(child->gate, host_place_state(host->logic, (uint32_t)place));
    child->pid = (int64_t)(1000 + host->life * 100 + child->life);
    child->life++;
    struct child_config config = {
        .session = rng_next(&host->rng),
        .host_session = host->session,
        .place = (uint32_t)place,
        .pid = child->pid,
        .label = span_of_text("sim"),
        .gate = child->gate,
        .window = sim->config.child_window,
        .once = place >= sim->config.processes,
    };
    if (!PLANTED(PLANT_FORK_UNKNOWN)) {
        host_child_started(host->logic, (uint32_t)place, child->gate);
    }
    child->logic = child_create(&config);
    int64_t heard_us = sim_rng_skewed(&host->rng, 10, 20000);
    heard_us = host->fork_heard_us != 0 ? host->fork_heard_us : heard_us;
    child->forked_at_us = sim->world.now_us + heard_us;
    world_at(&sim->world, child->forked_at_us, host_letter, host, host->life);
    world_at(&sim->world, sim->world.now_us + sim_rng_skewed(&host->rng, 0, 20000),
             host_connect_child, child, child->life);
    sim_host_wake(host);
}

static void host_wake_child(void *subject, uint64_t life) {
    struct sim_child *child = subject;
    if (child->life == life && child->logic != NULL) {
        child->woken = true;
        sim_child_wake(child);
    }
}

static void host_kill_child(void *subject, uint64_t argument) {
    struct sim_child *child = subject;
    int signal = (int)(argument & 0xff);
    if (child->life != argument >> 8 || child->logic == NULL) {
        return;
    }
    sim_child_signal(child, signal);
}

/* ---- actions ----------------------------------------------------------------------------------
 */

static void host_ended(struct sim_host *host) {
    struct sim *sim = host->sim;
    world_note(&sim->world, "h%u has drained and ends", host->index);
    net_finish(sim->net, host->node);
    host_destroy(&host->logic);
    for (uint32_t place = 0; place < sim_host_places(sim); place++) {
        struct sim_child *child = &host->children[place];
        if (child->logic != NULL) {
            checker_child_died(&sim->checker, child);
            net_finish(sim->net, child->node);
        }
        net_stop(sim->net, child->node, false);
        host_drop_child(child);
    }
    host->connected = false;
    host->draining = false;
    host->life++;
    faults_host_ended(&sim->faults, host);
}

static void host_force(void *subject, uint64_t life) {
    struct sim_host *host = subject;
    if (host->life == life && host->logic != NULL && !host->stopped) {
        host_drain_force(host->logic, host->sim->world.now_us);
        sim_host_wake(host);
    }
}

static void host_leave(void *subject, uint64_t life) {
    struct sim_host *host = subject;
    if (host->life == life) {
        sim_host_drain(host);
    }
}

static void host_act(struct sim_host *host, const struct host_action *action) {
    struct world *world = &host->sim->world;
    struct sim_child *child = &host->children[action->place];
    int64_t soon_us = world->now_us + sim_rng_skewed(&host->rng, 10, 5000);
    switch (action->kind) {
    case HOST_WAKE_CHILD:
        world_at(world, soon_us, host_wake_child, child, child->life);
        break;
    case HOST_SIGNAL_CHILD:
        if (child->logic != NULL && (action->pid == 0 || child->pid == action->pid)) {
            world_note(world, "h%u signals place %u: %d", host->index, action->place,
                       action->signal);
            world_at(world, soon_us, host_kill_child, child,
                     child->life << 8 | (uint64_t)action->signal);
        }
        break;
    case HOST_PLACE_FREE:
        CHECK(child->logic == NULL);
        free(child->gate);
        child->gate = NULL;
        if (action->place < host->sim->config.processes) {
            world_at(world, soon_us, host_spawn, host, action->place);
        }
        break;
    case HOST_SPAWN:
        child->wanted = true;
        world_at(world, soon_us, host_spawn, host, action->place);
        break;
    case HOST_LEAVE:
        world_fault(world, FAULT_HOST_SENT_AWAY);
        world_at(world, soon_us, host_leave, host, host->life);
        if (action->grace_ms >= 0) {
            world_at(world, soon_us + action->grace_ms * 1000, host_force, host, host->life);
        }
        break;
    case HOST_DRAINED:
        break;
    }
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void host_connect(void *subject, uint64_t life) {
    struct sim_host *host = subject;
    if (host->life == life && host->logic != NULL && !host->connected) {
        host->connected = true;
        net_open(host->sim->net, host->node);
        host_opened(host->logic, host->sim->world.now_us);
        sim_host_wake(host);
    }
}

static void host_flush(struct sim_host *host) {
    struct sim *sim = host->sim;
    struct wire_out out;
    wire_out_init(&out);
    while (host->connected) {
        wire_out_clear(&out);
        if (!host_output(host->logic, sim->world.now_us, &out)) {
            break;
        }
        net_send_up(sim->net, host->node, &out);
        border_release(&out);
    }
    wire_out_fini(&out);
    if (host->connected && host_wants_reopen(host->logic)) {
        host->connected = false;
        net_close(sim->net, host->node);
        world_at(&sim->world, sim->world.now_us + sim_rng_skewed(&host->rng, 1000, 500000),
                 host_connect, host, host->life);
    }
}

static void host_see_letters(struct sim_host *host) {
    for (uint32_t place = 0; place < sim_host_places(host->sim); place++) {
        struct sim_child *child = &host->children[place];
        host_see_fork(host, child);
        if (child->death_waits) {
            child->death_waits = false;
            host_child_died(host->logic, place, &child->death, host->sim->world.now_us);
        }
    }
}

void sim_host_wake(struct sim_host *host) {
    struct world *world = &host->sim->world;
    if (host->logic == NULL || host->stopped) {
        return;
    }
    host_see_letters(host);
    host_tick(host->logic, world->now_us);
    host_flush(host);
    struct host_action action;
    bool drained = false;
    while (host_action(host->logic, &action)) {
        drained = drained || action.kind == HOST_DRAINED;
        host_act(host, &action);
    }
    host_flush(host);
    if (drained) {
        host_ended(host);
        return;
    }
    world_timer_set(world, &host->timer, host_next_wake(host->logic), host_due, host);
}

static void host_due(void *subject, uint64_t stamp) {
    struct sim_host *host = subject;
    if (world_timer_due(&host->timer, stamp)) {
        sim_host_wake(host);
    }
}

void sim_host_message(struct sim_host *host, const struct wire_message *message) {
    if (host->logic != NULL && host->connected) {
        host_input(host->logic, message, host->sim->world.now_us);
        sim_host_wake(host);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* Every host offers "f"; of those of a queue the first alone offers "g". Nobody offers "nowhere".
 */
void sim_host_start(struct sim_host *host) {
    struct sim *sim = host->sim;
    CHECK(host->logic == NULL);
    struct span functions[] = {span_of_text("f"), span_of_text("g")};
    char pool[16];
    snprintf(pool, sizeof pool, "q%u", host->index % sim->config.queues);
    host->session = rng_next(&host->rng);
    host->life++;
    struct host_config config = {
        .session = host->session,
        .label = span_of_text("sim"),
        .pid = (int64_t)host->life,
        .pool = span_of_text(pool),
        .processes = sim->config.processes,
        .processes_max = sim->config.processes_max,
        .functions = functions,
        .function_count = host->index < sim->config.queues ? 2 : 1,
    };
    host->logic = host_create(&config);
    world_note(&sim->world, "h%u starts", host->index);
    host_connect(host, host->life);
    for (uint32_t place = 0; place < sim->config.processes; place++) {
        world_at(&sim->world, sim->world.now_us + sim_rng_skewed(&host->rng, 10, 50000), host_spawn,
                 host, place);
    }
}

/* The kernel ends the children with their supervisor (PDEATHSIG). */
void sim_host_crash(struct sim_host *host) {
    struct sim *sim = host->sim;
    if (host->logic == NULL) {
        return;
    }
    world_note(&sim->world, "h%u dies", host->index);
    world_fault(&sim->world, FAULT_HOST_CRASH);
    host_destroy(&host->logic);
    for (uint32_t place = 0; place < sim_host_places(sim); place++) {
        struct sim_child *child = &host->children[place];
        if (child->logic != NULL) {
            checker_child_died(&sim->checker, child);
            net_close(sim->net, child->node);
        }
        net_stop(sim->net, child->node, false);
        host_drop_child(child);
    }
    host->connected = false;
    host->stopped = false;
    host->draining = false;
    host->life++;
    net_close(sim->net, host->node);
    net_stop(sim->net, host->node, false);
}

void sim_host_stop(struct sim_host *host, bool stopped) {
    if (host->logic == NULL || host->stopped == stopped) {
        return;
    }
    host->stopped = stopped;
    net_stop(host->sim->net, host->node, stopped);
    if (!stopped) {
        for (uint32_t place = 0; place < sim_host_places(host->sim); place++) {
            if (place < host->sim->config.processes || host->children[place].wanted) {
                host_spawn(host, place);
            }
        }
        sim_host_wake(host);
    }
}

void sim_host_drain(struct sim_host *host) {
    if (host->logic != NULL && !host->stopped && !host->draining) {
        host->draining = true;
        world_note(&host->sim->world, "h%u drains", host->index);
        host_drain(host->logic, host->sim->world.now_us);
        sim_host_wake(host);
    }
}
