/* SPDX-License-Identifier: MIT
 *
 * Receipts: RESULT_ACKs that wait a few milliseconds for company.
 *
 * A child keeps a result until its receipt comes, but waits for nothing: a receipt is never
 * urgent. Sent at once, the one of a lone task wakes a thread in the broker and two in the child
 * exactly while the result travels to the client: on two cores that was half of the whole round
 * trip. So a route's receipts leave together, RECEIPT_WAIT_US after the first or when RECEIPTS_MAX
 * have gathered.
 *
 * Later is always allowed: the engine gives a receipt only when its result is recorded. One that
 * is lost with its route is asked for again by the child's next hello. Pure: told the time. */
#ifndef WHERRY_RECEIPTS_H
#define WHERRY_RECEIPTS_H

#include "broker/core/effect.h"

struct receipts;

enum { RECEIPT_WAIT_US = 5000, RECEIPTS_MAX = 256 };

struct receipts *receipts_create(void);
void receipts_destroy(struct receipts **receipts);

/* Takes in the runs of a RESULT_ACK. */
void receipts_add(struct receipts *receipts, const struct effect *effect, int64_t now_us);
/* The next RESULT_ACK to be sent now (`all`: whether its time has come or not); false: none. Its
 * runs are borrowed until the next call. */
bool receipts_next(struct receipts *receipts, int64_t now_us, bool all, struct effect *out);
/* When receipts_next will have one: mono_us; INT64_MAX: nothing waits. */
int64_t receipts_wake_us(const struct receipts *receipts);

#endif
