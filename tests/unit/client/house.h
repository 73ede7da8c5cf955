/* SPDX-License-Identifier: MIT
 *
 * What the tests of the public library share: a connected pool, numbers, callbacks that count. */
#ifndef CLIENT_HOUSE_H
#define CLIENT_HOUSE_H

#include "client/include/wherry.h"
#include "mini.h"

#include <pthread.h>

enum { LONG_MS = 20000 };

struct house {
    struct mini *mini;
    wherry_connection *connection;
    wherry_pool *pool;
};

int house_setup(void **state);
int house_teardown(void **state);
#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

int64_t integer_of(const wherry_value *value);
/* A call of `function` with one number. */
wherry_async *echo(struct house *house, const char *function, int64_t number);

struct numbers { /* an array of values */
    wherry_value **values;
    size_t count;
};
struct numbers numbers_make(size_t count);           /* 0, 1, 2 … */
struct numbers texts_make(size_t count, size_t bad); /* "good" but for one "bad" */
wherry_items numbers_items(const struct numbers *numbers);
void numbers_free(struct numbers *numbers);
void assert_list_counts_up(const wherry_value *list, size_t count);

struct counting { /* a source without a length */
    int64_t next;
    int64_t end;
    wherry_err fail_with;
};
wherry_err counting_next(void *context, wherry_value **out);

struct heard { /* what callbacks heard */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int values;
    int errors;
    int64_t order[64];
    wherry_err err;
    char text[64];
    int slow_ms;
};
#define HEARD_EMPTY                                                                                \
    { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER }
wherry_call_options heard_options(struct heard *heard);
void heard_wait(struct heard *heard, const int *count, int wanted);

#endif
