/* SPDX-License-Identifier: MIT
 *
 * A broker and its workers in one thread of the test: enough of the wire to serve a real
 * connection.
 *
 *     function   what a task of it does
 *     noop       answers nil at once
 *     echo       answers its first argument; a chunk: its items
 *     reverse    as echo, but only after the tasks submitted behind it
 *     fail       fails: "ValueError: no"; a chunk with an item "bad" fails, others echo
 *     full       is refused: FULL; results_full: RESULTS_FULL
 *     hold       waits for mini_release(); WAITING says "no worker offers hold" */
#ifndef CLIENT_MINI_H
#define CLIENT_MINI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct mini;

struct mini *mini_start(uint32_t processes);
struct mini *mini_start_with(uint32_t processes, uint32_t beat_ms);
const char *mini_endpoint(const struct mini *mini);
void mini_release(struct mini *mini); /* everything held is answered */
/* The broker dies and another takes its place; what it held is forgotten. */
void mini_restart(struct mini *mini);
void mini_silence(struct mini *mini, bool silent); /* answers nothing while true */
uint64_t mini_submitted(struct mini *mini);        /* tasks seen so far */
uint64_t mini_resubmitted(struct mini *mini);      /* of them with an origin */
void mini_wait_submitted(struct mini *mini, uint64_t count);
size_t mini_largest_chunk(struct mini *mini);
void mini_stop(struct mini **mini);

#endif
