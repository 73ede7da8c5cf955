/* SPDX-License-Identifier: MIT
 *
 * Checker; see checker.h. Tasks stand in a hash table by id, their runs in a list each; lines are
 * numbered, so that "before" and "after" are comparisons of numbers. */
#include "tests/chaos/checker.h"

#include "common/check.h"
#include "common/checksum.h"
#include "client/include/wherry.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 48, RUN_STALE_MS = 5000, CRASHES = 3 };

struct run {
    struct run *next; /* in the order in which they began */
    char token[NAME_SIZE];
    char pid[NAME_SIZE];
    char house[NAME_SIZE];
    uint64_t begun; /* line numbers; 0: not */
    uint64_t ended;
    int64_t ended_ms;
    bool silent; /* given up, because its host had fallen silent: it may be running still */
};

struct task {
    struct task *chain;
    char id[NAME_SIZE];
    char mode; /* 0: a run was seen, but no submit */
    char client[NAME_SIZE];
    uint64_t submitted; /* line numbers */
    uint64_t accepted;
    uint64_t told; /* its first outcome */
    int err;
    char value[NAME_SIZE];
    uint64_t cancel_asked;
    uint64_t cancelled_waiting;
    struct run *runs;
};

struct kill {
    char role[NAME_SIZE];
    char who[NAME_SIZE];
    uint64_t line;
    int64_t ms;
};

struct checker {
    struct task **buckets;
    size_t bucket_count;
    struct task **tasks; /* in the order in which they were first seen */
    size_t task_count;
    size_t task_capacity;
    struct kill *kills;
    size_t kill_count;
    size_t kill_capacity;
    uint64_t lines;
    uint64_t wrong_count;
    char wrong[CHECKER_WRONG_MAX][CHECKER_TEXT_SIZE];
    struct checker_sums sums;
};

struct checker *checker_create(void) {
    struct checker *checker = calloc(1, sizeof *checker);
    CHECK(checker != NULL);
    checker->bucket_count = 1 << 16;
    checker->buckets = calloc(checker->bucket_count, sizeof(struct task *));
    CHECK(checker->buckets != NULL);
    return checker;
}

static void task_free(struct task *task) {
    while (task->runs != NULL) {
        struct run *next = task->runs->next;
        free(task->runs);
        task->runs = next;
    }
    free(task);
}

void checker_destroy(struct checker **checker_at) {
    struct checker *checker = *checker_at;
    for (size_t i = 0; i < checker->task_count; i++) {
        task_free(checker->tasks[i]);
    }
    free(checker->tasks);
    free(checker->kills);
    free(checker->buckets);
    free(checker);
    *checker_at = NULL;
}

__attribute__((format(printf, 3, 4))) static void
wrong(struct checker *checker, const struct task *task, const char *format, ...) {
    if (checker->wrong_count < CHECKER_WRONG_MAX) {
        char *text = checker->wrong[checker->wrong_count];
        int size = snprintf(text, CHECKER_TEXT_SIZE, "%s: ", task->id);
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text + size, CHECKER_TEXT_SIZE - (size_t)size, format, arguments);
        va_end(arguments);
    }
    checker->wrong_count++;
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct task *task_find(struct checker *checker, const char *id) {
    struct span text = {(const uint8_t *)id, strlen(id)};
    struct task **bucket = &checker->buckets[checksum(0, text) % checker->bucket_count];
    for (struct task *task = *bucket; task != NULL; task = task->chain) {
        if (strcmp(task->id, id) == 0) {
            return task;
        }
    }
    struct task *task = calloc(1, sizeof *task);
    CHECK(task != NULL);
    snprintf(task->id, sizeof task->id, "%s", id);
    task->chain = *bucket;
    *bucket = task;
    if (checker->task_count == checker->task_capacity) {
        checker->task_capacity = checker->task_capacity * 2 + 1024;
        checker->tasks = realloc(checker->tasks, checker->task_capacity * sizeof(struct task *));
        CHECK(checker->tasks != NULL);
    }
    checker->tasks[checker->task_count++] = task;
    return task;
}

static struct run *run_find(struct task *task, const char *token) {
    struct run **at = &task->runs;
    for (; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->token, token) == 0) {
            return *at;
        }
    }
    *at = calloc(1, sizeof(struct run));
    CHECK(*at != NULL);
    snprintf((*at)->token, NAME_SIZE, "%s", token);
    return *at;
}

