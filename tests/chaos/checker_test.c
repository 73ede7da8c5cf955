/* SPDX-License-Identifier: MIT
 *
 * The checker is not to be believed either: each thing that it should notice, in the shortest
 * journal that shows it, and beside it the journal in which all is well. */
#include "tests/chaos/checker.h"
#include "tests/unit/common/testing.h"

#include <stdio.h>

static struct checker *read_lines(const char *const *lines) {
    struct checker *checker = checker_create();
    for (; *lines != NULL; lines++) {
        char line[128];
        snprintf(line, sizeof line, "1000 %s", *lines);
        assert_true(checker_read(checker, line));
    }
    return checker;
}

/* says NULL: nothing is wrong. */
static void expect(const char *says, const char *const *lines) {
    struct checker *checker = read_lines(lines);
    uint64_t count = checker_judge(checker);
    const char *first = checker_wrong(checker, 0);
    if (says == NULL && count != 0) {
        fail_msg("nothing is wrong, but: %s", first);
    }
    if (says != NULL && (count != 1 || strstr(first, says) == NULL)) {
        fail_msg("expected \"%s\" once; found %d: %s", says, (int)count,
                 first != NULL ? first : "-");
    }
    checker_destroy(&checker);
}

#define EXPECT(says, ...) expect(says, (const char *const[]){__VA_ARGS__, NULL})

#define SUBMIT "submit T n c1", "accepted T"
#define RUN(token) "begin T " token " 77 h1", "end T " token

static void a_task_that_ran_and_was_told_is_right(void **state) {
    (void)state;
    EXPECT(NULL, SUBMIT, RUN("1.1"), "result T 0 1.1");
}

static void a_task_without_an_outcome_is_lost(void **state) {
    (void)state;
    EXPECT("lost: its client lives", SUBMIT, RUN("1.1"));
    EXPECT("lost: accepted, and it never ran", SUBMIT, "killed client c1");
    EXPECT("lost: kept", "submit T k c1", "accepted T", RUN("1.1"), "killed client c1");
    EXPECT("lost: accepted, then UNCERTAIN", SUBMIT, "result T 9 -");
    EXPECT(NULL, SUBMIT, RUN("1.1"), "killed client c1");
    EXPECT(NULL, "submit T n c1", "killed client c1");
    EXPECT(NULL, "submit T n c1", "result T 9 -");
}

static void what_nobody_submitted_is_invented(void **state) {
    (void)state;
    EXPECT("invented: nobody submitted it", RUN("1.1"));
    EXPECT("invented: the result of run 1.2", SUBMIT, RUN("1.1"), "result T 0 1.2");
    EXPECT("invented: the result of run 1.1", SUBMIT, "begin T 1.1 77 h1", "result T 0 1.1");
    EXPECT(NULL, RUN("1.1"), "killed client c1");
}

static void a_second_run_needs_a_kill(void **state) {
    (void)state;
    EXPECT("twice: run 1.1", SUBMIT, RUN("1.1"), RUN("1.2"), "result T 0 1.2");
    EXPECT("twice: run 1.1", SUBMIT, "begin T 1.1 77 h1", "killed child 78", RUN("1.2"),
           "result T 0 1.2");
    EXPECT("twice: run 1.1", SUBMIT, "begin T 1.1 77 h1", RUN("1.2"), "killed child 77",
           "result T 0 1.2");
    EXPECT("twice: run 1.1", SUBMIT, RUN("1.1"), "killed broker -", RUN("1.2"), "result T 0 1.2");
    EXPECT(NULL, SUBMIT, "begin T 1.1 77 h1", "killed child 77", "begin T 1.2 78 h1", "end T 1.2",
           "result T 0 1.2");
    EXPECT(NULL, SUBMIT, RUN("1.1"), "killed house h1", "begin T 1.2 79 h2", "end T 1.2",
           "result T 0 1.2");
}

/* What was given up may begin and end at any time. */
static void a_second_run_may_follow_a_lost_lease(void **state) {
    (void)state;
    EXPECT(NULL, SUBMIT, "stopped h1", RUN("1.1"), "begin T 1.2 78 h2", "end T 1.2",
           "result T 0 1.2", "silent T 1.1");
    EXPECT(NULL, SUBMIT, "stopped h1", "begin T 1.2 78 h2", "end T 1.2", "result T 0 1.2",
           RUN("1.1"), "silent T 1.1");
    EXPECT("twice: run 1.1", SUBMIT, "stopped h1", RUN("1.1"), "begin T 1.2 78 h2", "end T 1.2",
           "result T 0 1.2", "silent T 1.3");
    EXPECT("once: it ran 2 times", "submit T o c1", "accepted T", "stopped h1", RUN("1.1"),
           "begin T 1.2 78 h2", "end T 1.2", "result T 0 1.2", "silent T 1.1");
}

/* The process of both was ended; only the first had ended by itself. */
static void a_second_run_may_follow_a_cancel_beside(void **state) {
    (void)state;
#define BESIDE "submit B k c1", "accepted B", "begin B 1.5 77 h1"
#define TOLD "begin T 1.2 78 h1", "end T 1.2", "result T 0 1.2", "result B 15 -"
    EXPECT(NULL, SUBMIT, RUN("1.1"), BESIDE, "cancel B", TOLD);
    EXPECT("twice: run 1.1", SUBMIT, RUN("1.1"), BESIDE, TOLD, "cancel B");
    EXPECT("twice: run 1.1", SUBMIT, "begin T 1.1 77 h1", BESIDE, "cancel B", TOLD);
    EXPECT("twice: run 1.1", SUBMIT, RUN("1.1"), BESIDE, "cancel B", "submit C n c1",
           "begin C 1.6 77 h1", "end C 1.6", "result C 0 1.6", TOLD);
}

