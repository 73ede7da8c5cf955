/* SPDX-License-Identifier: MIT
 *
 * A disk that is full (rules §1.4): new work is refused, what was accepted is carried out, and with
 * space new work is taken again within a second. The disk is a small tmpfs in a mount namespace of
 * the broker's own; where such a namespace cannot be made the tests are skipped. */
#include "tests/support/support.h"

#include "client/include/wherry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASK_BYTES = 300000, TASKS_MAX = 200, WAIT_MS = 30000 };

struct scene {
    struct sandbox *box;
    struct program *broker;
    uint16_t http_port;
    const char *endpoint;
    wherry_connection *connection;
    wherry_pool *pool;
    wherry_async *calls[TASKS_MAX];
    size_t call_count;
    uint8_t bytes[TASK_BYTES];
};

/* The port of `http=127.0.0.1:N` in the log. */
static uint16_t http_port_of(struct program *broker) {
    const char *at = strstr(program_stderr(broker), "http=127.0.0.1:");
    assert_non_null(at);
    return (uint16_t)strtoul(at + strlen("http=127.0.0.1:"), NULL, 10);
}

static struct scene *scene_open(struct sandbox *box) {
    struct scene *scene = calloc(1, sizeof *scene);
    char command[512];
    const char *disk = sandbox_path(box, "disk");
    assert_non_null(scene);
    scene->box = box;
    scene->endpoint = sandbox_endpoint(box, "b");
    snprintf(command, sizeof command,
             "mkdir %s && mount -t tmpfs -o size=24M none %s && exec \"$WHERRY_BIN\"/wherry-broker "
             "--listen %s --http 127.0.0.1:0 --store 'lmdb:%s/store?reserve=4M'",
             disk, disk, scene->endpoint, disk);
    scene->broker = program_start(box, "/usr/bin/unshare", "-rm", "sh", "-c", command, NULL);
    program_wait_line(scene->broker, "msg=ready");
    scene->http_port = http_port_of(scene->broker);
    assert_int_equal(wherry_connect(scene->endpoint, NULL, &scene->connection), WHERRY_OK);
    assert_int_equal(wherry_pool_open(scene->connection, NULL, &scene->pool), WHERRY_OK);
    return scene;
}

static void scene_close(struct scene *scene) {
    for (size_t i = 0; i < scene->call_count; i++) {
        wherry_async_release(&scene->calls[i]);
    }
    wherry_pool_release(&scene->pool);
    wherry_connection_release(&scene->connection);
    free(scene);
}

/* Submits one and waits until it is accepted, or says why not. */
static wherry_err submit(struct scene *scene) {
    wherry_async **call = &scene->calls[scene->call_count];
    assert_true(scene->call_count < TASKS_MAX);
    assert_int_equal(wherry_pool_apply_async(scene->pool, "wherry.echo", NULL, call, "y",
                                             scene->bytes, sizeof scene->bytes), WHERRY_OK);
    wherry_err err = wherry_async_accepted(*call, WAIT_MS);
    if (err != WHERRY_OK) {
        wherry_async_release(call);
        return err;
    }
    scene->call_count++;
    return WHERRY_OK;
}

static void submit_until_full(struct scene *scene) {
    wherry_err err = WHERRY_OK;
    while (err == WHERRY_OK) {
        err = submit(scene);
    }
    assert_int_equal(err, WHERRY_E_STORE_FULL);
}

static void expect_not_ready(struct scene *scene) {
    struct http_answer answer = http_get(scene->box, scene->http_port, "/readyz");
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "\"failing\":\"store space\""));
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void expect_taken_within_a_second(struct scene *scene) {
    int64_t until_ms = now_ms() + 1000;
    while (submit(scene) != WHERRY_OK) {
        assert_true(now_ms() < until_ms);
        sandbox_pause(scene->box, "new work to be taken again");
    }
}

/* Results are as large as their tasks: they too have to find room. */
static void what_was_accepted_is_carried_out_on_a_full_disk(void **state) {
    sandbox_need_mounts(*state);
    struct scene *scene = scene_open(*state);
    submit_until_full(scene);
    assert_true(scene->call_count > 20);
    expect_not_ready(scene);
    worker_start(*state, scene->endpoint, "--processes", "2", NULL);
    for (size_t i = 0; i < scene->call_count; i++) {
        assert_int_equal(wherry_async_get(scene->calls[i], WAIT_MS, NULL), WHERRY_OK);
    }
    expect_taken_within_a_second(scene);
    assert_int_equal(http_get(*state, scene->http_port, "/readyz").status, 200);
    scene_close(scene);
}

/* Somebody else takes the space, and gives it back. */
static void new_work_is_taken_within_a_second_of_new_space(void **state) {
    sandbox_need_mounts(*state);
    char path[256];
    struct scene *scene = scene_open(*state);
    assert_int_equal(submit(scene), WHERRY_OK);
    snprintf(path, sizeof path, "/proc/%d/root%s/filler", (int)scene->broker->pid,
             sandbox_path(*state, "disk"));
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    while (write(fd, scene->bytes, sizeof scene->bytes) > 0) {
    }
    close(fd);
    submit_until_full(scene);
    expect_not_ready(scene);
    assert_int_equal(unlink(path), 0);
    expect_taken_within_a_second(scene);
    scene_close(scene);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_accepted_is_carried_out_on_a_full_disk),
        TEST(new_work_is_taken_within_a_second_of_new_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