/* A token begins once. */
static void read_begin(struct checker *checker, const char *id, const char *token, const char *pid,
                       const char *house) {
    struct task *task = task_find(checker, id);
    struct run *run = run_find(task, token);
    if (run->begun != 0) {
        wrong(checker, task, "once: attempt %s began a second time", token);
    }
    run->begun = checker->lines;
    snprintf(run->pid, sizeof run->pid, "%s", pid);
    snprintf(run->house, sizeof run->house, "%s", house);
    checker->sums.runs++;
}

static void read_end(struct checker *checker, const char *id, const char *token, int64_t ms) {
    struct run *run = run_find(task_find(checker, id), token);
    run->ended = checker->lines;
    run->ended_ms = ms;
}

/* The first outcome is kept; every further one must be the same. */
static void read_result(struct checker *checker, const char *id, int err, const char *value) {
    struct task *task = task_find(checker, id);
    if (task->told != 0) {
        if (task->err != err || strcmp(task->value, value) != 0) {
            wrong(checker, task, "changed: outcome %d %s, before that %d %s", err, value, task->err,
                  task->value);
        }
        return;
    }
    task->told = checker->lines;
    task->err = err;
    snprintf(task->value, sizeof task->value, "%s", value);
}

static void read_kill(struct checker *checker, const char *role, const char *who, int64_t ms) {
    if (checker->kill_count == checker->kill_capacity) {
        checker->kill_capacity = checker->kill_capacity * 2 + 64;
        checker->kills = realloc(checker->kills, checker->kill_capacity * sizeof(struct kill));
        CHECK(checker->kills != NULL);
    }
    struct kill *kill = &checker->kills[checker->kill_count++];
    *kill = (struct kill){.line = checker->lines, .ms = ms};
    snprintf(kill->role, sizeof kill->role, "%s", role);
    snprintf(kill->who, sizeof kill->who, "%s", who);
    checker->sums.kills++;
}

bool checker_read(struct checker *checker, const char *line) {
    char word[5][NAME_SIZE];
    long long ms = 0;
    int words = sscanf(line, "%lld %47s %47s %47s %47s %47s", &ms, word[0], word[1], word[2],
                       word[3], word[4]) -
                1;
    checker->lines++;
    if (words == 4 && strcmp(word[0], "submit") == 0) {
        struct task *task = task_find(checker, word[1]);
        task->mode = word[2][0];
        task->submitted = checker->lines;
        snprintf(task->client, sizeof task->client, "%s", word[3]);
    } else if (words == 2 && strcmp(word[0], "accepted") == 0) {
        task_find(checker, word[1])->accepted = checker->lines;
    } else if (words == 4 && strcmp(word[0], "result") == 0) {
        read_result(checker, word[1], (int)strtol(word[2], NULL, 10), word[3]);
    } else if (words == 2 && strcmp(word[0], "cancel") == 0) {
        task_find(checker, word[1])->cancel_asked = checker->lines;
    } else if (words == 3 && strcmp(word[0], "cancelled") == 0) {
        task_find(checker, word[1])->cancelled_waiting = word[2][0] == '1' ? checker->lines : 0;
    } else if (words == 5 && strcmp(word[0], "begin") == 0) {
        read_begin(checker, word[1], word[2], word[3], word[4]);
    } else if (words == 3 && strcmp(word[0], "end") == 0) {
        read_end(checker, word[1], word[2], ms);
    } else if (words == 3 && strcmp(word[0], "silent") == 0) {
        run_find(task_find(checker, word[1]), word[2])->silent = true;
        checker->sums.given_up++;
    } else if (words == 2 && strcmp(word[0], "stopped") == 0) {
        checker->sums.stops++;
    } else if (words == 3 && strcmp(word[0], "killed") == 0) {
        read_kill(checker, word[1], word[2], ms);
    } else {
        return false;
    }
    return true;
}

bool checker_read_file(struct checker *checker, const char *path) {
    char line[512];
    bool ok = true;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    while (ok && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        ok = checker_read(checker, line);
    }
    fclose(file);
    return ok;
}

/* ---- judging --------------------------------------------------------------------------------- */

static const struct kill *kill_of(const struct checker *checker, const char *role, const char *who,
                                  uint64_t after, uint64_t before) {
    for (size_t i = 0; i < checker->kill_count; i++) {
        const struct kill *kill = &checker->kills[i];
        if (kill->line > after && kill->line < before && strcmp(kill->role, role) == 0 &&
            (who == NULL || strcmp(kill->who, who) == 0)) {
            return kill;
        }
    }
    return NULL;
}

static bool client_was_killed(const struct checker *checker, const struct task *task) {
    return kill_of(checker, "client", task->client, 0, UINT64_MAX) != NULL;
}

