/* SPDX-License-Identifier: MIT
 *
 * The house of the public library's tests; see house.h. */
#include "house.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

int house_setup(void **state) {
    struct house *house = calloc(1, sizeof *house);
    house->mini = mini_start(4);
    assert_int_equal(wherry_connect(mini_endpoint(house->mini), NULL, &house->connection), 0);
    assert_int_equal(wherry_pool_open(house->connection, NULL, &house->pool), 0);
    *state = house;
    return 0;
}

int house_teardown(void **state) {
    struct house *house = *state;
    wherry_pool_release(&house->pool);
    wherry_connection_release(&house->connection);
    mini_stop(&house->mini);
    free(house);
    return 0;
}

int64_t integer_of(const wherry_value *value) {
    int64_t number = 0;
    assert_int_equal(wherry_value_read(value, "i", &number), WHERRY_OK);
    return number;
}

wherry_async *echo(struct house *house, const char *function, int64_t number) {
    wherry_async *async = NULL;
    assert_int_equal(wherry_pool_apply_async(house->pool, function, NULL, &async, "i", number),
                     WHERRY_OK);
    return async;
}

struct numbers numbers_make(size_t count) {
    struct numbers numbers = {calloc(count + 1, sizeof(wherry_value *)), count};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wherry_value_build(&numbers.values[i], "i", (int64_t)i), WHERRY_OK);
    }
    return numbers;
}

wherry_items numbers_items(const struct numbers *numbers) {
    return (wherry_items){.array = (const wherry_value *const *)numbers->values,
                          .count = numbers->count};
}

void numbers_free(struct numbers *numbers) {
    for (size_t i = 0; i < numbers->count; i++) {
        wherry_value_release(&numbers->values[i]);
    }
    free(numbers->values);
}

void assert_list_counts_up(const wherry_value *list, size_t count) {
    assert_int_equal(wherry_value_kind(list), WHERRY_LIST);
    assert_int_equal(wherry_value_count(list), count);
    for (size_t i = 0; i < count; i++) {
        wherry_value *item = NULL;
        assert_int_equal(wherry_value_at(list, i, &item), WHERRY_OK);
        assert_int_equal(integer_of(item), i);
        wherry_value_release(&item);
    }
}

wherry_err counting_next(void *context, wherry_value **out) {
    struct counting *counting = context;
    if (counting->next == counting->end) {
        return counting->fail_with != WHERRY_OK ? counting->fail_with : WHERRY_E_END;
    }
    return wherry_value_build(out, "i", counting->next++);
}

static void heard_value(const wherry_value *value, void *context) {
    struct heard *heard = context;
    if (heard->slow_ms > 0) {
        poll(NULL, 0, heard->slow_ms);
    }
    pthread_mutex_lock(&heard->mutex);
    if (heard->values < 64 && wherry_value_kind(value) != WHERRY_LIST) {
        heard->order[heard->values] = integer_of(value);
    }
    heard->values++;
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->mutex);
}

static void heard_error(wherry_err err, const char *text, void *context) {
    struct heard *heard = context;
    pthread_mutex_lock(&heard->mutex);
    heard->errors++;
    heard->err = err;
    strncpy(heard->text, text, sizeof heard->text - 1);
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->mutex);
}

void heard_wait(struct heard *heard, const int *count, int wanted) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LONG_MS / 1000;
    pthread_mutex_lock(&heard->mutex);
    while (*count < wanted) {
        assert_int_equal(pthread_cond_timedwait(&heard->changed, &heard->mutex, &limit), 0);
    }
    pthread_mutex_unlock(&heard->mutex);
}

wherry_call_options heard_options(struct heard *heard) {
    return (wherry_call_options){.size = sizeof(wherry_call_options),
                                 .callback = heard_value,
                                 .error_callback = heard_error,
                                 .context = heard};
}

struct numbers texts_make(size_t count, size_t bad) {
    struct numbers texts = {calloc(count + 1, sizeof(wherry_value *)), count};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wherry_value_build(&texts.values[i], "s", i == bad ? "bad" : "good"),
                         WHERRY_OK);
    }
    return texts;
}
