/* SPDX-License-Identifier: MIT
 *
 * A worker process. The function runs on the main thread, so that signals, stack size and
 * thread-local things are what its author expects. Between functions the main thread drives the
 * link itself: a lone task costs no hand-over to another thread and none back. The link's thread,
 * which blocks all signals, talks while a function lasts longer than a millisecond.
 *
 * The hot loop holds the mutex once a task (finish the last, start the next) and reads the clock
 * once a *stride*: as many tasks as should take 25 us, by the experience of the last stride; and
 * always at the end of what was delivered, so that the broker learns the time of every task. */
#include "worker/process.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/link/link.h"
#include "worker/child.h"
#include "worker/crash.h"
#include "worker/inside.h"
#include "worker/runner.h"
#include "worker/spawned.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    PROCESS_FLUSH_US = 50,
    PROCESS_FLUSH_TINY_US = 200, /* a message costs as much as many tiny tasks */
    PROCESS_TINY = 50,           /* as many in a stride */
    PROCESS_STRIDE_US = 25,
    PROCESS_STRIDE_MAX = 256,
    PROCESS_LOOK_US = 1000,
    PROCESS_REOPEN_US = 100000,
};

struct process {
    pthread_mutex_t mutex;
    bool once;         /* it was made for a Process */
    bool waiting;      /* the main thread drives the link until there is work */
    uint64_t finished; /* tasks */
    struct child *child;
    struct runner runner;
    struct link *link;
    int event_fd;
    /* driver: */
    struct wire_out out;
    bool out_kept; /* the link took it not yet */
    bool reopening;
    uint64_t finished_seen;
    /* main thread: */
    struct child_task task;
    uint32_t stride;
    uint32_t stride_left;
    int64_t stride_at_us;
    int64_t flushed_at_us;
};

/* ---- driving the link ----------------------------------------------------------------------- */

/* The link did not take it, and its connection is gone: the results in it are said again by the
 * hello. */
static void process_forget_out(struct process *process) {
    for (size_t i = 0; i < process->out.part_count; i++) {
        struct wire_part *part = &process->out.parts[i];
        if (part->release != NULL) {
            part->release((void *)(uintptr_t)part->data, part->hint);
        }
    }
    wire_out_clear(&process->out);
    process->out_kept = false;
}

static void process_opened(void *context, struct link *link) {
    struct process *process = context;
    (void)link;
    process_forget_out(process);
    process->reopening = false;
    pthread_mutex_lock(&process->mutex);
    child_opened(process->child, clock_mono_us());
    pthread_mutex_unlock(&process->mutex);
}

/* Large payloads are moved out of the message, not copied. */
static void process_take_frames(struct link *link, const struct wire_message *message,
                                struct wire_part *parts) {
    for (size_t i = 1; i < message->count; i++) {
        parts[i - 1] = (struct wire_part){0};
        (void)link_take(link, (int)i, &parts[i - 1]);
    }
}

static void process_received(void *context, struct link *link, const struct wire_message *message) {
    struct process *process = context;
    struct wire_part parts[WIRE_FRAMES_MAX];
    process_take_frames(link, message, parts);
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&process->mutex);
    child_input_parts(process->child, message, parts, now_us);
    pthread_mutex_unlock(&process->mutex);
}

static void process_reopen_if_wanted(struct process *process, struct link *link) {
    if (!process->reopening && child_wants_reopen(process->child)) {
        process->reopening = true;
        link_reopen(link, PROCESS_REOPEN_US);
    }
}

/* The next message into `out`; false: none. */
static bool process_next(struct process *process, struct link *link, int64_t now_us) {
    pthread_mutex_lock(&process->mutex);
    bool some = child_output(process->child, now_us, &process->out);
    process_reopen_if_wanted(process, link);
    pthread_mutex_unlock(&process->mutex);
    return some && !process->reopening;
}

static void process_collect(void *context, struct link *link) {
    struct process *process = context;
    int64_t now_us = clock_mono_us();
    for (;;) {
        if (!process->out_kept && !process_next(process, link, now_us)) {
            return;
        }
        process->out_kept = !link_send(link, &process->out);
        if (process->out_kept) {
            return;
        }
        wire_out_clear(&process->out);
    }
}

