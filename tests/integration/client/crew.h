/* SPDX-License-Identifier: MIT
 *
 * A broker, workers with the test's functions, and a connected pool. */
#ifndef CLIENT_CREW_H
#define CLIENT_CREW_H

#include "tests/support/support.h"
#include "wherry.h"

struct crew {
    struct sandbox *box;
    struct broker *broker;
    struct program *worker;
    wherry_connection *connection;
    wherry_pool *pool;
};

/* processes NULL: no worker yet. `flag`, `value`: of the broker, or NULL. */
struct crew crew_open(struct sandbox *box, const char *processes, const char *flag,
                      const char *value);
void crew_worker(struct crew *crew, const char *processes);
void crew_close(struct crew *crew);

wherry_async *crew_submit(struct crew *crew, const char *function, const char *picture, ...);
/* The outcome before the sandbox's deadline must be `expected`. */
const wherry_value *crew_outcome(struct crew *crew, wherry_async *async, wherry_err expected);
void crew_expect_number(struct crew *crew, wherry_async *async, int64_t number);
int64_t crew_number(const wherry_value *value);
void crew_touch(struct crew *crew, const char *name); /* makes the file that `when` waits for */
void crew_contains(const char *text, const char *part);

struct crew_numbers {
    wherry_value *values[1024];
    size_t count;
};
void crew_numbers_make(struct crew_numbers *numbers, size_t count);
wherry_items crew_numbers_items(const struct crew_numbers *numbers);
void crew_numbers_free(struct crew_numbers *numbers);

#endif
