/* SPDX-License-Identifier: MIT
 *
 * Waiting for the outcome of a task until a deadline, and saying what it waits for. A deadline is
 * an instant of the monotonic clock in microseconds; INT64_MAX is never. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "client/cli/cli.h"

/* The deadline that a --timeout flag sets, from now on. */
int64_t outcome_deadline_us(const struct flags *flags, size_t flag);
/* What is left, at least 0; WHERRY_FOREVER without a deadline. */
int64_t outcome_left_ms(int64_t deadline_us);

/* Why the task waits, in the broker's words; "" if nobody knows. Allocated. */
char *outcome_why(wherry_async *async);

/* As wherry_async_accepted(); a wait that lasts says on stderr what it waits for, once each reason.
 */
wherry_err outcome_accepted(wherry_async *async, int64_t deadline_us);
/* As wherry_async_get(); a wait that lasts says on stderr what it waits for, once each reason. */
wherry_err outcome_wait(wherry_async *async, int64_t deadline_us, const wherry_value **answer);

/* One line on stderr that the task is not done yet, and why; returns CLI_TIMEOUT. */
int outcome_late(wherry_async *async);
/* The same after WHERRY_E_INTERRUPTED (cli_interruptible); returns CLI_FAILED. */
int outcome_interrupted(wherry_async *async);

#endif