static int64_t process_tick(void *context, struct link *link, int64_t now_us) {
    struct process *process = context;
    pthread_mutex_lock(&process->mutex);
    child_tick(process->child, now_us);
    process_reopen_if_wanted(process, link);
    int64_t wake_us = child_next_wake(process->child);
    bool moving = process->finished != process->finished_seen || child_unsent(process->child);
    if (moving && !process->waiting && child_greeted(process->child) &&
        now_us + PROCESS_LOOK_US < wake_us) {
        wake_us = now_us + PROCESS_LOOK_US;
    }
    process->finished_seen = process->finished;
    pthread_mutex_unlock(&process->mutex);
    return wake_us;
}

static void process_gate_closed(void *context, struct link *link) {
    struct process *process = context;
    uint64_t count;
    (void)link;
    ssize_t size = read(process->event_fd, &count, sizeof count);
    (void)size;
    pthread_mutex_lock(&process->mutex);
    child_gate_closed(process->child, clock_mono_us());
    pthread_mutex_unlock(&process->mutex);
}

/* ---- the main thread ------------------------------------------------------------------------ */

static bool process_cancelled(void *context, uint32_t number) {
    struct process *process = context;
    return child_cancelled(process->child, number);
}

/* Work begins after a pause. */
static void process_begin(struct process *process) {
    process->stride_at_us = clock_mono_us();
    process->flushed_at_us = process->stride_at_us;
    process->stride = 1;
    process->stride_left = 1;
}

/* Sending was no work: counted as such it would make the next batches smaller and smaller. */
static void process_go_on(struct process *process) {
    process->stride_at_us = clock_mono_us();
    process->flushed_at_us = process->stride_at_us;
}

/* After each task; returns the busy time since the last call that knew it. */
static uint64_t process_measure(struct process *process) {
    if (--process->stride_left > 0 && child_has_more(process->child)) {
        return 0;
    }
    int64_t now_us = clock_mono_us();
    int64_t passed_us = now_us - process->stride_at_us;
    uint32_t fitting = passed_us == 0
                           ? PROCESS_STRIDE_MAX
                           : (uint32_t)(process->stride * (int64_t)PROCESS_STRIDE_US / passed_us);
    uint32_t most = process->stride * 2;
    process->stride = fitting < most ? fitting : most;
    process->stride = process->stride < 1 ? 1 : process->stride;
    process->stride = process->stride > PROCESS_STRIDE_MAX ? PROCESS_STRIDE_MAX : process->stride;
    process->stride_left = process->stride;
    process->stride_at_us = now_us;
    return passed_us > 0 ? (uint64_t)passed_us : 0;
}

static bool process_should_flush(struct process *process) {
    int64_t limit_us = process->stride < PROCESS_TINY ? PROCESS_FLUSH_US : PROCESS_FLUSH_TINY_US;
    if (child_has_more(process->child) &&
        process->stride_at_us - process->flushed_at_us <= limit_us) {
        return false;
    }
    process->flushed_at_us = process->stride_at_us;
    return true;
}

static void process_hand_in(struct process *process, uint32_t number, uint32_t status,
                            uint64_t busy_us) {
    struct bytes *answer = &process->runner.answer;
    if (answer->size > WIRE_INLINE_MAX) {
        child_finish_taking(process->child, number, status, answer->data, answer->size, busy_us);
        *answer = BYTES_EMPTY;
    } else {
        child_finish(process->child, number, status, bytes_span(answer), busy_us);
    }
    process->finished++;
}

/* Whether a task was started. */
static bool process_start_task(void *context) {
    struct process *process = context;
    pthread_mutex_lock(&process->mutex);
    bool started = child_start(process->child, &process->task);
    process->waiting = !started;
    pthread_mutex_unlock(&process->mutex);
    return started;
}

/* Ends the task and starts the next; false: something is to be sent first, or none can start. */
static bool process_change_task(struct process *process, uint32_t status, bool *more) {
    pthread_mutex_lock(&process->mutex);
    process_hand_in(process, process->task.number, status, process_measure(process));
    *more = child_has_more(process->child);
    bool started = !process_should_flush(process) && child_start(process->child, &process->task);
    pthread_mutex_unlock(&process->mutex);
    return started;
}

