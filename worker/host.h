/* SPDX-License-Identifier: MIT
 *
 * Host: what a supervisor says to the broker about its children, and what the broker makes it do.
 * Pure: told the time; what is to be done outside comes out as actions. One thread at a time.
 *
 *     place:  EMPTY ──host_child_started──> ALIVE ──host_child_died──> DEAD (report repeated)
 *               ^                             │                          │ DEATH_ACK
 *               ├──────host_child_unborn <────┘                          │
 *               └────────────── HOST_PLACE_FREE action <─────────────────┘
 *
 * A child is started here before it is forked: it may connect, be given a task and begin it before
 * its supervisor hears that there was a fork, and every hello must announce it.
 *
 * Before every hello each living gate is closed, so that what the hello announces is all that can
 * still be running. A dead child's gate is closed, too: its report and its successor's hello never
 * carry the same generation. The page of a place stays borrowed until its HOST_PLACE_FREE action.
 *
 * A signal is for one attempt. Its gate is closed first; only if the page then says that this very
 * attempt runs is the child signalled, so a signal that comes late meets no other task. What its
 * process answered before may still be on its way, and would be lost with it, and run again: the
 * signal waits, for two seconds at most, until the broker has acknowledged that.
 *
 * Places for Processes stand behind the pool's. There a child is started only when the broker says
 * so (HOST_SPAWN), and one that could not be forked counts as dead: the broker waits for it.
 *
 * After host_drain(): gates closed, DRAIN said, nothing new; when no place holds a started attempt
 * that is not acknowledged, GOODBYE is the last output and HOST_DRAINED the last action. */
#ifndef WHERRY_HOST_H
#define WHERRY_HOST_H

#include "common/wire/wire.h"
#include "worker/gate.h"

struct host;

struct host_config { /* everything is copied */
    uint64_t session;
    uint8_t secret[WIRE_SECRET_SIZE];
    struct span label;
    int64_t pid;
    struct span pool;
    uint32_t processes;     /* places 0 … processes − 1, of the pool; at most BOUND_PROCESSES */
    uint32_t processes_max; /* so many behind them, for Processes; the same */
    const struct span *functions;
    uint32_t function_count;
};

struct host *host_create(const struct host_config *config);
void host_destroy(struct host **host);

/* ---- the connection ------------------------------------------------------------------------- */

void host_opened(struct host *host, int64_t now_us);
void host_input(struct host *host, const struct wire_message *message, int64_t now_us);
bool host_output(struct host *host, int64_t now_us, struct wire_out *out);
int64_t host_next_wake(const struct host *host);
void host_tick(struct host *host, int64_t now_us);
bool host_wants_reopen(const struct host *host); /* until the next host_opened() */
bool host_greeted(const struct host *host);      /* HELLO_OK on this connection */
struct span host_refusal(const struct host *host);

/* ---- children ------------------------------------------------------------------------------- */

/* What gate_init() of the place's next child must be given: its generations and numbers run on. */
struct gate_state host_place_state(const struct host *host, uint32_t place);
/* True: no child and no unacknowledged report; a child may be started there. */
bool host_place_free(const struct host *host, uint32_t place);

/* Before the fork; its pid, once that is known; or that there was no fork. */
void host_child_started(struct host *host, uint32_t place, struct gate_page *gate);
void host_child_forked(struct host *host, uint32_t place, int64_t pid);
void host_child_unborn(struct host *host, uint32_t place);

struct host_death {
    uint32_t cause; /* enum wire_cause as the kernel tells it; who was signalled is known here */
    int64_t number;
    struct span text; /* copied, its end kept: at most WIRE_TEXT_MAX */
    uint64_t rss_peak_bytes;
};
void host_child_died(struct host *host, uint32_t place, const struct host_death *death,
                     int64_t now_us);

/* ---- the end -------------------------------------------------------------------------------- */

void host_drain(struct host *host, int64_t now_us);
/* Stops what still runs: SIGTERM, then SIGKILL after 2 s; reported as DRAINED, not as crashes. */
void host_drain_force(struct host *host, int64_t now_us);
/* Started attempts that are not yet acknowledged, in all places (a few too many while
 * acknowledgements come out of turn). */
uint32_t host_running(const struct host *host);

/* ---- what the shell must do ----------------------------------------------------------------- */

enum host_action_kind {
    HOST_WAKE_CHILD,   /* write to its eventfd: its gate was closed */
    HOST_SIGNAL_CHILD, /* kill(−pid, signal): the whole process group; pid 0: not known yet */
    HOST_SPAWN,        /* a child is wanted in a place for Processes: start one soon */
    HOST_PLACE_FREE,   /* the page may go; the place may be used again */
    HOST_LEAVE,        /* the broker sends it away: host_drain(), and force it after `grace_ms` */
    HOST_DRAINED,      /* GOODBYE was output; the process may end */
};

struct host_action {
    enum host_action_kind kind;
    uint32_t place;
    int64_t pid;
    int signal;
    int64_t grace_ms; /* LEAVE; -1: never */
};
/* Takes the next action, false: none. Ask after every call that may have made one. */
bool host_action(struct host *host, struct host_action *out);

#endif
