/* SPDX-License-Identifier: MIT
 *
 * Nursery. A page and an eventfd are made anew for each child: a process that outlived its death
 * report (a grandchild, say) can then write into nobody else's page. */
#include "worker/nursery.h"

#include "common/check.h"
#include "common/entropy.h"
#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NURSERY_EARLY_US = 1000000,
    NURSERY_WAIT_US = 100000,
    NURSERY_WAIT_DOUBLINGS = 7, /* 0.1 s × 2^7 ≈ 12.8 s, cut to the next */
    NURSERY_WAIT_MAX_US = 10000000,
};

void nursery_init(struct nursery *nursery, struct host *host, uint64_t host_session, int post,
                  uint32_t pool, uint32_t further) {
    *nursery = (struct nursery){.host = host,
                                .host_session = host_session,
                                .post = post,
                                .pool = pool,
                                .count = pool + further};
    nursery->places = calloc(nursery->count, sizeof *nursery->places);
    CHECK(nursery->places != NULL);
    for (uint32_t i = 0; i < nursery->count; i++) {
        nursery->places[i].event_fd = -1;
    }
}

static void nursery_release(struct nursery_place *place) {
    if (place->gate != NULL) {
        munmap(place->gate, sizeof *place->gate);
        place->gate = NULL;
    }
    if (place->event_fd >= 0) {
        close(place->event_fd);
        place->event_fd = -1;
    }
}

void nursery_fini(struct nursery *nursery) {
    for (uint32_t i = 0; i < nursery->count; i++) {
        nursery_release(&nursery->places[i]);
    }
    free(nursery->places);
    nursery->places = NULL;
    nursery->count = 0;
}

/* ---- filling -------------------------------------------------------------------------------- */

/* A fresh page and eventfd for `place`; the page's descriptor, or −1. */
static int nursery_page(struct nursery *nursery, uint32_t at) {
    struct nursery_place *place = &nursery->places[at];
    int fd = memfd_create("wherry-gate", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof *place->gate) != 0) {
        return fd < 0 ? -1 : (close(fd), -1);
    }
    void *page = mmap(NULL, sizeof *place->gate, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    place->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (page == MAP_FAILED || place->event_fd < 0) {
        close(fd);
        return -1;
    }
    place->gate = page;
    struct gate_state state = host_place_state(nursery->host, at);
    gate_init(place->gate, state);
    place->started = state.started;
    return fd;
}

/* Later, and how much later. */
static void nursery_postpone(struct nursery_place *place, int64_t now_us) {
    uint32_t doublings =
        place->early < NURSERY_WAIT_DOUBLINGS ? place->early : NURSERY_WAIT_DOUBLINGS;
    int64_t wait_us = (int64_t)NURSERY_WAIT_US << doublings;
    place->early++;
    place->fill_at_us = now_us + (wait_us < NURSERY_WAIT_MAX_US ? wait_us : NURSERY_WAIT_MAX_US);
}

static void nursery_unborn(struct nursery *nursery, uint32_t at, int cause, int64_t now_us) {
    struct nursery_place *place = &nursery->places[at];
    log_event(LOG_WARN, "no process could be forked", log_text("cause", strerror(cause)));
    host_child_unborn(nursery->host, at);
    nursery_release(place);
    place->kind = NURSERY_EMPTY;
    place->wanted = false; /* the broker hears of it, and asks again */
    nursery_postpone(place, now_us);
}

static void nursery_ask(struct nursery *nursery, uint32_t at, int64_t now_us) {
    static struct post letter;
    struct nursery_place *place = &nursery->places[at];
    int fd = nursery_page(nursery, at);
    memset(&letter, 0, sizeof letter);
    letter.kind = POST_FORK;
    letter.place = at;
    letter.once = at >= nursery->pool;
    letter.session = entropy_u64();
    letter.host_session = nursery->host_session;
    entropy_fill(letter.secret, sizeof letter.secret);
    int fds[POST_FDS] = {fd, place->event_fd};
    if (fd < 0) {
        log_event(LOG_WARN, "no page for a process", log_text("cause", strerror(errno)));
        nursery_release(place);
        nursery_postpone(place, now_us);
        return;
    }
    place->kind = NURSERY_ASKED;
    place->pid = 0;
    host_child_started(nursery->host, at, place->gate); /* before it can exist */
    if (!post_send(nursery->post, &letter, fds)) {
        nursery_unborn(nursery, at, errno, now_us);
    }
    close(fd);
}

static bool nursery_is_due(const struct nursery *nursery, uint32_t at) {
    const struct nursery_place *place = &nursery->places[at];
    return place->kind == NURSERY_EMPTY && (at < nursery->pool || place->wanted);
}

void nursery_want(struct nursery *nursery, uint32_t at, int64_t now_us) {
    if (at >= nursery->pool && at < nursery->count) {
        nursery->places[at].wanted = true;
        nursery->places[at].fill_at_us = now_us; /* how often to try is for the broker to say */
    }
}

void nursery_fill(struct nursery *nursery, int64_t now_us) {
    for (uint32_t i = 0; i < nursery->count; i++) {
        struct nursery_place *place = &nursery->places[i];
        if (nursery_is_due(nursery, i) && now_us >= place->fill_at_us &&
            host_place_free(nursery->host, i)) {
            nursery_ask(nursery, i, now_us);
        }
    }
}

