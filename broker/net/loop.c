/* SPDX-License-Identifier: MIT
 *
 * The core loop; see loop.h.
 *
 * Why a turn reads at most TURN_MESSAGES before the tick: under a flood input is never dry, and
 * what the engine does once a turn (deliveries, silence) must not starve. libzmq reads its peers
 * in turn, so a beat is read within one round even then. Why EVENT_GAP: a broker that was stopped
 * for ten seconds wakes up with everybody's beats unread; leases are pushed out before anything is
 * judged.
 *
 * Two looks at the clock a message, at tens of nanoseconds each, against batches of hundreds of
 * tasks. */
#include "broker/net/loop.h"
#include "broker/net/commits.h"
#include "broker/net/heap.h"
#include "broker/net/receipts.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/notify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TURN_MESSAGES = 256,
    WAIT_MAX_MS = 250,   /* probes, watchdog */
    WAIT_UNSENT_MS = 2,  /* nobody tells when a full pipe has room again */
    PROBES_MAX = 64,     /* a turn */
    PROBE_QUIET_US = 1000000,
    GAP_US = 1000000,
    HEAP_LOOK_US = 1000000,
    POLL_ROUTER = 0,
    POLL_SIGNALS = 1,
    POLL_HTTP = 2,
    POLL_STORE = 3,
    POLL_COUNT = 4,
};

struct loop {
    struct loop_config config;
    struct effects effects;
    struct receipts *receipts;
    struct pollfd polls[POLL_COUNT];
    int signal_fd;
    int64_t now_us;
    int64_t wall_ms;
    int64_t started_at_us;
    int64_t wait_until_us; /* the end of the wait that was asked for */
    int64_t stood_still_us; /* not yet told to the engine */
    bool dry;              /* all input of the last turn was read */
    bool unsent;
    /* going down */
    bool draining;
    bool ended;
    int exit_code;
    int64_t grace_until_us;
    struct commits commits;
    /* looks at itself */
    int64_t watchdog_us;
    int64_t watchdog_at_us;
    struct heap heap;
    int64_t heap_at_us;
    uint64_t turns;
    uint64_t gaps;
    struct histogram step;
};

/* ---- life ------------------------------------------------------------------------------------ */

static sigset_t loop_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGHUP);
    return signals;
}

void loop_block_signals(void) {
    sigset_t signals = loop_signals();
    CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
}

/* poll() passes over a descriptor of −1. */
static void polls_init(struct loop *loop) {
    const struct loop_config *config = &loop->config;
    loop->polls[POLL_ROUTER].fd = router_fd(config->router);
    loop->polls[POLL_SIGNALS].fd = loop->signal_fd;
    loop->polls[POLL_HTTP].fd = config->http != NULL ? http_fd(config->http) : -1;
    loop->polls[POLL_STORE].fd = store_fd(config->store);
    for (size_t i = 0; i < POLL_COUNT; i++) {
        loop->polls[i].events = POLLIN;
    }
}

struct loop *loop_create(const struct loop_config *config) {
    struct loop *loop = calloc(1, sizeof *loop);
    CHECK(loop != NULL);
    sigset_t signals = loop_signals();
    loop->config = *config;
    commits_init(&loop->commits, config->store, config->payloads);
    effects_init(&loop->effects);
    loop->receipts = receipts_create();
    loop->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK(loop->signal_fd >= 0);
    polls_init(loop);
    loop->now_us = loop->started_at_us = clock_mono_us();
    loop->wall_ms = clock_wall_ms();
    loop->watchdog_us = notify_watchdog_us();
    return loop;
}

