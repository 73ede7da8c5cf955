/* SPDX-License-Identifier: MIT
 *
 * The program wherry-broker: flags, signals, health, metrics, service manager. */
#include "tests/integration/broker/peer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

static void wrong_flags_end_with_2_and_one_line(void **state) {
    static const struct {
        const char *flag;
        const char *value;
        const char *cause;
    } wrong[] = {
        {"--listn", "x", "did you mean --listen?"},
        {"--listen", "127.0.0.1:7380", "tcp://HOST:PORT or ipc:///PATH"},
        {"--listen", "tcp://127.0.0.1:99999", "no port"},
        {"--listen", "tcp://0.0.0.0:7380", "--insecure"},
        {"--listen", "tcp://*:7380", "--insecure"},
        {"--listen", "tcp://[::]:7380", "--insecure"},
        {"--listen", "tcp://example.org:7380", "--insecure"},
        {"--listen", "ipc://relative", "absolute path"},
        {"--http", "127.0.0.1", "ADDR:PORT"},
        {"--http", "0.0.0.0:7381", "--insecure"},
        {"--store", "redis:/tmp/x", "there is lmdb: (lmdb:DIR, a folder on a local disk), memory:"},
        {"--store", "lmdb:", "needs a folder"},
        {"--store", "memory:x", "takes nothing behind it"},
        {"--memory-limit", "much", "not a size"},
        {"--memory-limit", "4K", "at least"},
        {"--queue", "jobs", "max=1000"},
        {"--queue", "jobs:max=0", "above 0"},
        {"--queue", "jobs:mx=5", "did you mean max=?"},
        {"--queue", "jobs:max=5,max=6", "said twice"},
        {"--queue", "a/b:max=1", "a queue's name"},
        {"--grace", "-1", "not a time"},
        {"--log", "loud", "a level is"},
        {"extra", NULL, "unexpected argument"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct program *program =
            program_run(*state, 2, "wherry-broker", wrong[i].flag, wrong[i].value, NULL);
        const char *text = program_stderr(program);
        assert_int_equal(count_lines(text), 1);
        if (strstr(text, wrong[i].cause) == NULL) {
            fail_msg("%s %s: %s", wrong[i].flag, wrong[i].value, text);
        }
    }
}

static void too_few_descriptors_end_with_5_and_one_line(void **state) {
    struct sandbox *box = *state;
    const char *endpoint = sandbox_endpoint(box, "few");
    for (int few = 6; few <= 63; few += 19) {
        char command[512];
        snprintf(command, sizeof command,
                 "ulimit -n %d && "
                 "exec \"$WHERRY_BIN\"/wherry-broker --http off --store memory: --listen %s",
                 few, endpoint);
        struct program *program = program_run(box, 5, "/bin/sh", "-c", command, NULL);
        assert_int_equal(count_lines(program_stderr(program)), 1);
        assert_non_null(strstr(program_stderr(program), "ulimit -n"));
    }
}

static void help_and_version_end_with_0(void **state) {
    struct program *help = program_run(*state, 0, "wherry-broker", "--help", NULL);
    assert_non_null(strstr(program_stdout(help), "Examples:"));
    struct program *version = program_run(*state, 0, "wherry-broker", "--version", NULL);
    assert_non_null(strstr(program_stdout(version), "wherry-broker 0."));
}

static void a_memory_store_is_said_loudly(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    assert_true(program_said(broker->program,
                             "level=warn prog=wherry-broker msg=\"store is memory: nothing "
                             "survives a restart\""));
}

static void health_readiness_and_metrics_answer(void **state) {
    struct broker *broker = broker_start(*state, "--queue", "jobs:max=5,bytes=1K", NULL);
    uint16_t port = broker->http_port;
    assert_int_equal(http_get(*state, port, "/healthz").status, 200);
    struct http_answer ready = http_get(*state, port, "/readyz");
    assert_int_equal(ready.status, 200);
    assert_non_null(strstr(ready.body, "\"ready\":true"));
    assert_int_equal(http_get(*state, port, "/nothing").status, 404);
    struct peer *peer = peer_join(*state, broker->endpoint, 1);
    struct http_answer page = http_get(*state, port, "/metrics");
    assert_int_equal(page.status, 200);
    assert_true(metric_value(page.body, "wherry_sessions{peer=\"client\"}") == 1);
    assert_true(metric_value(page.body, "wherry_queue_items_max{queue=\"jobs\"}") == 5);
    assert_true(metric_value(page.body, "wherry_step_seconds_count") >= 1);
    assert_true(metric_value(page.body, "wherry_messages_total{direction=\"in\"}") >= 1);
    assert_true(metric_value(page.body, "process_open_fds") > 3);
    peer_close(&peer);
}

static void idle_http_connections_keep_no_health_check_out(void **state) {
    enum { IDLE = 200 };
    int idle[IDLE];
    char address[64];
    struct broker *broker = broker_start(*state, NULL);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", broker->http_port);
    for (int i = 0; i < IDLE; i++) {
        idle[i] = stranger_connect(*state, address);
    }
    assert_int_equal(http_get(*state, broker->http_port, "/healthz").status, 200);
    for (int i = 0; i < IDLE; i++) {
        assert_int_equal(send(idle[i], "GET", 3, MSG_NOSIGNAL), 3); /* none was cut off */
        close(idle[i]);
    }
}

static bool is_not_ready(void *context) {
    struct broker *broker = context;
    struct http_answer answer = http_get(broker->program->box, broker->http_port, "/readyz");
    return answer.status == 503 || answer.status == 0;
}

static void sigterm_drains_and_ends_with_0(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    struct peer *peer = peer_join(*state, broker->endpoint, 1);
    assert_int_equal(program_stop(broker->program), 0);
    assert_true(program_said(broker->program, "msg=draining"));
    assert_int_equal(access(broker->endpoint + strlen("ipc://"), F_OK), -1);
    assert_int_equal(access(sandbox_path(*state, "broker.lock"), F_OK), -1);
    assert_true(is_not_ready(broker));
    peer_close(&peer);
}

static void other_signals_do_not_disturb(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    struct peer *peer = peer_join(*state, broker->endpoint, 1);
    program_signal(broker->program, SIGHUP);
    program_wait_line(broker->program, "SIGHUP");
    size_t before = strlen(program_stderr(broker->program));
    program_signal(broker->program, SIGUSR1);
    while (strlen(program_stderr(broker->program)) == before) {
        sandbox_pause(*state, "the dump");
    }
    peer_check_served(peer);
    peer_close(&peer);
}

static void a_broker_that_was_stopped_pushes_leases_out(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    struct peer *peer = peer_join(*state, broker->endpoint, 1);
    int64_t until_ms = sandbox_left_ms(*state) - 1600;
    program_signal(broker->program, SIGSTOP);
    while (sandbox_left_ms(*state) > until_ms) {
        sandbox_pause(*state, "a second and a half to pass");
    }
    program_signal(broker->program, SIGCONT);
    program_wait_line(broker->program, "the loop stood still");
    peer_check_served(peer);
    peer_close(&peer);
}

/* A service manager's socket: datagrams into one text. */
static int manager_open(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void manager_wait(struct sandbox *box, int fd, const char *text) {
    char heard[1024];
    for (;;) {
        ssize_t size = recv(fd, heard, sizeof heard - 1, 0);
        if (size > 0) {
            heard[size] = '\0';
            if (strstr(heard, text) != NULL) {
                return;
            }
        } else {
            sandbox_pause(box, text);
        }
    }
}

static void the_service_manager_is_told(void **state) {
    char variable[160];
    const char *path = sandbox_path(*state, "notify");
    int fd = manager_open(path);
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", path);
    const char *environment[] = {variable, "WATCHDOG_USEC=400000", NULL};
    const char *arguments[] = {"--listen", sandbox_endpoint(*state, "b"), "--http", "off",
                               "--store", "memory:", NULL};
    struct program *program =
        program_start_with(*state, "wherry-broker", arguments, environment, NULL);
    manager_wait(*state, fd, "READY=1");
    manager_wait(*state, fd, "WATCHDOG=1");
    manager_wait(*state, fd, "WATCHDOG=1");
    program_signal(program, SIGTERM);
    manager_wait(*state, fd, "STOPPING=1");
    assert_int_equal(program_wait_exit(program), 0);
    close(fd);
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOX_TEST(wrong_flags_end_with_2_and_one_line),
        BOX_TEST(too_few_descriptors_end_with_5_and_one_line),
        BOX_TEST(help_and_version_end_with_0),
        BOX_TEST(a_memory_store_is_said_loudly),
        BOX_TEST(health_readiness_and_metrics_answer),
        BOX_TEST(idle_http_connections_keep_no_health_check_out),
        BOX_TEST(sigterm_drains_and_ends_with_0),
        BOX_TEST(other_signals_do_not_disturb),
        BOX_TEST(a_broker_that_was_stopped_pushes_leases_out),
        BOX_TEST(the_service_manager_is_told),
    };
    return cmocka_run_group_tests_name("broker program", tests, NULL, NULL);
}
