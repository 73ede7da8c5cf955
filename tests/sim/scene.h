/* SPDX-License-Identifier: MIT
 *
 * Scene: what scenarios are written in. A scenario is a function over a world that starts with a
 * broker, no faults, messages that take 50 us and commits that take 100 us. Real peers are started
 * with client_up() and host_up(); puppets (puppet.h) say exactly what they are told.
 *
 *     SCENARIO(repeated_submit_waits_for_its_batch, DURABLE, PLANT_DUPLICATE_AT_ONCE) {
 *         struct puppet *c = puppet_add(s, "client");
 *         …
 *         NEVER(s, 100, c->answer[1] == PUPPET_ACCEPTED);
 *     }
 *
 * The first EXPECT, UNTIL or NEVER that fails, or the checker's first broken promise, ends the
 * scenario. */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include "tests/sim/sim.h"

/* Holds now. */
#define EXPECT(s, condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            scene_break((s), "not true: " #condition, __LINE__);                                   \
        }                                                                                          \
    } while (0)

/* Becomes true within two minutes (virtual). */
#define UNTIL(s, condition)                                                                        \
    do {                                                                                           \
        int64_t until_us_ = (s)->world.now_us + INT64_C(120000000);                                \
        while (!(condition)) {                                                                     \
            if (!scene_go((s), until_us_)) {                                                       \
                scene_break((s), "never came true: " #condition, __LINE__);                        \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* Stays false for `duration_ms`. */
#define NEVER(s, duration_ms, condition)                                                           \
    do {                                                                                           \
        int64_t until_us_ = (s)->world.now_us + INT64_C(1000) * (duration_ms);                     \
        do {                                                                                       \
            if (condition) {                                                                       \
                scene_break((s), "came true: " #condition, __LINE__);                              \
            }                                                                                      \
        } while (scene_go((s), until_us_));                                                        \
    } while (0)

/* One step, not beyond `until_us`; false: that time has come. Breaks off when a promise is broken.
 */
bool scene_go(struct sim *sim, int64_t until_us);
_Noreturn void scene_break(struct sim *sim, const char *why, int line);
void scene_wait(struct sim *sim, int64_t duration_ms);

/* Real peers, greeted. */
struct sim_client *client_up(struct sim *sim, uint32_t index);
struct sim_host *host_up(struct sim *sim, uint32_t index); /* and its children */
/* One ordinary task of function "f" in "q0". */
struct sim_task *submit(struct sim_client *client, int64_t duration_us);
struct sim_task *submit_with(struct sim_client *client, struct sim_submit submit);

void broker_crash(struct sim *sim, enum store_fate fate); /* what happens to batches under way */
void broker_start(struct sim *sim);

/* ---- the list of scenarios ----------------------------------------------------------------------
 */

enum scene_store { MEMORY, DURABLE };

struct scenario {
    const char *name;
    void (*play)(struct sim *sim);
    enum scene_store store;
    uint32_t clients; /* real peers that may be started */
    uint32_t hosts;
    uint32_t processes;
    void (*shape)(struct sim_config *config); /* other bounds than the defaults; NULL: none */
};

/* NULL: every promise was kept; else what was broken, valid until the next call. */
const char *scenario_run(const struct scenario *scenario, bool tracing);

#endif
