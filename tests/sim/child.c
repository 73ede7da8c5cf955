/* SPDX-License-Identifier: MIT
 *
 * A child's process: an I/O thread that is always there (messages go in and out while a function
 * runs), and one function at a time. Its death is noticed by the supervisor, a little later. */
#include "common/check.h"
#include "tests/sim/host.h"
#include "tests/sim/sim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void child_due(void *subject, uint64_t stamp);
static void child_end(struct sim_child *child, struct host_death death);

struct sim_child *sim_child_of(struct sim *sim, uint32_t host, uint32_t place) {
    return &sim->hosts[host].children[place];
}

static struct world *child_world(const struct sim_child *child) {
    return &child->host->sim->world;
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void child_reopen(void *subject, uint64_t life) {
    struct sim_child *child = subject;
    if (child->life == life && child->logic != NULL && !child->connected) {
        child->connected = true;
        net_open(child->host->sim->net, child->node);
        child_opened(child->logic, child_world(child)->now_us);
        sim_child_wake(child);
    }
}

static void child_flush(struct sim_child *child) {
    struct sim *sim = child->host->sim;
    struct wire_out out;
    wire_out_init(&out);
    while (child->connected) {
        wire_out_clear(&out);
        if (!child_output(child->logic, sim->world.now_us, &out)) {
            break;
        }
        net_send_up(sim->net, child->node, &out);
        border_release(&out);
    }
    wire_out_fini(&out);
    if (child->connected && child_wants_reopen(child->logic)) {
        child->connected = false;
        net_close(sim->net, child->node);
        world_at(&sim->world, sim->world.now_us + sim_rng_skewed(&child->host->rng, 1000, 500000),
                 child_reopen, child, child->life);
    }
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void child_answer(struct sim_child *child) {
    struct bytes payload = BYTES_EMPTY;
    struct task_note note = {
        .ordinal = child->plan.ordinal,
        .epoch = child->task.token.epoch,
        .counter = child->task.token.counter,
        .run = child->run,
    };
    uint32_t status = WIRE_DONE;
    task_note_encode(&payload, &note, child->plan.result_size);
    bool again = child->plan.behaviour == TASK_ASKS_AGAIN && child->run <= 2;
    if (again || child->plan.behaviour == TASK_FAILS) {
        struct bytes text = BYTES_EMPTY;
        task_note_encode(&text, &note, 0);
        struct wire_failure failure = {
            .code = again ? WHERRY_E_RETRY : WHERRY_E_TASK_FAILED,
            .text = {text.data + 5, text.size - 5},
            .retry_ms = again ? 50 : 0,
        };
        bytes_clear(&payload);
        wire_put_failure(&payload, &failure);
        bytes_free(&text);
        status = again ? WIRE_TRY_AGAIN : WIRE_FAILED;
    }
    checker_finished_run(&child->host->sim->checker, child, status);
    child->running = false;
    int64_t busy_us = child_world(child)->now_us - child->started_us;
    child_finish(child->logic, child->task.number, status, bytes_span(&payload), (uint64_t)busy_us);
    bytes_free(&payload);
}

static bool child_crashes(const struct sim_child *child) {
    return child->plan.behaviour == TASK_CRASHES ||
           (child->plan.behaviour == TASK_CRASHES_ONCE && child->run == 1);
}

static bool child_is_process(const struct sim_child *child) {
    return child->place >= child->host->sim->config.processes;
}

/* A Process has no answer but its end. */
static void child_exit(struct sim_child *child) {
    static const int codes[TASK_BEHAVIOURS] = {[TASK_FAILS] = 1, [TASK_ASKS_AGAIN] = 75};
    int code = codes[child->plan.behaviour];
    world_note(child_world(child), "%s exits with %d",
               net_node_name(child->host->sim->net, child->node), code);
    checker_finished_run(&child->host->sim->checker, child, WIRE_DONE);
    child_end(child, (struct host_death){.cause = WIRE_CAUSE_EXIT, .number = code});
}

/* False: the child is dead. */
static bool child_end_run(struct sim_child *child) {
    if (child_is_process(child) && !child_crashes(child)) {
        child_exit(child);
        return false;
    }
    if (child_crashes(child)) {
        sim_child_kill(child, SIGSEGV, false);
        return false;
    }
    child_answer(child);
    return true;
}

static bool child_begin_run(struct sim_child *child) {
    if (!child_start(child->logic, &child->task)) {
        return false;
    }
    if (!task_plan_decode(child->task.payload, &child->plan)) {
        world_fail(child_world(child), "a child was given a payload that nobody submitted");
        return false;
    }
    child->running = true;
    child->started_us = child_world(child)->now_us;
    child->finish_us = child->started_us + child->plan.duration_us;
    child->run = checker_started_run(&child->host->sim->checker, child);
    return true;
}

void sim_child_finish_now(struct sim_child *child) {
    CHECK(child->running);
    child->finish_us = child_world(child)->now_us;
    sim_child_wake(child);
}

/* Everything that the process would do now: end a run, begin the next, speak. */
void sim_child_wake(struct sim_child *child) {
    struct world *world = child_world(child);
    if (child->logic == NULL || child->stopped) {
        return;
    }
    if (child->woken) {
        child->woken = false;
        child_gate_closed(child->logic, world->now_us);
    }
    child_tick(child->logic, world->now_us);
    child_flush(child);
    for (;;) {
        if (child->running && child->finish_us <= world->now_us && !child_end_run(child)) {
            return;
        }
        if (child->running || !child_begin_run(child)) {
            break;
        }
    }
    child_flush(child);
    int64_t wake_us = child_next_wake(child->logic);
    if (child->running && child->finish_us < wake_us) {
        wake_us = child->finish_us;
    }
    world_timer_set(world, &child->timer, wake_us, child_due, child);
}

static void child_due(void *subject, uint64_t stamp) {
    struct sim_child *child = subject;
    if (world_timer_due(&child->timer, stamp)) {
        sim_child_wake(child);
    }
}

void sim_child_message(struct sim_child *child, const struct wire_message *message) {
    if (child->logic != NULL && child->connected) {
        child_input(child->logic, message, child_world(child)->now_us);
        sim_child_wake(child);
    }
}

/* ---- death ------------------------------------------------------------------------------------
 */

static void child_scribble(struct sim_child *child) {
    struct rng *rng = &child->host->rng;
    for (uint32_t i = 0; i < 64; i++) {
        uint8_t *slot = (uint8_t *)&child->gate->slots[rng_below(rng, 32)];
        uint64_t at = rng_below(rng, sizeof(struct gate_slot));
        slot[at] ^= (uint8_t)rng_next(rng);
    }
}

static void child_reap(void *subject, uint64_t life) {
    struct sim_child *child = subject;
    if (child->life == life && child->host->logic != NULL) {
        child->death_waits = true;
        sim_host_wake(child->host);
    }
}

/* It is gone; its supervisor hears of it a little later. */
static void child_end(struct sim_child *child, struct host_death death) {
    struct sim *sim = child->host->sim;
    if (child->running && child_is_process(child)) {
        checker_exited(&sim->checker, child,
                       death.cause == WIRE_CAUSE_SIGNAL ? -death.number : death.number);
    }
    child_destroy(&child->logic);
    child->running = false;
    child->stopped = false;
    child->signal = 0;
    child->connected = false;
    child->life++;
    net_close(sim->net, child->node);
    net_stop(sim->net, child->node, false);
    child->death = death;
    world_at(&sim->world, sim->world.now_us + sim_rng_skewed(&child->host->rng, 100, 50000),
             child_reap, child, child->life);
}

void sim_child_kill(struct sim_child *child, int signal, bool scribble) {
    struct sim *sim = child->host->sim;
    if (child->logic == NULL) {
        return;
    }
    world_note(&sim->world, "%s dies of signal %d%s", net_node_name(sim->net, child->node), signal,
               child->running ? ", running" : "");
    world_fault(&sim->world, FAULT_CHILD_CRASH);
    if (child->running) {
        world_fault(&sim->world, FAULT_CHILD_CRASH_RUNNING);
    } else if (!child_settled(child->logic)) {
        world_fault(&sim->world, FAULT_CHILD_CRASH_ANSWERED);
    }
    checker_child_died(&sim->checker, child);
    if (scribble) {
        world_fault(&sim->world, FAULT_CHILD_SCRIBBLE);
        child_scribble(child);
    }
    child_end(child, (struct host_death){.cause = WIRE_CAUSE_SIGNAL, .number = signal});
}

void sim_child_signal(struct sim_child *child, int signal) {
    if (child->stopped && signal != SIGKILL) {
        child->signal = signal;
    } else if (signal == SIGKILL || child_signalled(child->logic)) {
        sim_child_kill(child, signal, false);
    }
}

void sim_child_stop(struct sim_child *child, bool stopped) {
    if (child->logic == NULL || child->stopped == stopped) {
        return;
    }
    child->stopped = stopped;
    net_stop(child->host->sim->net, child->node, stopped);
    if (!stopped && child->signal != 0) {
        int signal = child->signal;
        child->signal = 0;
        sim_child_signal(child, signal);
    }
    if (!stopped && child->logic != NULL) {
        sim_child_wake(child);
    }
}
