/* SPDX-License-Identifier: MIT
 *
 * Crew; see crew.h. Nobody waits until a killed program is ready again: the next kill may come in
 * the middle of its start. */
#include "tests/chaos/crew.h"

#include "tests/chaos/journal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const crew_role_names[CREW_ROLES] = {"broker", "house", "child",
                                                 "client", "all",   "silent"};

/* ---- starting -------------------------------------------------------------------------------- */

static void house_start(struct crew *crew, size_t which) {
    struct crew_member *house = &crew->houses[which];
    char processes[12];
    char name[64];
    char journal[160];
    snprintf(house->name, sizeof house->name, "h%zu.%u", which + 1, ++house->lives);
    snprintf(name, sizeof name, "CHAOS_HOUSE=%s", house->name);
    snprintf(journal, sizeof journal, "CHAOS_JOURNAL=%s", crew->journal_path);
    snprintf(processes, sizeof processes, "%d", CREW_PROCESSES);
    const char *arguments[] = {"--broker", crew->broker->endpoint, "--processes",
                               processes,  getenv("CHAOS_PLUGIN"), NULL};
    const char *environment[] = {name, journal, NULL};
    house->program = program_start_with(crew->box, "wherry-worker", arguments, environment, NULL);
}

static void client_start(struct crew *crew, size_t which) {
    struct crew_member *client = &crew->clients[which];
    char seed[24];
    snprintf(client->name, sizeof client->name, "c%zu.%u", which + 1, ++client->lives);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)(rng_next(&crew->rng) >> 1));
    const char *arguments[] = {
        "submit", crew->broker->endpoint, crew->journal_path, client->name, seed, NULL};
    client->program = program_start_with(crew->box, getenv("CHAOS_CLIENT"), arguments, NULL, NULL);
}

void crew_open(struct crew *crew, struct sandbox *box, uint64_t seed) {
    char store[SANDBOX_PATH_SIZE + 32];
    *crew = (struct crew){.box = box, .journal_path = sandbox_path(box, "journal")};
    rng_init(&crew->rng, seed);
    crew->journal = journal_open(crew->journal_path);
    snprintf(store, sizeof store, "lmdb:%s?reserve=16M", sandbox_path(box, "store"));
    crew->broker = broker_start(box, "--store", store, NULL);
    for (size_t i = 0; i < CREW_HOUSES; i++) {
        house_start(crew, i);
    }
    for (size_t i = 0; i < CREW_CLIENTS; i++) {
        client_start(crew, i);
    }
}

void crew_wait(struct crew *crew, uint64_t low_ms, uint64_t high_ms) {
    poll(NULL, 0, (int)(low_ms + rng_below(&crew->rng, high_ms - low_ms + 1)));
}

/* ---- killing --------------------------------------------------------------------------------- */

static void member_end(struct crew *crew, struct crew_member *member, const char *role) {
    struct program *program = member->program;
    if (!program_running(program)) {
        fail_msg("%s %s ended by itself: %s", role, member->name, program_stderr(program));
    }
    journal_say(crew->journal, "killed %s %s", role, member->name);
    kill(program->pid, SIGKILL);
}

static void member_forget(struct crew_member *member) {
    program_wait_exit(member->program);
    program_forget(member->program);
    member->program = NULL;
}

static void broker_end(struct crew *crew) {
    if (!program_running(crew->broker->program)) {
        fail_msg("the broker ended by itself: %s", program_stderr(crew->broker->program));
    }
    journal_say(crew->journal, "killed broker -");
    kill(crew->broker->program->pid, SIGKILL);
}

/* What it says of attempts that it gave up because their host was silent. */
static void broker_tell_silence(struct crew *crew) {
    char id[32];
    char token[48];
    const char *at = program_stderr(crew->broker->program);
    while ((at = strstr(at, "msg=\"lease lost\"")) != NULL) {
        const char *end = at + strcspn(at, "\n");
        const char *why = strstr(at, "why=\"its host fell silent\"");
        if (why != NULL && why < end &&
            sscanf(at, "msg=\"lease lost\" task=%31s token=%47s", id, token) == 2) {
            journal_say(crew->journal, "silent %s %s", id, token);
        }
        at = end;
    }
}

static void broker_again(struct crew *crew) {
    struct program *before = crew->broker->program;
    program_wait_exit(before);
    broker_tell_silence(crew);
    broker_begin_restart(crew->broker);
    program_forget(before);
}