void loop_destroy(struct loop **loop_at) {
    struct loop *loop = *loop_at;
    if (loop == NULL) {
        return;
    }
    close(loop->signal_fd);
    effects_fini(&loop->effects);
    receipts_destroy(&loop->receipts);
    commits_fini(&loop->commits);
    free(loop);
    *loop_at = NULL;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void carry_out_one(struct loop *loop, const struct effect *effect) {
    if (effect->kind == EFFECT_RESULT_ACK) {
        receipts_add(loop->receipts, effect, loop->now_us);
        return;
    }
    if (border_encode(loop->config.border, effect, router_send, loop->config.router)) {
        return;
    }
    if (effect->kind == EFFECT_CLOSE_ROUTE) {
        router_forget(loop->config.router, effect->route);
    } else if (effect->kind == EFFECT_COMMIT) {
        commits_close(&loop->commits, effect->batch, loop->now_us);
    } else if (effect->kind == EFFECT_LOG) {
        log_raw(effect->log.level, effect->log.text);
    } else {
        commits_add(&loop->commits, effect); /* PUT, DELETE: all that is left */
    }
}

void loop_carry_out(struct loop *loop, struct effects *effects) {
    for (uint32_t i = 0; i < effects->count; i++) {
        carry_out_one(loop, &effects->items[i]);
    }
    effects_clear(effects);
}

static void loop_step(struct loop *loop, const struct event *event) {
    struct now now = {loop->now_us, loop->wall_ms};
    engine_step(loop->config.engine, event, now, &loop->effects);
    loop_carry_out(loop, &loop->effects);
    int64_t after_us = clock_mono_us();
    int64_t took_us = after_us - loop->now_us;
    histogram_add(&loop->step, took_us);
    loop->stood_still_us += took_us > GAP_US ? took_us : 0;
    loop->now_us = after_us;
}

static void loop_refuse(struct loop *loop, route_id route, wherry_err err, struct span why) {
    log_event(LOG_WARN, "message refused", log_number("route", (int64_t)route),
              log_span("why", why));
    border_refuse(loop->config.border, route, err, why, router_send, loop->config.router);
    loop_step(loop, &(struct event){.kind = EVENT_ROUTE_LOST, .route = route});
    router_forget(loop->config.router, route);
}

/* False: no message was waiting. */
static bool loop_read_one(struct loop *loop) {
    struct wire_message message;
    struct event event;
    route_id route = 0;
    enum router_got got = router_receive(loop->config.router, loop->now_us, &route, &message);
    if (got == ROUTER_NOTHING) {
        return false;
    }
    if (got == ROUTER_TOO_MANY_FRAMES) {
        loop_refuse(loop, route, WHERRY_E_PROTOCOL, span_of_text("more frames than a message has"));
        return true;
    }
    wherry_err err = border_decode(loop->config.border, route, &message, router_take,
                                   loop->config.router, &event);
    if (err != WHERRY_OK) {
        loop_refuse(loop, route, err, border_refusal(loop->config.border));
        return true;
    }
    loop_step(loop, &event);
    return true;
}

static void loop_read(struct loop *loop) {
    loop->dry = false;
    for (size_t i = 0; i < TURN_MESSAGES && !loop->dry; i++) {
        loop->dry = !loop_read_one(loop);
    }
}

static void loop_tell_lost(struct loop *loop) {
    route_id route;
    while ((route = router_next_lost(loop->config.router)) != 0) {
        log_event(LOG_DEBUG, "route lost", log_number("route", (int64_t)route));
        loop_step(loop, &(struct event){.kind = EVENT_ROUTE_LOST, .route = route});
    }
}

static void loop_probe(struct loop *loop) {
    for (size_t i = 0; i < PROBES_MAX; i++) {
        route_id route =
            router_next_quiet(loop->config.router, loop->now_us, PROBE_QUIET_US);
        if (route == 0) {
            break;
        }
        border_probe(loop->config.border, route, router_send, loop->config.router);
    }
}

static void loop_send_receipts(struct loop *loop, bool all) {
    struct effect effect;
    while (receipts_next(loop->receipts, loop->now_us, all, &effect)) {
        border_encode(loop->config.border, &effect, router_send, loop->config.router);
    }
}

static void loop_end(struct loop *loop, int exit_code) {
    loop->ended = true;
    loop->exit_code = exit_code;
}

static void loop_look_at_store(struct loop *loop) {
    struct event event;
    uint64_t count = 0;
    if (loop->polls[POLL_STORE].revents != 0 &&
        read(loop->polls[POLL_STORE].fd, &count, sizeof count) < 0) {
        CHECK(errno == EAGAIN);
    }
    if (store_failed(loop->config.store) != WHERRY_OK) {
        log_event(LOG_ERROR, "the store failed; whether its last batch is in is unknown, the next "
                             "start will see");
        loop_end(loop, LOOP_STORE);
        return;
    }
    while (commits_next(&loop->commits, loop->now_us, &event)) {
        if (event.kind == EVENT_STORE_SPACE) {
            log_event(LOG_WARN,
                      event.store_has_space ? "the store has space again: new work is taken"
                                            : "the store has no space left: new work is refused");
        }
        loop_step(loop, &event);
    }
}

/* ---- signals and going down ------------------------------------------------------------------ */

static void loop_dump(struct loop *loop) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return;
    }
    engine_dump(loop->config.engine, file);
    fclose(file);
    fwrite(text, 1, size, stderr); /* many lines, for a person: as they are */
    free(text);
}

