/* SPDX-License-Identifier: MIT
 *
 * The one variable of the planted build. */
#include "tests/sim/plants.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef WHERRY_PLANTS
enum plant plant_active = PLANT_NONE;
#endif

static const char *const plants_names[PLANT_COUNT] = {
    [PLANT_NONE] = "none",
    [PLANT_ANSWER_BEFORE_COMMIT] = "answer-before-commit",
    [PLANT_RESULT_UNSTORED] = "result-unstored",
    [PLANT_DUPLICATE_AT_ONCE] = "duplicate-at-once",
    [PLANT_STALE_TOKEN] = "stale-token",
    [PLANT_REPEAT_UNKNOWN] = "repeat-unknown",
    [PLANT_ANSWERS_FORGOTTEN] = "answers-forgotten",
    [PLANT_RESUME_AS_NEW] = "resume-as-new",
    [PLANT_EXPIRED_BY_NUMBER] = "expired-by-number",
    [PLANT_GATE_NOT_CLOSED] = "gate-not-closed",
    [PLANT_CHILD_NOT_WOKEN] = "child-not-woken",
    [PLANT_OLDER_NOT_VOIDED] = "older-not-voided",
    [PLANT_CLOSE_ONCE] = "close-once",
    [PLANT_IMPATIENT] = "impatient",
    [PLANT_NEVER_SEALED] = "never-sealed",
    [PLANT_BYSTANDER_COUNTED] = "bystander-counted",
    [PLANT_FORK_UNKNOWN] = "fork-unknown",
    [PLANT_SIGNAL_AT_ONCE] = "signal-at-once",
    [PLANT_LATE_SIGNAL] = "late-signal",
    [PLANT_PARKED_UNHEARD] = "parked-unheard",
    [PLANT_DEATH_WINS] = "death-wins",
    [PLANT_NO_GAP] = "no-gap",
    [PLANT_NO_FENCE] = "no-fence",
    [PLANT_NO_FLOOR] = "no-floor",
    [PLANT_CANCEL_UNSTORED] = "cancel-unstored",
    [PLANT_PAUSE_UNSTORED] = "pause-unstored",
    [PLANT_PURGE_UNSTORED] = "purge-unstored",
    [PLANT_ONCE_UNSTORED] = "once-unstored",
    [PLANT_PARKED_UNTOLD] = "parked-untold",
    [PLANT_NEVER_RENUMBERED] = "never-renumbered",
    [PLANT_RENUMBERED_LAST] = "renumbered-last",
    [PLANT_RENUMBER_UNSTORED] = "renumber-unstored",
    [PLANT_LOST_WAKEUP] = "lost-wakeup",
    [PLANT_BOUND_OFF_BY_ONE] = "bound-off-by-one",
    [PLANT_NEVER_STOPPED] = "never-stopped",
    [PLANT_SPAWN_AGAIN] = "spawn-again",
    [PLANT_DAEMON_STAYS] = "daemon-stays",
    [PLANT_NESTED_STAYS] = "nested-stays",
    [PLANT_STORE_UNSYNCED] = "store-unsynced",
    [PLANT_STORE_META_UNSYNCED] = "store-meta-unsynced",
    [PLANT_STORE_EARLY] = "store-early",
};

const char *plants_name(enum plant plant) {
    return plants_names[plant];
}

bool plants_set(const char *name) {
#ifdef WHERRY_PLANTS
    for (uint32_t i = 0; i < PLANT_COUNT; i++) {
        if (strcmp(plants_names[i], name) == 0) {
            plant_active = (enum plant)i;
            return true;
        }
    }
#else
    (void)name;
#endif
    return false;
}