/* A child of a house's fork server, if one is there just now. */
static void child_end(struct crew *crew) {
    pid_t servers[8];
    pid_t children[64];
    char name[24];
    size_t count = 0;
    const struct crew_member *house = &crew->houses[rng_below(&crew->rng, CREW_HOUSES)];
    size_t server_count = proc_children(house->program->pid, servers, 8);
    for (size_t i = 0; i < server_count; i++) {
        count += proc_children(servers[i], children + count, 64 - count);
    }
    if (count == 0) {
        return;
    }
    pid_t child = children[rng_below(&crew->rng, count)];
    snprintf(name, sizeof name, "%d", (int)child);
    journal_say(crew->journal, "killed child %s", name);
    kill(child, SIGKILL);
}

static void all_end(struct crew *crew) {
    for (size_t i = 0; i < CREW_CLIENTS; i++) {
        member_end(crew, &crew->clients[i], "client");
    }
    for (size_t i = 0; i < CREW_HOUSES; i++) {
        member_end(crew, &crew->houses[i], "house");
    }
    broker_end(crew);
    broker_again(crew);
    for (size_t i = 0; i < CREW_HOUSES; i++) {
        member_forget(&crew->houses[i]);
        house_start(crew, i);
    }
    for (size_t i = 0; i < CREW_CLIENTS; i++) {
        member_forget(&crew->clients[i]);
        client_start(crew, i);
    }
}

/* Its processes go on, and what they run, when the broker has given it up. */
static void house_silent(struct crew *crew, struct crew_member *house) {
    enum { SILENCE_MS = 8000 };
    journal_say(crew->journal, "stopped %s", house->name);
    kill(house->program->pid, SIGSTOP);
    poll(NULL, 0, SILENCE_MS);
    kill(house->program->pid, SIGCONT);
}

void crew_kill(struct crew *crew, enum crew_role role) {
    size_t which = rng_below(&crew->rng, CREW_HOUSES);
    switch (role) {
    case CREW_BROKER:
        broker_end(crew);
        broker_again(crew);
        return;
    case CREW_HOUSE:
        member_end(crew, &crew->houses[which], "house");
        member_forget(&crew->houses[which]);
        house_start(crew, which);
        return;
    case CREW_CHILD:
        child_end(crew);
        return;
    case CREW_CLIENT:
        member_end(crew, &crew->clients[which], "client");
        member_forget(&crew->clients[which]);
        client_start(crew, which);
        return;
    case CREW_ALL:
        all_end(crew);
        return;
    case CREW_SILENT:
        house_silent(crew, &crew->houses[which]);
        return;
    case CREW_ROLES:
        return;
    }
}

/* ---- calm ------------------------------------------------------------------------------------ */

static bool is_empty(void *context) {
    struct crew *crew = context;
    struct http_answer answer = http_get(crew->box, crew->broker->http_port, "/metrics");
    return answer.status == 200 &&
           metric_value(answer.body, "wherry_tasks{state=\"ready\"}") == 0 &&
           metric_value(answer.body, "wherry_tasks{state=\"leased\"}") == 0 &&
           metric_value(answer.body, "wherry_tasks{state=\"waiting_retry\"}") == 0;
}

void crew_calm(struct crew *crew) {
    for (size_t i = 0; i < CREW_CLIENTS; i++) {
        program_wait_line(crew->clients[i].program, "ready to be stopped");
        program_signal(crew->clients[i].program, SIGTERM);
    }
    for (size_t i = 0; i < CREW_CLIENTS; i++) {
        struct program *client = crew->clients[i].program;
        int code = program_wait_exit(client);
        if (code != 0 && code != 3) { /* 3: the checker will see which outcomes are missing */
            fail_msg("client %s: %s", crew->clients[i].name, program_stderr(client));
        }
    }
    sandbox_wait(crew->box, "the broker to have nothing left to do", is_empty, crew);
    broker_tell_silence(crew);
}

void crew_collect(struct crew *crew, const char *ids_path) {
    program_run(crew->box, 0, getenv("CHAOS_CLIENT"), "collect", crew->broker->endpoint,
                crew->journal_path, ids_path, NULL);
}

void crew_close(struct crew *crew) {
    for (size_t i = 0; i < CREW_HOUSES; i++) {
        assert_int_equal(program_stop(crew->houses[i].program), 0);
    }
    assert_int_equal(program_stop(crew->broker->program), 0);
    close(crew->journal);
}
