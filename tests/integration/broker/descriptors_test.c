/* SPDX-License-Identifier: MIT
 *
 * A machine that denies: no file descriptor is left, or the disk is read-only. Nobody who is served
 * suffers from the first; the second is refused in words. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LIMIT = 96, STRANGERS = 200 };

static struct program *broker_with_few(struct sandbox *box, const char *endpoint) {
    char command[512];
    snprintf(command, sizeof command,
             "ulimit -n %d && exec \"$WHERRY_BIN\"/wherry-broker --listen %s --http off --store "
             "memory:",
             LIMIT, endpoint);
    struct program *broker = program_start(box, "/bin/sh", "-c", command, NULL);
    program_wait_line(broker, "msg=ready");
    return broker;
}

static int stranger(const char *endpoint) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", endpoint + strlen("ipc://"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd); /* its backlog is full for now */
        return -1;
    }
    return fd;
}

/* Strangers take every descriptor; whoever was there before is served, and new ones are when the
 * strangers have gone. */
static void strangers_that_take_every_descriptor_end_nothing(void **state) {
    struct sandbox *box = *state;
    const char *endpoint = sandbox_endpoint(box, "few");
    struct program *broker = broker_with_few(box, endpoint);
    worker_start(box, endpoint, "--processes", "1", NULL);
    struct program *served = program_start(box, "wherry", "submit", "--broker", endpoint, "--wait",
                                           "wherry.sleep", "3", NULL);
    int strangers[STRANGERS];
    for (size_t i = 0; i < STRANGERS; i++) {
        strangers[i] = stranger(endpoint);
    }
    program_wait_line(broker, "no file descriptor is left");
    assert_int_equal(program_wait_exit(served), 0);
    assert_true(program_running(broker));
    for (size_t i = 0; i < STRANGERS; i++) {
        if (strangers[i] >= 0) {
            close(strangers[i]);
        }
    }
    program_run(box, 0, "wherry", "submit", "--broker", endpoint, "--wait", "wherry.echo", "1",
                NULL);
    assert_int_equal(program_stop(broker), 0);
}

/* In a mount namespace of its own. */
static struct program *on_read_only_disk(struct sandbox *box, const char *arguments) {
    char command[512];
    sandbox_need_mounts(box);
    const char *disk = sandbox_path(box, "disk");
    snprintf(command, sizeof command,
             "mkdir -p %s && mount -t tmpfs none %s && mount -o remount,ro %s || exit 99; "
             "exec \"$WHERRY_BIN\"/wherry-broker %s",
             disk, disk, disk, arguments);
    return program_start(box, "/usr/bin/unshare", "-rm", "sh", "-c", command, NULL);
}

static void expect_refused(struct program *program) {
    assert_int_equal(program_wait_exit(program), 5);
    if (strstr(program_stderr(program), "Read-only file system") == NULL) {
        fail_msg("it says %s", program_stderr(program));
    }
}

static void a_store_on_a_read_only_disk_is_refused_in_words(void **state) {
    char arguments[256];
    snprintf(arguments, sizeof arguments, "--listen %s --http off --store lmdb:%s/store",
             sandbox_endpoint(*state, "b"), sandbox_path(*state, "disk"));
    expect_refused(on_read_only_disk(*state, arguments));
}

static void a_backup_to_a_read_only_disk_is_refused_in_words(void **state) {
    char arguments[256];
    struct sandbox *box = *state;
    char url[SANDBOX_PATH_SIZE + 16];
    snprintf(url, sizeof url, "lmdb:%s", sandbox_path(box, "store"));
    struct broker *broker = broker_start(box, "--store", url, NULL);
    snprintf(arguments, sizeof arguments, "--store %s --backup %s/copy", url,
             sandbox_path(box, "disk"));
    expect_refused(on_read_only_disk(box, arguments));
    assert_true(program_running(broker->program));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(strangers_that_take_every_descriptor_end_nothing),
        TEST(a_store_on_a_read_only_disk_is_refused_in_words),
        TEST(a_backup_to_a_read_only_disk_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
