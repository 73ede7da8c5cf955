/* SPDX-License-Identifier: MIT
 *
 * Journal: what everybody saw, in the order in which they saw it: clients, functions inside worker
 * processes, and the conductor that kills them all. One line a write() to one file opened with
 * O_APPEND: whoever is killed leaves whole lines behind, and the order of lines is the order of
 * writes. Nobody of wherry's own takes part, so the checker believes nobody but these witnesses;
 * with one exception, which says against wherry what only the broker can know: "silent".
 *
 *     MS submit ID MODE CLIENT    MODE: n plain, k keep, o keep and may run once only
 *     MS accepted ID              the library said so: it may not be lost any more
 *     MS result ID ERR VALUE      the outcome as told; VALUE: the token of its run, or -
 *     MS cancelled ID WAS         acknowledged; WAS 1: it waited and never runs
 *     MS begin ID TOKEN PID HOUSE a function begins
 *     MS end ID TOKEN             it has done everything but return
 *     MS killed ROLE WHO          written just before the signal: broker -, child PID, house HOUSE,
 *                                 client CLIENT
 *     MS stopped HOUSE            for longer than a host may be silent; it goes on afterwards
 *     MS silent ID TOKEN          from the broker's log: it gave this attempt up, because its host
 *                                 had not been heard of for six seconds
 *
 * MS is the monotonic clock. */
#ifndef WHERRY_CHAOS_JOURNAL_H
#define WHERRY_CHAOS_JOURNAL_H

/* The descriptor; the process ends if it cannot be opened. */
int journal_open(const char *path);
/* Adds the time in front and the newline at the end. */
void journal_say(int journal, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