int64_t nursery_next_wake(const struct nursery *nursery) {
    int64_t wake_us = INT64_MAX;
    for (uint32_t i = 0; i < nursery->count; i++) {
        const struct nursery_place *place = &nursery->places[i];
        if (nursery_is_due(nursery, i) && place->fill_at_us < wake_us) {
            wake_us = place->fill_at_us;
        }
    }
    return wake_us;
}

uint32_t nursery_alive(const struct nursery *nursery) {
    uint32_t alive = 0;
    for (uint32_t i = 0; i < nursery->pool; i++) {
        alive += nursery->places[i].kind == NURSERY_ALIVE;
    }
    return alive;
}

/* ---- life and death ------------------------------------------------------------------------- */

static struct nursery_place *nursery_find(struct nursery *nursery, uint32_t at,
                                          enum nursery_kind kind) {
    return at < nursery->count && nursery->places[at].kind == kind ? &nursery->places[at] : NULL;
}

void nursery_forked(struct nursery *nursery, const struct post *letter, int64_t now_us) {
    struct nursery_place *place = nursery_find(nursery, letter->place, NURSERY_ASKED);
    if (place == NULL) {
        return;
    }
    if (letter->pid <= 0) {
        nursery_unborn(nursery, letter->place, (int)-letter->pid, now_us);
        return;
    }
    place->kind = NURSERY_ALIVE;
    place->wanted = false;
    place->pid = letter->pid;
    place->started_at_us = now_us;
    host_child_forked(nursery->host, letter->place, place->pid);
    log_event(LOG_DEBUG, "process started", log_number("place", letter->place),
              log_number("pid", place->pid));
}

static const char *nursery_cause(const struct post *letter, struct host_death *death, char *out,
                                 size_t size) {
    if (letter->out_of_memory) {
        death->cause = WIRE_CAUSE_MEMORY;
        death->number = SIGKILL;
        return "out of memory";
    }
    if (WIFSIGNALED(letter->status)) {
        const char *name = sigabbrev_np(WTERMSIG(letter->status));
        death->cause = WIRE_CAUSE_SIGNAL;
        death->number = WTERMSIG(letter->status);
        snprintf(out, size, "SIG%s%s", name != NULL ? name : "?",
                 WCOREDUMP(letter->status) ? ", core dumped" : "");
    } else {
        death->cause = WIRE_CAUSE_EXIT;
        death->number = WEXITSTATUS(letter->status);
        snprintf(out, size, "exit code %d", WEXITSTATUS(letter->status));
    }
    return out;
}

void nursery_died(struct nursery *nursery, const struct post *letter, int64_t now_us) {
    struct nursery_place *place = nursery_find(nursery, letter->place, NURSERY_ALIVE);
    char text[48];
    if (place == NULL || place->pid != letter->pid) {
        return;
    }
    struct host_death death = {.text = {(const uint8_t *)letter->text, letter->text_size},
                               .rss_peak_bytes = letter->rss_peak_bytes};
    const char *cause = nursery_cause(letter, &death, text, sizeof text);
    bool idle = gate_state(place->gate).started == place->started;
    bool early = now_us - place->started_at_us < NURSERY_EARLY_US;
    bool process = letter->place >= nursery->pool; /* that it ends is its purpose */
    log_event(process ? LOG_DEBUG : LOG_WARN, "process died", log_number("place", letter->place),
              log_number("pid", letter->pid), log_text("cause", cause),
              log_number("rss_peak_bytes", (int64_t)letter->rss_peak_bytes));
    place->kind = NURSERY_DEAD;
    place->fill_at_us = now_us;
    if (idle && early) {
        nursery_postpone(place, now_us);
    } else {
        place->early = 0;
    }
    host_child_died(nursery->host, letter->place, &death, now_us);
}

void nursery_free(struct nursery *nursery, uint32_t at, int64_t now_us) {
    struct nursery_place *place = nursery_find(nursery, at, NURSERY_DEAD);
    if (place != NULL) {
        nursery_release(place);
        place->kind = NURSERY_EMPTY;
        place->fill_at_us = place->fill_at_us > now_us ? place->fill_at_us : now_us;
    }
}

/* There may be a process: it was asked for, and has not died. */
static struct nursery_place *nursery_living(struct nursery *nursery, uint32_t at) {
    struct nursery_place *place = nursery_find(nursery, at, NURSERY_ALIVE);
    return place != NULL ? place : nursery_find(nursery, at, NURSERY_ASKED);
}

void nursery_wake(struct nursery *nursery, uint32_t at) {
    struct nursery_place *place = nursery_living(nursery, at);
    uint64_t one = 1;
    if (place != NULL) {
        ssize_t size = write(place->event_fd, &one, sizeof one);
        (void)size; /* full: it is awake */
    }
}

void nursery_signal(struct nursery *nursery, uint32_t at, int64_t pid, int signal) {
    static struct post letter;
    struct nursery_place *place = nursery_living(nursery, at);
    if (place == NULL || place->pid != pid) {
        return;
    }
    memset(&letter, 0, sizeof letter);
    letter.kind = POST_SIGNAL;
    letter.place = at;
    letter.pid = pid;
    letter.signal = signal;
    post_send(nursery->post, &letter, NULL);
}