_Noreturn static void process_loop(struct process *process) {
    bool more;
    process_begin(process);
    for (;;) {
        if (!process_start_task(process)) {
            link_drive(process->link, process_start_task, process, INT64_MAX);
            process_begin(process);
        }
        if (process->once) {
            spawned_run(&process->runner, &process->task);
        }
        while (process_change_task(process, runner_run(&process->runner, &process->task), &more)) {
        }
        link_pass(process->link, more);
        process_go_on(process);
    }
}

/* ---- handlers ------------------------------------------------------------------------------- */

/* A handler has no argument: this is where it finds its process. Set once, before the handlers. */
static struct process *process_of_handlers;

/* The supervisor marks the page, then sends SIGTERM, and SIGKILL later. A function that has asked
 * whether it is cancelled is trusted to see the mark; any other ends here, as if there were no
 * handler. On its way through two processes the signal may be overtaken by the end of its task:
 * then the next one goes on. */
static void process_terminated(int number) {
    struct process *process = process_of_handlers;
    if (!atomic_load_explicit(&process->runner.task.cooperates, memory_order_relaxed) &&
        child_signalled(process->child)) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void process_forked(void) {
    process_of_handlers->runner.forked = true;
}

/* A function that ends its thread would otherwise leave a process that beats and does nothing. */
static void process_left(void *context) {
    struct process *process = context;
    fprintf(stderr, "%s called pthread_exit() on its main thread\n",
            wherry_task_function(&process->runner.task));
    _exit(1);
}

static void process_handle(struct process *process) {
    process_of_handlers = process;
    struct sigaction action = {.sa_handler = process_terminated};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    pthread_atfork(NULL, NULL, process_forked);
}

/* ---- the start ------------------------------------------------------------------------------ */

/* Dies with the fork server, and looks again whether it is still there. */
static void process_attach(const struct process_start *start) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "wherry-child");
    if (getppid() != start->parent) {
        _exit(0);
    }
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO);
    CHECK(dup2(start->err_fd, STDERR_FILENO) == STDERR_FILENO);
    close(null);
    close(start->err_fd);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a killed process should not lose whole lines */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    crash_install();
}

static struct gate_page *process_map(const struct process_start *start) {
    void *page =
        mmap(NULL, sizeof(struct gate_page), PROT_READ | PROT_WRITE, MAP_SHARED, start->gate_fd, 0);
    CHECK(page != MAP_FAILED);
    close(start->gate_fd);
    return page;
}

static void process_open(struct process *process, const struct process_start *start,
                         const char *host) {
    struct child_config config = {.session = start->session,
                                  .host_session = start->host_session,
                                  .place = start->place,
                                  .pid = getpid(),
                                  .label = span_of_text(host),
                                  .gate = process_map(start),
                                  .once = start->once};
    memcpy(config.secret, start->secret, sizeof config.secret);
    process->once = start->once;
    inside_open(start->settings->brokers, start->host_session, start->session, config.gate,
                &process->task);
    process->child = child_create(&config);
    process->event_fd = start->event_fd;
    pthread_mutex_init(&process->mutex, NULL);
    wire_out_init(&process->out);
    runner_init(&process->runner, start->registry, span_of_text(host), process_cancelled, process);
    struct link_options options = {
        .payload_max = WIRE_PAYLOAD_MAX, .extra_fd = start->event_fd, .extra = process_gate_closed};
    static const struct link_ops ops = {process_opened, process_received, process_collect,
                                        process_tick};
    wherry_err err = link_open(start->settings->brokers, &options, &ops, process, &process->link);
    if (err != WHERRY_OK) {
        fprintf(stderr, "wherry-worker: %s\n", wherry_last_error());
        exit(1);
    }
}

_Noreturn void process_run(const struct process_start *start) {
    static struct process process; /* the one of this process: it outlives every stack frame */
    static char host[256];
    process_attach(start);
    gethostname(host, sizeof host - 1);
    process_open(&process, start, host);
    process_handle(&process);
    pthread_cleanup_push(process_left, &process);
    process_loop(&process);
    pthread_cleanup_pop(0);
}
