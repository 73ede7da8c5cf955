/* SPDX-License-Identifier: MIT
 *
 * The core loop: the one thread that owns all state.
 *
 *     turn:   wait until a message, a signal, a question over HTTP or the engine's next wake
 *             read messages until none is left (at most TURN_MESSAGES): border -> engine -> effects
 *             routes that were lost; one EVENT_TICK; what could not be sent before; probes
 *
 * Effects are carried out after each step, in order. The loop never blocks but in its wait: sends
 * that cannot go wait in their route, commits are the store's.
 *
 * Going down: SIGTERM or SIGINT drains (the engine takes nothing new and delivers nothing more)
 * until no work is out and all is sent, at most `grace_ms`; a second signal ends at once. SIGUSR1
 * dumps the state to the log, SIGHUP is noted. */
#ifndef WHERRY_LOOP_H
#define WHERRY_LOOP_H

#include "broker/core/engine.h"
#include "broker/http/http.h"
#include "broker/net/border.h"
#include "broker/net/payload.h"
#include "broker/net/router.h"
#include "broker/store/store.h"

struct loop;

struct loop_config { /* all borrowed until loop_destroy */
    struct engine *engine;
    struct border *border;
    struct payload_store *payloads;
    struct router *router;
    struct store *store;
    struct http *http; /* NULL: off */
    int64_t grace_ms;
    uint64_t memory_limit_bytes;
};

enum {
    LOOP_CLEAN = 0,  /* drained */
    LOOP_STORE = 5,  /* the store failed: the next start will scan */
    LOOP_FORCED = 8, /* work was still out when the grace time was over, or a second signal came */
};

/* Blocks the signals that the loop handles; before any other thread exists. */
void loop_block_signals(void);

struct loop *loop_create(const struct loop_config *config);
void loop_destroy(struct loop **loop);

/* Carries out what the engine wanted before the first turn (restore, queue settings); clears it. */
void loop_carry_out(struct loop *loop, struct effects *effects);
/* Until the end; the exit code. */
int loop_run(struct loop *loop);

#endif
