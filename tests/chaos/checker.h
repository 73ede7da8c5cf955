/* SPDX-License-Identifier: MIT
 *
 * Checker: reads a journal (journal.h) to its end and says what must never have happened.
 *
 *   lost        an accepted task without an outcome: its client lives and was told none, or it was
 *               killed and the task neither ran to its end nor was cancelled; a kept one that is
 *               unknown, or whose result is gone
 *   invented    a run of a task nobody submitted, or that was certainly refused; a result of a run
 *               that never ended, or of another task
 *   changed     two outcomes of one task that differ
 *   twice       a second run, although nobody ended the first: killed its process or its house,
 *               stopped its house until the broker gave it up, or cancelled the task that its
 *               process ran next, before its answer had left there
 *   once        a second run of a task that may run once only
 *   after       a run that begins after its task's outcome was told, or after it was acknowledged
 *               as cancelled while it waited
 *   unjust      WORKER_LOST without three deaths of processes (may run once: one), or of a run
 *               that lived; LOST without a kill, or of a run that lived; CANCELLED without a
 *               cancel; an outcome that nothing here can bring about
 *
 * It counts what it saw, so that a journal in which nothing happened does not pass for a good one.
 */
#ifndef WHERRY_CHAOS_CHECKER_H
#define WHERRY_CHAOS_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHECKER_WRONG_MAX = 20, CHECKER_TEXT_SIZE = 160 };

struct checker_sums {
    uint64_t submitted;
    uint64_t accepted;
    uint64_t done;
    uint64_t other_outcomes;
    uint64_t uncertain; /* never acknowledged, outcome unknown */
    uint64_t runs;
    uint64_t again_killed;    /* runs that were not the last: killed, … */
    uint64_t again_silent;    /* … given up because their host was silent, … */
    uint64_t again_cancelled; /* … or ended beside a cancelled one */
    uint64_t given_up;        /* attempts, because their host was silent */
    uint64_t kills;
    uint64_t stops;
};

struct checker;

struct checker *checker_create(void);
void checker_destroy(struct checker **checker);

/* One line of the journal, without its newline. False: it is not one. */
bool checker_read(struct checker *checker, const char *line);
/* All lines of a file. False: it cannot be read, or holds what is no line. */
bool checker_read_file(struct checker *checker, const char *path);

/* Kept, accepted, and its client was killed before it was told: ask for these, and read what comes
 * out before judging. NULL: no more; begin with *at = 0. */
const char *checker_unasked(const struct checker *checker, size_t *at);

/* How many things are wrong; the first CHECKER_WRONG_MAX in words. */
uint64_t checker_judge(struct checker *checker);
const char *checker_wrong(const struct checker *checker, size_t number);
struct checker_sums checker_sums(const struct checker *checker);

#endif