static void loop_drain(struct loop *loop) {
    if (loop->draining) {
        log_event(LOG_WARN, "second signal: ending now");
        loop_end(loop, LOOP_FORCED);
        return;
    }
    log_event(LOG_INFO, "draining", log_number("grace_ms", loop->config.grace_ms));
    notify_send("STOPPING=1\nSTATUS=draining");
    loop->draining = true;
    loop->grace_until_us = loop->now_us + loop->config.grace_ms * 1000;
    loop_step(loop, &(struct event){.kind = EVENT_DRAIN_BROKER});
}

static void loop_signals_read(struct loop *loop) {
    struct signalfd_siginfo info;
    while (!loop->ended && read(loop->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGUSR1) {
            loop_dump(loop);
        } else if (info.ssi_signo == SIGHUP) {
            log_event(LOG_INFO, "SIGHUP: nothing to reload in this version");
        } else {
            loop_drain(loop);
        }
    }
}

/* Nothing is out, nothing waits for a commit or for a peer that reads slowly. */
static void loop_look_at_drain(struct loop *loop) {
    struct engine_counts counts;
    if (!loop->draining || loop->ended) {
        return;
    }
    engine_counts(loop->config.engine, &counts);
    bool idle = counts.leased == 0 && !loop->unsent && loop->dry &&
                counts.batches_opened == counts.batches_committed &&
                engine_next_wake(loop->config.engine) > loop->now_us;
    if (idle) {
        loop_end(loop, LOOP_CLEAN);
    } else if (loop->now_us >= loop->grace_until_us) {
        log_event(LOG_WARN, "the grace time is over and work is still out",
                  log_number("leased", (int64_t)counts.leased));
        loop_end(loop, LOOP_FORCED);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

static void fill_queues(const struct loop *loop, struct metrics *out) {
    struct now now = {loop->now_us, loop->wall_ms};
    uint32_t count = engine_queue_count(loop->config.engine);
    out->queue_count = count < METRIC_QUEUES_MAX ? count : METRIC_QUEUES_MAX;
    for (uint32_t i = 0; i < out->queue_count; i++) {
        struct metrics_queue *queue = &out->queues[i];
        engine_queue_view(loop->config.engine, i, now, &queue->view);
        size_t size = queue->view.name.size < WIRE_NAME_MAX ? queue->view.name.size : WIRE_NAME_MAX;
        memcpy(queue->name, queue->view.name.data, size);
        queue->name[size] = '\0';
    }
}

static void loop_fill(void *context, struct metrics *out) {
    const struct loop *loop = context;
    struct store_identity identity;
    store_identity(loop->config.store, &identity);
    out->uptime_us = loop->now_us - loop->started_at_us;
    out->epoch = identity.epoch;
    out->draining = loop->draining;
    out->restoring = false;
    out->store_full = loop->commits.full;
    out->restored_records = identity.records;
    out->store_failed = store_failed(loop->config.store) != WHERRY_OK;
    engine_counts(loop->config.engine, &out->engine);
    out->engine_memory_bytes = engine_memory_bytes(loop->config.engine);
    out->border = *border_counts(loop->config.border);
    router_counts(loop->config.router, &out->router);
    payload_sums(loop->config.payloads, &out->payloads);
    out->memory_limit_bytes = loop->config.memory_limit_bytes;
    out->turns = loop->turns;
    out->gaps = loop->gaps;
    out->step = loop->step;
    out->barrier = loop->commits.wait;
    fill_queues(loop, out);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t loop_wait_ms(const struct loop *loop) {
    if (!loop->dry) {
        return 0;
    }
    int64_t wake_us = earlier(engine_next_wake(loop->config.engine),
                              receipts_wake_us(loop->receipts));
    if (wake_us <= loop->now_us) {
        return 0;
    }
    int64_t wait_ms = earlier(WAIT_MAX_MS, (wake_us - loop->now_us + 999) / 1000);
    if (loop->draining) {
        wait_ms = earlier(wait_ms, (loop->grace_until_us - loop->now_us + 999) / 1000);
    }
    wait_ms = loop->unsent ? earlier(wait_ms, WAIT_UNSENT_MS) : wait_ms;
    return wait_ms > 0 ? wait_ms : 0;
}

static void loop_wait(struct loop *loop) {
    int64_t wait_ms = loop_wait_ms(loop);
    if (wait_ms > 0 && !router_may_sleep(loop->config.router)) {
        wait_ms = 0;
    }
    loop->wait_until_us = loop->now_us + wait_ms * 1000;
    int ready = poll(loop->polls, POLL_COUNT, (int)wait_ms);
    CHECK(ready >= 0 || errno == EINTR);
    loop->now_us = clock_mono_us();
    loop->wall_ms = clock_wall_ms();
    int64_t late_us = loop->now_us - loop->wait_until_us;
    loop->stood_still_us += late_us > GAP_US ? late_us : 0;
}

/* Before anything is judged: was this process stopped, in its wait or in a step? */
static void loop_tell_gap(struct loop *loop) {
    int64_t gap_us = loop->stood_still_us;
    if (gap_us > 0) {
        loop->gaps++;
        loop->stood_still_us = 0;
        log_event(LOG_WARN, "the loop stood still; leases are pushed out",
                  log_number("gap_ms", gap_us / 1000));
        loop_step(loop, &(struct event){.kind = EVENT_GAP, .gap_us = gap_us});
    }
}

static void loop_watchdog(struct loop *loop) {
    if (loop->watchdog_us > 0 && loop->now_us >= loop->watchdog_at_us) {
        notify_send("WATCHDOG=1");
        loop->watchdog_at_us = loop->now_us + loop->watchdog_us;
    }
}

static void loop_look_at_heap(struct loop *loop) {
    struct payload_sums payloads;
    if (loop->now_us < loop->heap_at_us) {
        return;
    }
    loop->heap_at_us = loop->now_us + HEAP_LOOK_US;
    payload_sums(loop->config.payloads, &payloads);
    if (heap_fell(&loop->heap,
                  engine_memory_bytes(loop->config.engine) + payloads.memory_bytes)) {
        heap_give_back();
    }
}

static void loop_turn(struct loop *loop) {
    loop_wait(loop);
    loop_tell_gap(loop);
    if (loop->polls[POLL_SIGNALS].revents != 0) {
        loop_signals_read(loop);
    }
    loop_read(loop);
    loop_tell_lost(loop);
    loop_tell_gap(loop);
    loop_look_at_store(loop);
    loop_step(loop, &(struct event){.kind = EVENT_TICK});
    loop_send_receipts(loop, false);
    loop->unsent = router_flush(loop->config.router);
    loop_probe(loop);
    loop_tell_lost(loop);
    if (loop->polls[POLL_HTTP].revents != 0) {
        http_answer(loop->config.http, loop_fill, loop);
    }
    loop_watchdog(loop);
    loop_look_at_heap(loop);
    loop_look_at_drain(loop);
    loop->turns++;
}

int loop_run(struct loop *loop) {
    while (!loop->ended) {
        loop_turn(loop);
    }
    loop_send_receipts(loop, true);
    return loop->exit_code;
}
