/* SPDX-License-Identifier: MIT
 *
 * The metrics page: its form, its sums, its escapes. */
#include "broker/http/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int metrics_setup(void **state) {
    *state = calloc(1, sizeof(struct metrics));
    return *state == NULL;
}

static int metrics_teardown(void **state) {
    free(*state);
    return 0;
}

static char *page_of(const struct metrics *metrics) {
    struct bytes out = BYTES_EMPTY;
    metrics_print(metrics, &out);
    bytes_append(&out, "", 1);
    return (char *)out.data;
}

static bool line_is_well_formed(const char *line, size_t size) {
    if (line[0] == '#') {
        return strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0;
    }
    const char *blank = memrchr(line, ' ', size);
    char *end = NULL;
    if (blank == NULL || (!isalpha((unsigned char)line[0]))) {
        return false;
    }
    strtod(blank + 1, &end);
    return end == line + size && end > blank + 1;
}

static void every_line_is_a_comment_or_a_sample(void **state) {
    char *page = page_of(*state);
    for (const char *line = page; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (!line_is_well_formed(line, size)) {
            fail_msg("not a metrics line: %.*s", (int)size, line);
        }
        line += size + 1;
    }
    free(page);
}

static void a_queues_name_is_escaped(void **state) {
    struct metrics *metrics = *state;
    metrics->queue_count = 1;
    snprintf(metrics->queues[0].name, WIRE_NAME_MAX, "a\"b\\c\nd");
    metrics->queues[0].view.depth = 7;
    char *page = page_of(metrics);
    assert_non_null(strstr(page, "wherry_queue_tasks{queue=\"a\\\"b\\\\c\\nd\"} 7\n"));
    free(page);
}

static void a_histogram_counts_what_is_at_most_its_bound(void **state) {
    struct metrics *metrics = *state;
    static const int64_t values[] = {-5, 0, 1, 2, 3, 4, 1000000, 100000000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        histogram_add(&metrics->step, values[i]);
    }
    char *page = page_of(metrics);
    assert_non_null(strstr(page, "wherry_step_seconds_bucket{le=\"1e-06\"} 3\n"));
    assert_non_null(strstr(page, "wherry_step_seconds_bucket{le=\"2e-06\"} 4\n"));
    assert_non_null(strstr(page, "wherry_step_seconds_bucket{le=\"4e-06\"} 6\n"));
    assert_non_null(strstr(page, "wherry_step_seconds_bucket{le=\"1.04858\"} 7\n"));
    assert_non_null(strstr(page, "wherry_step_seconds_bucket{le=\"+Inf\"} 8\n"));
    assert_non_null(strstr(page, "wherry_step_seconds_count 8\n"));
    free(page);
}

static void readiness_names_the_failing_part(void **state) {
    struct metrics *metrics = *state;
    struct bytes out = BYTES_EMPTY;
    assert_true(metrics_ready(metrics, &out));
    bytes_clear(&out);
    metrics->draining = true;
    assert_false(metrics_ready(metrics, &out));
    assert_true(span_equal(bytes_span(&out),
                           span_of_text("{\"ready\":false,\"failing\":\"draining\"}\n")));
    bytes_clear(&out);
    metrics->store_failed = true;
    assert_false(metrics_ready(metrics, &out));
    assert_true(span_equal(bytes_span(&out),
                           span_of_text("{\"ready\":false,\"failing\":\"store\"}\n")));
    bytes_clear(&out);
    metrics->restoring = true;
    metrics->restored_records = 7;
    metrics->stored_records = 9;
    assert_false(metrics_ready(metrics, &out));
    assert_true(span_equal(bytes_span(&out),
                           span_of_text("{\"ready\":false,\"failing\":\"restoring\","
                                        "\"restored\":7,\"records\":9}\n")));
    bytes_free(&out);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, metrics_setup, metrics_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        METRICS_TEST(every_line_is_a_comment_or_a_sample),
        METRICS_TEST(a_queues_name_is_escaped),
        METRICS_TEST(a_histogram_counts_what_is_at_most_its_bound),
        METRICS_TEST(readiness_names_the_failing_part),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