/* Who killed this run before that line: its process or its house; NULL: nobody. What was written
 * before it began counts too, if the house is the same: a signal takes a moment. */
static const struct kill *run_killer(const struct checker *checker, const struct run *run,
                                     uint64_t before) {
    const struct kill *kill = kill_of(checker, "child", run->pid, 0, before);
    return kill != NULL ? kill : kill_of(checker, "house", run->house, 0, before);
}

/* A run that ended long before the kill had been answered by then. */
static bool run_was_killed(const struct checker *checker, const struct run *run, uint64_t before) {
    const struct kill *kill = run_killer(checker, run, before);
    return kill != NULL && (run->ended == 0 || run->ended_ms + RUN_STALE_MS > kill->ms);
}

/* The last run that began in the same process; so far as this run did not outlive it. */
static const struct run *process_last_run(const struct checker *checker, const struct run *run,
                                          const struct task **task) {
    const struct run *last = run;
    for (size_t i = 0; i < checker->task_count; i++) {
        for (const struct run *at = checker->tasks[i]->runs; at != NULL; at = at->next) {
            if (at->begun > last->begun && strcmp(at->pid, run->pid) == 0 &&
                strcmp(at->house, run->house) == 0) {
                last = at;
                *task = checker->tasks[i];
            }
        }
    }
    return last;
}

/* Its answer had not left its process when the next task there was cancelled, and took the process
 * along: that one was the last there, and its cancel had been asked for. */
static bool run_was_cancelled_beside(const struct checker *checker, const struct run *run,
                                     uint64_t before) {
    const struct task *beside = NULL;
    const struct run *last = process_last_run(checker, run, &beside);
    return run->ended != 0 && last != run && last->begun < before && beside->cancel_asked != 0 &&
           beside->cancel_asked < before;
}

static bool run_is_excused(struct checker *checker, const struct run *run, uint64_t before) {
    if (run_was_killed(checker, run, before)) {
        checker->sums.again_killed++;
    } else if (run->silent) {
        checker->sums.again_silent++;
    } else if (run_was_cancelled_beside(checker, run, before)) {
        checker->sums.again_cancelled++;
    } else {
        return false;
    }
    return true;
}

/* The next run that counts: what was given up may begin at any time, its result is void. */
static const struct run *run_next(const struct run *run) {
    do {
        run = run->next;
    } while (run != NULL && run->silent);
    return run;
}

static void judge_runs(struct checker *checker, const struct task *task) {
    uint64_t count = 0;
    for (const struct run *run = task->runs; run != NULL; run = run->next) {
        count += run->begun != 0;
        if (run->begun == 0 && run->ended != 0) {
            wrong(checker, task, "invented: run %s ended without having begun", run->token);
        }
        const struct run *next = run_next(run);
        if (next != NULL && !run_is_excused(checker, run, next->begun)) {
            wrong(checker, task, "twice: run %s in %s (pid %s) was not killed, and %s began",
                  run->token, run->house, run->pid, next->token);
        }
        if (task->told != 0 && run->begun > task->told && !run->silent) {
            wrong(checker, task, "after: run %s began after the outcome %d was told", run->token,
                  task->err);
        }
        if (task->cancelled_waiting != 0 && run->begun > task->cancelled_waiting) {
            wrong(checker, task, "after: run %s began after it was cancelled", run->token);
        }
    }
    if (count > 1 && task->mode == 'o') {
        wrong(checker, task, "once: it ran %" PRIu64 " times", count);
    }
}

static const struct run *run_ended(const struct task *task, const char *token) {
    for (const struct run *run = task->runs; run != NULL; run = run->next) {
        if (run->ended != 0 && (token == NULL || strcmp(run->token, token) == 0)) {
            return run;
        }
    }
    return NULL;
}

static uint64_t killed_runs(const struct checker *checker, const struct task *task) {
    uint64_t count = 0;
    for (const struct run *run = task->runs; run != NULL; run = run->next) {
        count += run_killer(checker, run, UINT64_MAX) != NULL;
    }
    return count;
}

/* A process may die when it has begun a task and before the function has written so: what counts is
 * that enough died while the task was there, and that none of its runs lived on. */
static void judge_worker_lost(struct checker *checker, const struct task *task) {
    uint64_t deaths = 0;
    for (size_t i = 0; i < checker->kill_count; i++) {
        const struct kill *kill = &checker->kills[i];
        deaths += kill->line > task->submitted && kill->line < task->told &&
                  (strcmp(kill->role, "child") == 0 || strcmp(kill->role, "house") == 0);
    }
    if (deaths < (task->mode == 'o' ? 1 : CRASHES)) {
        wrong(checker, task, "unjust: WORKER_LOST after %" PRIu64 " deaths", deaths);
    }
    for (const struct run *run = task->runs; run != NULL; run = run->next) {
        if (run_killer(checker, run, task->told) == NULL) {
            wrong(checker, task, "unjust: WORKER_LOST, but run %s was not killed", run->token);
        }
    }
}

