/* SPDX-License-Identifier: MIT
 *
 * Crew: a broker on LMDB, two worker houses of two processes, two clients, and everything that can
 * be done to them: SIGKILL, and start again. Each kill is written to the journal just before it is
 * done. */
#ifndef WHERRY_CHAOS_CREW_H
#define WHERRY_CHAOS_CREW_H

#include "common/rng.h"
#include "tests/support/support.h"

enum { CREW_HOUSES = 2, CREW_CLIENTS = 2, CREW_PROCESSES = 2 };

enum crew_role {
    CREW_BROKER,
    CREW_HOUSE,
    CREW_CHILD,
    CREW_CLIENT,
    CREW_ALL,
    CREW_SILENT, /* a supervisor is stopped, longer than it may be silent, and goes on */
    CREW_ROLES
};

struct crew_member {
    struct program *program; /* NULL: down */
    char name[24];           /* of this life: "h1.4" */
    unsigned lives;
};

struct crew {
    struct sandbox *box;
    struct rng rng;
    struct broker *broker;
    struct crew_member houses[CREW_HOUSES];
    struct crew_member clients[CREW_CLIENTS];
    const char *journal_path;
    int journal;
};

extern const char *const crew_role_names[CREW_ROLES];

/* Starts everybody. */
void crew_open(struct crew *crew, struct sandbox *box, uint64_t seed);
/* Waits a random while of low … high ms, under load. */
void crew_wait(struct crew *crew, uint64_t low_ms, uint64_t high_ms);
/* Kills one of this role (ALL: everybody at once), and starts it again. */
void crew_kill(struct crew *crew, enum crew_role role);
/* No more trouble: clients stop submitting and wait for what is open; then nothing may be left in
 * the broker. Fails the test if that does not come about. */
void crew_calm(struct crew *crew);
/* Asks for the outcomes of the ids in this file. */
void crew_collect(struct crew *crew, const char *ids_path);
/* Ends everybody in peace; exit codes are checked. */
void crew_close(struct crew *crew);

#endif
