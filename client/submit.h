/* SPDX-License-Identifier: MIT
 *
 * Submitting one task of a pool: options to lane, arguments to payload, and the wait for room. */
#ifndef WHERRY_CLIENT_SUBMIT_H
#define WHERRY_CLIENT_SUBMIT_H

#include "client/async.h"
#include "client/pool.h"

struct submission {
    struct wherry_pool *pool;
    struct session_lane lane; /* its names are borrowed */
    int64_t patience_us;      /* for room in this process; INT64_MAX: endless */
};

/* Checks pool, function name and options. */
wherry_err submission_init(struct submission *submission, struct wherry_pool *pool,
                           const char *function, const wherry_call_options *options);

/* Under the mutex, which is given up while there is no room. Takes arguments->data when it is
 * large. Counts the task for the pool. Returns what wherry_pool_apply_async() says; on OK `*id` is
 * set. */
wherry_err submission_run(const struct submission *submission, struct bytes *arguments,
                          struct owner *owner, int64_t deadline_us, struct task_id *id);

/* When to give up looking for room. */
int64_t submission_deadline(const struct submission *submission);

/* One call's payload from ready values; args NULL: none. */
wherry_err submission_encode(struct bytes *out, const wherry_value *args,
                             const wherry_value *kwargs);

#endif
