/* SPDX-License-Identifier: MIT
 *
 * Letters to somebody who does not read for a while. */
#include "worker/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LETTERS = 3000 }; /* more than any socket holds */

static void a_reader_that_waits_gets_every_letter_in_order(void **state) {
    (void)state;
    static struct post letter;
    struct outbox outbox = {NULL, NULL};
    int ends[2];
    int fds[POST_FDS];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    letter.kind = POST_FORKED;
    for (uint32_t i = 0; i < LETTERS; i++) {
        letter.place = i;
        letter.text_size = i % 100;
        assert_true(outbox_send(&outbox, ends[0], &letter));
    }
    assert_true(outbox_waits(&outbox));
    for (uint32_t i = 0; i < LETTERS; i++) {
        assert_true(post_receive(ends[1], &letter, fds));
        assert_int_equal(letter.place, i);
        assert_int_equal(letter.text_size, i % 100);
        assert_true(outbox_flush(&outbox, ends[0]));
    }
    assert_false(outbox_waits(&outbox));
    close(ends[0]);
    close(ends[1]);
}

static void a_reader_that_went_is_noticed(void **state) {
    (void)state;
    static struct post letter;
    struct outbox outbox = {NULL, NULL};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[1]);
    assert_false(outbox_send(&outbox, ends[0], &letter));
    assert_false(outbox_waits(&outbox));
    close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_waits_gets_every_letter_in_order),
        cmocka_unit_test(a_reader_that_went_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