static void a_run_that_was_over_long_before_the_kill_is_no_excuse(void **state) {
    (void)state;
    struct checker *checker = checker_create();
    static const char *const lines[] = {
        "1000 submit T n c1", "1000 accepted T",      "1000 begin T 1.1 77 h1",
        "1001 end T 1.1",     "9000 killed child 77", "9100 begin T 1.2 78 h1",
        "9100 end T 1.2",     "9200 result T 0 1.2",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_true(checker_read(checker, lines[i]));
    }
    assert_int_equal(checker_judge(checker), 1);
    checker_destroy(&checker);
}

static void what_may_run_once_only_does(void **state) {
    (void)state;
    EXPECT("once: it ran 2 times", "submit T o c1", "accepted T", "begin T 1.1 77 h1",
           "killed child 77", "begin T 1.2 78 h1", "end T 1.2", "result T 0 1.2");
    EXPECT("once: attempt 1.1 began a second time", SUBMIT, "begin T 1.1 77 h1", RUN("1.1"),
           "result T 0 1.1");
    EXPECT(NULL, "submit T o c1", "accepted T", "begin T 1.1 77 h1", "killed child 77",
           "result T 17 -");
}

static void nothing_begins_after_the_outcome_was_told(void **state) {
    (void)state;
    EXPECT("after: run 1.2 began after the outcome", SUBMIT, RUN("1.1"), "killed child 77",
           "result T 0 1.1", "begin T 1.2 78 h1");
    EXPECT("after: run 1.1 began after it was cancelled", SUBMIT, "cancel T", "cancelled T 1",
           RUN("1.1"), "result T 15 -");
    EXPECT(NULL, SUBMIT, "cancel T", "cancelled T 1", "result T 15 -");
    EXPECT(NULL, SUBMIT, RUN("1.1"), "cancel T", "cancelled T 2", "result T 0 1.1");
}

static void an_outcome_never_changes(void **state) {
    (void)state;
    EXPECT("changed: outcome 0 1.2", SUBMIT, "begin T 1.1 77 h1", "end T 1.1", "result T 0 1.1",
           "result T 0 1.2");
    EXPECT(NULL, SUBMIT, RUN("1.1"), "result T 0 1.1", "result T 0 1.1");
}

static void failures_need_a_cause(void **state) {
    (void)state;
    EXPECT("unjust: WORKER_LOST after 1", SUBMIT, "begin T 1.1 77 h1", "killed child 77",
           "result T 16 -");
    EXPECT("unjust: WORKER_LOST, but run 1.1", "submit T o c1", "accepted T", "begin T 1.1 77 h1",
           "killed child 78", "result T 16 -");
    EXPECT(NULL, "submit T o c1", "accepted T", "killed child 78", "result T 16 -");
    EXPECT("unjust: LOST", SUBMIT, "begin T 1.1 77 h1", "killed child 77", "result T 17 -");
    EXPECT("unjust: LOST", "submit T o c1", "accepted T", "result T 17 -");
    EXPECT("unjust: LOST, but run 1.1", "submit T o c1", "accepted T", RUN("1.1"),
           "killed broker -", "result T 17 -");
    EXPECT(NULL, "submit T o c1", "accepted T", "killed broker -", "result T 17 -");
    EXPECT("unjust: CANCELLED", SUBMIT, "result T 15 -");
    EXPECT("unjust: outcome 10", "submit T k c1", "accepted T", "killed client c1",
           "result T 10 -"); /* UNKNOWN */
    EXPECT(NULL, SUBMIT, "begin T 1.1 1 h1", "killed child 1", "begin T 1.2 2 h1", "killed child 2",
           "begin T 1.3 3 h1", "killed child 3", "result T 16 -");
}

static void lines_that_are_none_are_refused(void **state) {
    (void)state;
    struct checker *checker = checker_create();
    assert_false(checker_read(checker, ""));
    assert_false(checker_read(checker, "12 submit T"));
    assert_false(checker_read(checker, "submit T n c1"));
    assert_false(checker_read(checker, "12 begun T 1.1 7 h1"));
    checker_destroy(&checker);
}

static void kept_tasks_of_killed_clients_are_asked_for(void **state) {
    (void)state;
    static const char *const lines[] = {
        "submit A k c1",    "accepted A", "submit B n c1", "accepted B", "submit C o c1",
        "killed client c1", NULL};
    struct checker *checker = read_lines(lines);
    size_t at = 0;
    assert_string_equal(checker_unasked(checker, &at), "A");
    assert_null(checker_unasked(checker, &at));
    checker_destroy(&checker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_ran_and_was_told_is_right),
        cmocka_unit_test(a_task_without_an_outcome_is_lost),
        cmocka_unit_test(what_nobody_submitted_is_invented),
        cmocka_unit_test(a_second_run_needs_a_kill),
        cmocka_unit_test(a_second_run_may_follow_a_lost_lease),
        cmocka_unit_test(a_second_run_may_follow_a_cancel_beside),
        cmocka_unit_test(a_run_that_was_over_long_before_the_kill_is_no_excuse),
        cmocka_unit_test(what_may_run_once_only_does),
        cmocka_unit_test(nothing_begins_after_the_outcome_was_told),
        cmocka_unit_test(an_outcome_never_changes),
        cmocka_unit_test(failures_need_a_cause),
        cmocka_unit_test(lines_that_are_none_are_refused),
        cmocka_unit_test(kept_tasks_of_killed_clients_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
