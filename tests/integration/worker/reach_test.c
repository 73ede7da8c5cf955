/* SPDX-License-Identifier: MIT
 *
 * Workers that do not reach their broker: what they say, how often they try, when they give up. */
#include "tests/integration/worker/stub.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint32_t count(const char *text, const char *part) {
    uint32_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

static void whoever_finds_no_broker_gives_up_after_its_time_with_code_5(void **state) {
    struct sandbox *box = *state;
    const char *nobody = sandbox_endpoint(box, "nobody");
    const char *const endpoints[] = {nobody, "tcp://127.0.0.1:1", "tcp://no.such.host.invalid:1"};
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        struct program *worker = program_run(box, 5, "wherry-worker", "--broker", endpoints[i],
                                             "--connect-timeout", "300ms", NULL);
        const char *said = program_stderr(worker);
        assert_int_equal(count(said, "level=error"), 1);
        assert_int_equal(count(said, "level=warn"), 0);
        assert_int_equal(count(said, "no broker within --connect-timeout"), 1);
        assert_int_equal(count(said, endpoints[i]), 2); /* at its start, and at its end */
    }
}

static void a_host_that_does_not_exist_is_the_cause(void **state) {
    const char *nowhere =
        "tcp://sixty-four-characters-and-more-are-no-label-of-any-name-on-this-earth:7380";
    struct program *worker = program_run(*state, 5, "wherry-worker", "--broker", nowhere,
                                         "--connect-timeout", "300ms", NULL);
    assert_int_equal(count(program_stderr(worker), "does not resolve"), 1);
}

static void whoever_waits_says_so_in_one_line(void **state) {
    struct sandbox *box = *state;
    struct program *worker = program_run(box, 5, "wherry-worker", "--broker", "tcp://127.0.0.1:1",
                                         "--connect-timeout", "4", NULL);
    assert_int_equal(count(program_stderr(worker), "no broker yet"), 1);
}

static void whoever_had_a_broker_waits_for_it_for_ever(void **state) {
    struct sandbox *box = *state;
    const char *endpoint = sandbox_endpoint(box, "stub");
    struct stub *stub = stub_open(box, endpoint);
    struct program *worker = program_start(box, "wherry-worker", "--broker", endpoint,
                                           "--processes", "1", "--connect-timeout", "2", NULL);
    int64_t past_us = clock_mono_us() + 2200000;
    stub_gather(stub, 1);
    stub_close(&stub);
    program_wait_line(worker, "lost the broker");
    while (clock_mono_us() < past_us) {
        assert_true(program_running(worker));
        sandbox_pause(box, "the connect time-out is over");
    }
    stub = stub_open(box, endpoint);
    stub_gather(stub, 1);
    assert_int_equal(program_stop(worker), 0);
    stub_close(&stub);
}

/* A listener on a free port. */
static int listen_somewhere(struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

/* As a proxy does whose broker is down. Host and process try about eight times each in two seconds;
 * without growing pauses it was two hundred times. */
static void whoever_hangs_up_is_called_ever_more_rarely(void **state) {
    struct sandbox *box = *state;
    struct sockaddr_in address;
    char endpoint[64];
    uint32_t calls = 0;
    int fd = listen_somewhere(&address);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    struct program *worker = program_start(box, "wherry-worker", "--broker", endpoint,
                                           "--processes", "1", "--connect-timeout", "2", NULL);
    while (program_running(worker)) {
        struct pollfd item = {fd, POLLIN, 0};
        if (poll(&item, 1, 20) > 0) {
            close(accept(fd, NULL, NULL));
            calls++;
        }
        assert_true(sandbox_left_ms(box) > 0);
    }
    close(fd);
    assert_int_equal(program_wait_exit(worker), 5);
    assert_in_range(calls, 4, 30);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        TEST(whoever_finds_no_broker_gives_up_after_its_time_with_code_5),
        TEST(a_host_that_does_not_exist_is_the_cause),
        TEST(whoever_waits_says_so_in_one_line),
        TEST(whoever_had_a_broker_waits_for_it_for_ever),
        TEST(whoever_hangs_up_is_called_ever_more_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
