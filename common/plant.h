/* SPDX-License-Identifier: MIT
 *
 * Planted faults: in the builds of the simulation and of tests/power alone, one rule at a time can
 * be switched off, to prove that the test which guards it would notice. In every other build
 * PLANTED() is the constant 0. */
#ifndef WHERRY_PLANT_H
#define WHERRY_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_ANSWER_BEFORE_COMMIT, /* 1.1 effects leave without waiting for their batch */
    PLANT_RESULT_UNSTORED,      /* 1.1 a task is deleted, and its result is not stored */
    PLANT_DUPLICATE_AT_ONCE,    /* 1.1 a repeated request is answered before its batch committed */
    PLANT_STALE_TOKEN,          /* 4.2 a result is accepted whatever its token */
    PLANT_REPEAT_UNKNOWN,       /* 2.1 a repeated request is not recognised */
    PLANT_ANSWERS_FORGOTTEN,    /* 2.1 remembered answers are dropped before `acked` */
    PLANT_RESUME_AS_NEW,        /* 2.3 resuming an unknown session makes a new one */
    PLANT_EXPIRED_BY_NUMBER,    /* 2.6 any number below the highest seen says EXPIRED */
    PLANT_GATE_NOT_CLOSED,      /* 3.1 the supervisor announces without closing its gates */
    PLANT_CHILD_NOT_WOKEN,      /* 3.1 an idle child is not woken when its gate closes */
    PLANT_OLDER_NOT_VOIDED,     /* 3.1 a gate report voids its own generation only */
    PLANT_CLOSE_ONCE,           /* 3.1 CLOSE_GATE without a report is not said again */
    PLANT_IMPATIENT,            /* 3.1 what is taken back in vain is taken back again at once */
    PLANT_NEVER_SEALED,         /* 3.1 a large delivery that was void is sent along with others */
    PLANT_BYSTANDER_COUNTED,    /* 3.4, 3.6 every delivery of a dead child counts as crashed */
    PLANT_FORK_UNKNOWN,         /* 3.3 a child is announced only when its fork was heard of */
    PLANT_SIGNAL_AT_ONCE,       /* 3.4 a signal does not wait for earlier answers */
    PLANT_LATE_SIGNAL,          /* 3.6 a signal that comes late ends what runs by then */
    PLANT_DEATH_WINS,           /* 3.4 an answered attempt of a dead child ends at once */
    PLANT_PARKED_UNHEARD,       /* 3.4 what waits for a batch has not arrived */
    PLANT_NO_GAP,               /* 3.7 a stopped broker does not push out leases */
    PLANT_NO_FENCE,             /* 4.2 a lost started attempt leaves no fence */
    PLANT_NO_FLOOR,             /* 4.2 the grace time ends without a floor */
    PLANT_CANCEL_UNSTORED,      /* 4.3 cancel is acknowledged before it is stored */
    PLANT_ONCE_UNSTORED,        /* 4.4 a run-once task is delivered without a start record */
    PLANT_PAUSE_UNSTORED,       /* 4.3 a queue's pause is acknowledged and not stored */
    PLANT_PARKED_UNTOLD,        /* 2.2 nobody is told that a submit waits at a full queue */
    PLANT_PURGE_UNSTORED,       /* 4.3 a queue's purge is acknowledged and not stored */
    PLANT_NEVER_RENUMBERED,     /* 2.2 what waits keeps its number for ever */
    PLANT_RENUMBERED_LAST,      /* 2.2 a new number is a new place in the line */
    PLANT_RENUMBER_UNSTORED,    /* 2.2 that a number was given up is forgotten with its broker */
    PLANT_LOST_WAKEUP,          /* 6.3 room in a queue wakes no putter */
    PLANT_BOUND_OFF_BY_ONE,     /* 6.3 one put too many is accepted */
    PLANT_NEVER_STOPPED,        /* 4.4 a child that no Process wants any more is not ended */
    PLANT_SPAWN_AGAIN,          /* 4.4 a Process whose process died is started again */
    PLANT_DAEMON_STAYS,         /* 2.7 a daemon goes on when its session has ended */
    PLANT_NESTED_STAYS,         /* 3.3 a session inside an attempt outlives it */
    PLANT_OF_THE_STORE,         /* from here on tests/power is to notice */
    PLANT_STORE_UNSYNCED = PLANT_OF_THE_STORE, /* 1.1 a commit is not synced */
    PLANT_STORE_META_UNSYNCED,                 /* 1.1 the last page of a commit is not synced */
    PLANT_STORE_EARLY, /* 1.1 a batch is acknowledged before it is committed */
    PLANT_COUNT,
};

#ifdef WHERRY_PLANTS
extern enum plant plant_active;
#define PLANTED(fault) (plant_active == (fault))
#else
#define PLANTED(fault) (0)
#endif

#endif
