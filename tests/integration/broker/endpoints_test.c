/* SPDX-License-Identifier: MIT
 *
 * Endpoints: many at once, taken ones, left-over ones. */
#include "tests/integration/broker/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void every_endpoint_is_served(void **state) {
    struct broker *broker = broker_start(
        *state, "--listen", sandbox_endpoint(*state, "second"), "--listen", "tcp://127.0.0.1:*",
        "--listen", sandbox_endpoint(*state, "third"), NULL);
    const char *endpoints[] = {broker->endpoint, broker->tcp_endpoint,
                               sandbox_endpoint(*state, "second"),
                               sandbox_endpoint(*state, "third")};
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        struct peer *peer = peer_join(*state, endpoints[i], i + 1);
        peer_check_served(peer);
        peer_close(&peer);
    }
}

static void assert_taken(struct sandbox *box, const char *listen, const char *http) {
    struct program *second =
        program_run(box, 5, "wherry-broker", "--listen", listen, "--http", http, "--store",
                    "memory:", NULL);
    const char *text = program_stderr(second);
    assert_non_null(strstr(text, "wherry-broker: cannot "));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

static void a_second_broker_on_a_taken_endpoint_ends_with_5(void **state) {
    char http[32];
    struct broker *broker = broker_start(*state, NULL);
    struct peer *peer = peer_join(*state, broker->endpoint, 1);
    assert_taken(*state, broker->tcp_endpoint, "off");
    assert_taken(*state, broker->endpoint, "off");
    snprintf(http, sizeof http, "127.0.0.1:%u", (unsigned)broker->http_port);
    assert_taken(*state, sandbox_endpoint(*state, "free"), http);
    peer_check_served(peer); /* the ipc socket is still the first one's */
    struct peer *late = peer_join(*state, broker->endpoint, 2);
    peer_close(&late);
    peer_close(&peer);
}

static void an_ipc_path_without_its_folder_ends_with_5(void **state) {
    assert_taken(*state, sandbox_endpoint(*state, "no/such"), "off");
}

static void a_file_in_the_way_of_an_ipc_path_is_not_removed(void **state) {
    const char *path = sandbox_write(*state, "precious", "data", 4);
    assert_taken(*state, sandbox_endpoint(*state, "precious"), "off");
    assert_int_equal(access(path, F_OK), 0);
}

static void a_killed_broker_leaves_nothing_that_stops_the_next(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    broker_restart(broker);
    struct peer *peer = peer_join(*state, broker->endpoint, 1);
    peer_check_served(peer);
    peer_close(&peer);
    assert_int_equal(program_stop(broker->program), 0);
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOX_TEST(every_endpoint_is_served),
        BOX_TEST(a_second_broker_on_a_taken_endpoint_ends_with_5),
        BOX_TEST(an_ipc_path_without_its_folder_ends_with_5),
        BOX_TEST(a_file_in_the_way_of_an_ipc_path_is_not_removed),
        BOX_TEST(a_killed_broker_leaves_nothing_that_stops_the_next),
    };
    return cmocka_run_group_tests_name("broker endpoints", tests, NULL, NULL);
}
