/* SPDX-License-Identifier: MIT
 *
 * The crew of the client's tests; see crew.h. */
#include "crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void crew_worker(struct crew *crew, const char *processes) {
    char plugin[512];
    snprintf(plugin, sizeof plugin, "%s/client-test-functions.so", getenv("WHERRY_LIB"));
    crew->worker =
        worker_start(crew->box, crew->broker->endpoint, "--processes", processes, plugin, NULL);
}

struct crew crew_open(struct sandbox *box, const char *processes, const char *flag,
                      const char *value) {
    struct crew crew = {.box = box};
    crew.broker = flag == NULL ? broker_start(box, NULL) : broker_start(box, flag, value, NULL);
    if (processes != NULL) {
        crew_worker(&crew, processes);
    }
    if (wherry_connect(crew.broker->endpoint, NULL, &crew.connection) != WHERRY_OK) {
        fail_msg("connect: %s", wherry_last_error());
    }
    assert_int_equal(wherry_pool_open(crew.connection, NULL, &crew.pool), WHERRY_OK);
    return crew;
}

void crew_close(struct crew *crew) {
    wherry_pool_release(&crew->pool);
    wherry_connection_release(&crew->connection);
}

wherry_async *crew_submit(struct crew *crew, const char *function, const char *picture, ...) {
    wherry_value *args = NULL;
    wherry_async *async = NULL;
    va_list list;
    va_start(list, picture);
    if (strcmp(picture, "i") == 0) {
        wherry_value_build(&args, "[i]", va_arg(list, int64_t));
    } else if (strcmp(picture, "si") == 0) {
        const char *text = va_arg(list, const char *);
        wherry_value_build(&args, "[si]", text, va_arg(list, int64_t));
    }
    va_end(list);
    wherry_err err = wherry_pool_apply_async_values(crew->pool, function, args, NULL, NULL, &async);
    if (err != WHERRY_OK) {
        fail_msg("%s: %s", function, wherry_last_error());
    }
    wherry_value_release(&args);
    return async;
}

const wherry_value *crew_outcome(struct crew *crew, wherry_async *async, wherry_err expected) {
    const wherry_value *value = NULL;
    wherry_err err = wherry_async_get(async, sandbox_left_ms(crew->box), &value);
    if (err != expected) {
        fail_msg("%s: %s", wherry_err_text(err), wherry_last_error());
    }
    return value;
}

int64_t crew_number(const wherry_value *value) {
    int64_t number = 0;
    if (wherry_value_read(value, "i", &number) != WHERRY_OK) {
        fail_msg("%s", wherry_last_error());
    }
    return number;
}

void crew_expect_number(struct crew *crew, wherry_async *async, int64_t number) {
    assert_int_equal(crew_number(crew_outcome(crew, async, WHERRY_OK)), number);
    wherry_async_release(&async);
}

void crew_touch(struct crew *crew, const char *name) {
    sandbox_write(crew->box, name, "", 0);
}

void crew_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", text, part);
    }
}

void crew_numbers_make(struct crew_numbers *numbers, size_t count) {
    numbers->count = count;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wherry_value_build(&numbers->values[i], "i", (int64_t)i), WHERRY_OK);
    }
}

wherry_items crew_numbers_items(const struct crew_numbers *numbers) {
    return (wherry_items){.array = (const wherry_value *const *)numbers->values,
                          .count = numbers->count};
}

void crew_numbers_free(struct crew_numbers *numbers) {
    for (size_t i = 0; i < numbers->count; i++) {
        wherry_value_release(&numbers->values[i]);
    }
}
