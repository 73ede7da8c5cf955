/* SPDX-License-Identifier: MIT
 *
 * Supervisor. Order of its start: signals blocked, fork server forked (while there is one thread
 * and no ZeroMQ), functions known, link opened, children forked.
 *
 * All host logic runs under one mutex. What it wants done is done at once, under the same mutex, by
 * whichever thread asked: an eventfd is written, or a letter goes to the fork server (a few bytes
 * on a local socket). */
#include "worker/supervisor_inside.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/entropy.h"
#include "common/err.h"
#include "common/link/resolve.h"
#include "common/log.h"
#include "common/notify.h"
#include "worker/forkserver.h"
#include "worker/post.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SUPERVISOR_SAY_AGAIN_US = 60000000, /* "no broker", once a minute */
    SUPERVISOR_SAY_FIRST_US = 3000000,
    SUPERVISOR_GOODBYE_MS = 500,
    SUPERVISOR_LOOK_US = 20000, /* draining: whether the last task has ended, which no one tells */
    SUPERVISOR_FORCE_US = 5000000, /* SIGTERM, SIGKILL after 2 s, reports */
    SUPERVISOR_GRACE_MAX_MS = INT32_MAX,
    SUPERVISOR_RESOLVE_MS = 300, /* how long a log line may wait for a name server */
};

enum supervisor_exit { EXIT_CLEAN = 0, EXIT_USAGE = 2, EXIT_NO_BROKER = 5, EXIT_FORCED = 8 };

/* ---- the start ------------------------------------------------------------------------------ */

static void supervisor_caught(sigset_t *set) {
    static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        sigaddset(set, caught[i]);
    }
}

