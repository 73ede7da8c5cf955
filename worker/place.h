/* SPDX-License-Identifier: MIT
 *
 * Place: where one child after the other lives; what the host knows of the present one, or of the
 * last one until the broker has acknowledged its death.
 *
 *     EMPTY ──place_occupy──> ALIVE ──place_bury──> DEAD ──place_clear──> EMPTY
 */
#ifndef WHERRY_PLACE_H
#define WHERRY_PLACE_H

#include "worker/gate.h"
#include "worker/host.h"

enum place_kind { PLACE_EMPTY, PLACE_ALIVE, PLACE_DEAD };

struct place {
    enum place_kind kind;
    struct gate_page *gate;
    int64_t pid;            /* 0: not known yet */
    struct gate_state next; /* for the gate of the next child; while alive: what was last trusted */
    bool broken;            /* its page failed a check; it is being killed */

    bool report_due; /* a closing that the broker has not been told of on this connection */
    struct gate_state report;

    bool ending; /* its attempt shall end */
    struct token ending_token;
    uint32_t ending_cause;
    int signal;            /* waits to be sent; 0: none */
    int64_t signal_at_us;  /* looked at again then; INT64_MAX: none waits */
    int64_t signal_by_us;  /* sent by then, whatever is unacknowledged */
    int64_t kill_after_us; /* SIGKILL so long after it; INT64_MAX: no */
    int64_t kill_at_us;    /* SIGKILL then; INT64_MAX: no */

    uint64_t sequence; /* DEAD */
    bool death_due;
    struct host_death death; /* its text is owned */
    struct gate_state final;
    struct gate_attempt *attempts; /* owned */
    uint32_t attempt_count;
};

void place_init(struct place *place);
void place_fini(struct place *place);

void place_occupy(struct place *place, struct gate_page *gate);
/* Closes the gate for the last time and keeps what it says. */
void place_bury(struct place *place, const struct host_death *death, uint64_t sequence);
void place_clear(struct place *place);

/* Alive: swaps; what is to be reported. A page that fails its checks is `broken`, and reports more
 * as started than can have been. */
struct gate_state place_close(struct place *place);
/* Alive: as place_close() without the swap. */
struct gate_state place_look(struct place *place);
/* Started and not acknowledged; of a broken page none: they are lost. */
uint32_t place_attempts(const struct place *place, struct gate_attempt *out, uint32_t capacity);
/* Beside what runs, something is answered and not acknowledged. */
bool place_has_answers(const struct place *place);
bool place_running(const struct place *place, struct gate_attempt *out);

#endif