/* A task that may run once only and was perhaps handed out when somebody died: nobody can say
 * whether it began. If it did, in a process that lives, its result must have come. */
static void judge_lost(struct checker *checker, const struct task *task) {
    if (task->mode != 'o' ||
        (checker->kill_count == 0 && checker->sums.stops == 0 && task->runs == NULL)) {
        wrong(checker, task, "unjust: LOST, and it may run again");
    } else if (task->runs != NULL && run_killer(checker, task->runs, UINT64_MAX) == NULL &&
               !task->runs->silent && !run_was_cancelled_beside(checker, task->runs, task->told)) {
        wrong(checker, task, "unjust: LOST, but run %s was not killed", task->runs->token);
    }
}

static void judge_outcome(struct checker *checker, const struct task *task) {
    switch (task->err) {
    case WHERRY_OK:
        checker->sums.done++;
        if (run_ended(task, task->value) == NULL) {
            wrong(checker, task, "invented: the result of run %s, which never ended", task->value);
        }
        return;
    case WHERRY_E_WORKER_LOST:
        judge_worker_lost(checker, task);
        break;
    case WHERRY_E_LOST:
        judge_lost(checker, task);
        break;
    case WHERRY_E_CANCELLED:
        if (!task->cancel_asked) {
            wrong(checker, task, "unjust: CANCELLED, and nobody cancelled");
        }
        break;
    case WHERRY_E_UNCERTAIN:
        checker->sums.uncertain++;
        if (task->accepted != 0) {
            wrong(checker, task, "lost: accepted, then UNCERTAIN");
        }
        break;
    default:
        wrong(checker, task, "unjust: outcome %d", task->err);
        break;
    }
    checker->sums.other_outcomes++;
}

/* Nobody was told: right only if its client died, and then it must have been carried out. */
static void judge_untold(struct checker *checker, const struct task *task) {
    if (!client_was_killed(checker, task)) {
        wrong(checker, task, "lost: its client lives and was told no outcome");
    } else if (task->accepted != 0 && task->mode != 'n') {
        wrong(checker, task, "lost: kept, accepted, and no outcome");
    } else if (task->accepted != 0 && run_ended(task, NULL) == NULL && !task->cancel_asked &&
               killed_runs(checker, task) < CRASHES) {
        wrong(checker, task, "lost: accepted, and it never ran to its end");
    }
}

/* A client that dies between a submit and its journal leaves runs behind that nobody submitted: of
 * its own session, whose number is the first half of the id. */
static bool is_of_killed_session(const struct checker *checker, const struct task *task) {
    enum { SESSION_LETTERS = 12 };
    for (size_t i = 0; i < checker->task_count; i++) {
        const struct task *other = checker->tasks[i];
        if (other->mode != 0 && strncmp(other->id, task->id, SESSION_LETTERS) == 0) {
            return client_was_killed(checker, other);
        }
    }
    return kill_of(checker, "client", NULL, 0, UINT64_MAX) != NULL;
}

uint64_t checker_judge(struct checker *checker) {
    for (size_t i = 0; i < checker->task_count; i++) {
        const struct task *task = checker->tasks[i];
        if (task->mode == 0) {
            if (!is_of_killed_session(checker, task)) {
                wrong(checker, task, "invented: nobody submitted it");
            }
            continue;
        }
        checker->sums.submitted++;
        checker->sums.accepted += task->accepted != 0 || task->told != 0;
        judge_runs(checker, task);
        if (task->told != 0) {
            judge_outcome(checker, task);
        } else {
            judge_untold(checker, task);
        }
    }
    return checker->wrong_count;
}

const char *checker_unasked(const struct checker *checker, size_t *at) {
    while (*at < checker->task_count) {
        const struct task *task = checker->tasks[(*at)++];
        if (task->accepted != 0 && task->told == 0 && (task->mode == 'k' || task->mode == 'o')) {
            return task->id;
        }
    }
    return NULL;
}

const char *checker_wrong(const struct checker *checker, size_t number) {
    return number < checker->wrong_count && number < CHECKER_WRONG_MAX ? checker->wrong[number]
                                                                       : NULL;
}

struct checker_sums checker_sums(const struct checker *checker) {
    return checker->sums;
}