void supervisor_block_signals(void) {
    sigset_t set;
    supervisor_caught(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void supervisor_take_signals(struct supervisor *self) {
    sigset_t set;
    supervisor_caught(&set);
    self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(self->signals >= 0);
}

static bool supervisor_fork(struct supervisor *self) {
    int ends[2];
    int parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    self->forkserver = fork();
    if (self->forkserver == 0) {
        close(ends[0]);
        close(self->signals);
        close(self->notice);
        forkserver_run(ends[1], self->settings, parent);
    }
    close(ends[1]);
    self->post = ends[0];
    return self->forkserver > 0;
}

/* Hears which functions there are. EXIT_CLEAN, or EXIT_USAGE after one line. */
static int supervisor_hear(struct supervisor *self) {
    static struct post letter;
    int fds[POST_FDS];
    self->names = calloc(BOUND_FUNCTIONS, sizeof *self->names);
    CHECK(self->names != NULL);
    while (post_receive(self->post, &letter, fds)) {
        if (letter.kind == POST_READY) {
            return EXIT_CLEAN;
        }
        if (letter.kind == POST_FAULT) {
            fprintf(stderr, "wherry-worker: %.*s\n", (int)letter.text_size, letter.text);
            return EXIT_USAGE;
        }
        if (letter.kind == POST_FUNCTION && self->name_count < BOUND_FUNCTIONS &&
            letter.text_size <= WIRE_NAME_MAX) {
            memcpy(self->names[self->name_count++], letter.text, letter.text_size);
        }
    }
    fprintf(stderr, "wherry-worker: loading the plugins ended the process that does it; the last "
                    "one named is to blame\n");
    return EXIT_USAGE;
}

static void supervisor_create_host(struct supervisor *self) {
    struct span names[BOUND_FUNCTIONS];
    for (uint32_t i = 0; i < self->name_count; i++) {
        names[i] = span_of_text(self->names[i]);
    }
    gethostname(self->label, sizeof self->label - 1);
    struct host_config config = {.session = entropy_u64(),
                                 .label = span_of_text(self->label),
                                 .pid = getpid(),
                                 .pool = span_of_text(self->settings->pool),
                                 .processes = self->settings->processes,
                                 .processes_max = self->settings->processes_max,
                                 .functions = names,
                                 .function_count = self->name_count};
    entropy_fill(config.secret, sizeof config.secret);
    self->host = host_create(&config);
    nursery_init(&self->nursery, self->host, config.session, self->post, config.processes,
                 config.processes_max);
}

/* ---- letters -------------------------------------------------------------------------------- */

static void supervisor_letter(struct supervisor *self) {
    static struct post letter;
    int fds[POST_FDS];
    if (!post_receive(self->post, &letter, fds)) {
        log_event(LOG_ERROR, "the fork server died, and every process with it");
        self->forced = true;
        self->drained = true;
        return;
    }
    pthread_mutex_lock(&self->mutex);
    int64_t now_us = clock_mono_us();
    if (letter.kind == POST_FORKED) {
        nursery_forked(&self->nursery, &letter, now_us);
    } else if (letter.kind == POST_DIED) {
        nursery_died(&self->nursery, &letter, now_us);
    }
    supervisor_act(self);
    pthread_mutex_unlock(&self->mutex);
    link_wake(self->link);
}

/* ---- signals -------------------------------------------------------------------------------- */

/* When what still runs is stopped. */
static int64_t supervisor_force_at(int64_t now_us, int64_t grace_ms) {
    return grace_ms < 0 || grace_ms > SUPERVISOR_GRACE_MAX_MS ? INT64_MAX
                                                              : now_us + grace_ms * 1000;
}

static void supervisor_drain(struct supervisor *self, int64_t now_us, const char *why) {
    self->draining = true;
    pthread_mutex_lock(&self->mutex);
    host_drain(self->host, now_us);
    supervisor_act(self);
    uint32_t running = host_running(self->host);
    pthread_mutex_unlock(&self->mutex);
    bool endless = self->force_at_us == INT64_MAX;
    log_event(LOG_INFO, "draining", log_text("why", why), log_number("running", running),
              log_number("grace_ms", endless ? -1 : (self->force_at_us - now_us) / 1000));
    notify_send("STOPPING=1");
    link_wake(self->link);
}

/* It may come during a drain that the broker ordered: then our own grace time ends that. */
static void supervisor_terminate(struct supervisor *self, int64_t now_us) {
    int64_t force_at_us = supervisor_force_at(now_us, self->settings->grace_ms);
    self->signalled = true;
    self->force_at_us = force_at_us < self->force_at_us ? force_at_us : self->force_at_us;
    supervisor_drain(self, now_us, "a signal");
}

/* Ordered by the broker; said again, the newest word counts, until a signal comes. */
static void supervisor_leave(struct supervisor *self, int64_t now_us) {
    pthread_mutex_lock(&self->mutex);
    bool asked = self->leave_asked;
    int64_t grace_ms = self->leave_grace_ms;
    self->leave_asked = false;
    pthread_mutex_unlock(&self->mutex);
    bool forced = self->end_at_us != INT64_MAX;
    if (asked && !self->signalled && !forced) {
        self->force_at_us = supervisor_force_at(now_us, grace_ms);
        supervisor_drain(self, now_us, "the broker");
    }
}

/* A second signal does not wait for reports: the broker learns by silence, or by the next start. */
static void supervisor_stop(struct supervisor *self) {
    log_event(LOG_WARN, "stopped by a second signal");
    self->forced = true;
    self->drained = true;
}

static void supervisor_dump(struct supervisor *self) {
    pthread_mutex_lock(&self->mutex);
    log_event(LOG_INFO, "state", log_number("alive", nursery_alive(&self->nursery)),
              log_number("running", host_running(self->host)),
              log_number("connected", host_greeted(self->host)));
    pthread_mutex_unlock(&self->mutex);
}

/* As PID 1 we inherit everybody's orphans; the fork server's own end is seen at its socket. */
static void supervisor_reap(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

static void supervisor_signal(struct supervisor *self) {
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            supervisor_reap();
        } else if (info.ssi_signo == SIGUSR1) {
            supervisor_dump(self);
        } else if (info.ssi_signo == SIGHUP) {
            log_event(LOG_INFO, "nothing to reload");
        } else if (self->signalled) {
            supervisor_stop(self);
        } else {
            supervisor_terminate(self, clock_mono_us());
        }
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Why there is no broker, as far as that is known from here. */
static const char *supervisor_cause(struct supervisor *self, char out[RESOLVE_WHY]) {
    struct span refusal = host_refusal(self->host);
    if (refusal.size > 0) {
        snprintf(out, RESOLVE_WHY, "%.*s", (int)refusal.size, (const char *)refusal.data);
    } else if (!resolve_explain(self->settings->brokers, SUPERVISOR_RESOLVE_MS, out)) {
        return NULL;
    }
    return out;
}

static void supervisor_say_connection(struct supervisor *self, int64_t now_us) {
    bool greeted = host_greeted(self->host);
    char why[RESOLVE_WHY];
    if (greeted && !self->connected) {
        log_event(LOG_INFO, "connected", log_text("broker", self->settings->brokers));
    } else if (!greeted && self->connected) {
        log_event(LOG_WARN, "lost the broker", log_text("broker", self->settings->brokers));
        self->say_at_us = now_us + SUPERVISOR_SAY_AGAIN_US;
    } else if (!greeted && now_us >= self->say_at_us) {
        self->say_at_us = now_us + SUPERVISOR_SAY_AGAIN_US;
        bool refused = host_refusal(self->host).size > 0;
        log_event(LOG_WARN, refused ? "the broker refuses this worker" : "no broker yet",
                  log_text("broker", self->settings->brokers),
                  log_text("cause", supervisor_cause(self, why)));
    }
    self->connected = greeted;
}

/* Only before the first answer: whoever has served a broker waits for it. */
static void supervisor_time_connect(struct supervisor *self, int64_t now_us) {
    if (self->connected) {
        self->give_up_at_us = INT64_MAX;
    } else if (now_us >= self->give_up_at_us) {
        char why[RESOLVE_WHY];
        const char *cause = supervisor_cause(self, why);
        self->give_up_at_us = INT64_MAX;
        self->gave_up = true;
        self->drained = true;
        log_event(LOG_ERROR, "no broker within --connect-timeout",
                  log_text("broker", self->settings->brokers),
                  log_number("timeout_ms", self->settings->connect_timeout_ms),
                  log_text("cause", cause != NULL
                                        ? cause
                                        : "does it run, and does this machine reach it?"));
    }
}

static void supervisor_say_ready(struct supervisor *self) {
    if (!self->ready_said && host_greeted(self->host) &&
        nursery_alive(&self->nursery) == self->settings->processes) {
        self->ready_said = true;
        notify_send("READY=1");
        log_event(LOG_INFO, "ready", log_text("pool", self->settings->pool),
                  log_number("processes", self->settings->processes),
                  log_number("functions", self->name_count));
    }
}

/* Holds the mutex. Without a broker there is nobody to tell: then only what runs is waited for. */
static void supervisor_time_drain(struct supervisor *self, int64_t now_us) {
    if (!self->draining) {
        return;
    }
    uint32_t running = host_running(self->host);
    bool told = host_greeted(self->host);
    if (now_us >= self->force_at_us) {
        self->force_at_us = INT64_MAX;
        self->forced = running > 0;
        log_event(LOG_WARN, "grace time over", log_number("running", running));
        self->end_at_us = now_us + SUPERVISOR_FORCE_US;
        host_drain_force(self->host, now_us);
        self->drained = !told;
    } else if (now_us >= self->end_at_us) {
        self->drained = true; /* the broker does not acknowledge the deaths */
    } else if (!told && running == 0) {
        self->drained = true;
    }
}

static void supervisor_time(struct supervisor *self, int64_t now_us) {
    pthread_mutex_lock(&self->mutex);
    if (!self->draining) {
        nursery_fill(&self->nursery, now_us);
    }
    supervisor_time_drain(self, now_us);
    supervisor_act(self);
    supervisor_say_connection(self, now_us);
    supervisor_time_connect(self, now_us);
    supervisor_say_ready(self);
    pthread_mutex_unlock(&self->mutex);
    link_wake(self->link);
}

static int supervisor_wait_ms(struct supervisor *self, int64_t now_us) {
    pthread_mutex_lock(&self->mutex);
    int64_t wake_us =
        self->draining ? now_us + SUPERVISOR_LOOK_US : nursery_next_wake(&self->nursery);
    pthread_mutex_unlock(&self->mutex);
    wake_us = self->force_at_us < wake_us ? self->force_at_us : wake_us;
    wake_us = self->end_at_us < wake_us ? self->end_at_us : wake_us;
    wake_us = self->give_up_at_us < wake_us ? self->give_up_at_us : wake_us;
    wake_us = !self->connected && self->say_at_us < wake_us ? self->say_at_us : wake_us;
    if (wake_us == INT64_MAX) {
        return -1;
    }
    int64_t wait_us = wake_us - now_us;
    return wait_us <= 0 ? 0 : wait_us > 60000000 ? 60000 : (int)((wait_us + 999) / 1000);
}

static void supervisor_turn(struct supervisor *self) {
    int64_t now_us = clock_mono_us();
    supervisor_leave(self, now_us);
    supervisor_time(self, now_us);
    struct pollfd items[3] = {
        {self->signals, POLLIN, 0}, {self->post, POLLIN, 0}, {self->notice, POLLIN, 0}};
    if (self->drained || poll(items, 3, supervisor_wait_ms(self, now_us)) <= 0) {
        return;
    }
    if (items[2].revents != 0) {
        uint64_t count;
        ssize_t size = read(self->notice, &count, sizeof count);
        (void)size;
    }
    if (items[1].revents != 0) {
        supervisor_letter(self);
    }
    if (items[0].revents != 0) {
        supervisor_signal(self);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

static void supervisor_end(struct supervisor *self) {
    link_close(&self->link, SUPERVISOR_GOODBYE_MS);
    close(self->post); /* the fork server kills its children and ends */
    if (self->forkserver > 0) {
        while (waitpid(self->forkserver, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    nursery_fini(&self->nursery);
    host_destroy(&self->host);
    wire_out_fini(&self->out);
}

static int supervisor_work(struct supervisor *self) {
    supervisor_create_host(self);
    if (!supervisor_open_link(self)) {
        return EXIT_USAGE;
    }
    log_event(LOG_INFO, "starting", log_text("broker", self->settings->brokers),
              log_text("pool", self->settings->pool),
              log_number("processes", self->settings->processes),
              log_number("functions", self->name_count));
    while (!self->drained) {
        supervisor_turn(self);
    }
    if (self->gave_up) {
        return EXIT_NO_BROKER;
    }
    log_event(LOG_INFO, "stopped", log_text("how", self->forced ? "forced" : "clean"));
    return self->forced ? EXIT_FORCED : EXIT_CLEAN;
}

int supervisor_run(const struct settings *settings) {
    struct supervisor self = {.settings = settings,
                              .post = -1,
                              .force_at_us = INT64_MAX,
                              .end_at_us = INT64_MAX,
                              .say_at_us = clock_mono_us() + SUPERVISOR_SAY_FIRST_US,
                              .give_up_at_us = INT64_MAX};
    if (settings->connect_timeout_ms > 0) {
        self.give_up_at_us = clock_mono_us() + settings->connect_timeout_ms * 1000;
    }
    pthread_mutex_init(&self.mutex, NULL);
    wire_out_init(&self.out);
    supervisor_block_signals();
    supervisor_take_signals(&self);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    self.notice = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self.notice < 0 || !supervisor_fork(&self)) {
        fprintf(stderr, "wherry-worker: cannot fork: %s\n", strerror(errno));
        return 1;
    }
    int code = supervisor_hear(&self);
    if (code == EXIT_CLEAN) {
        code = supervisor_work(&self);
    }
    supervisor_end(&self);
    close(self.signals);
    close(self.notice);
    free(self.names);
    pthread_mutex_destroy(&self.mutex);
    return code;
}
