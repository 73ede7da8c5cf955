/* SPDX-License-Identifier: MIT
 *
 * Tasks through the broker program, with client, host and child made by hand: bytes arrive as they
 * were sent, and a broker that goes down waits for what is out. */
#include "tests/integration/broker/peer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = 1000, CHILD = 2000, CLIENT = 3000 };

struct scene {
    struct sandbox *box;
    struct broker *broker;
    struct peer *host;
    struct peer *child;
    struct peer *client;
    struct wire_deliver deliver; /* of the task that is out */
    struct wire_deliver_item item;
    struct bytes payload;        /* as delivered */
};

static struct scene scene_open(void **state, const char *grace) {
    struct scene scene = {.box = *state};
    scene.broker = broker_start(scene.box, "--grace", grace, NULL);
    scene.host = peer_host(scene.box, scene.broker->endpoint, HOST, "echo");
    scene.child = peer_child(scene.box, scene.broker->endpoint, CHILD, HOST);
    scene.client = peer_join(scene.box, scene.broker->tcp_endpoint, CLIENT);
    return scene;
}

static void scene_close(struct scene *scene) {
    peer_close(&scene->host);
    peer_close(&scene->child);
    peer_close(&scene->client);
    bytes_free(&scene->payload);
}

/* Submits one task and takes it as the child. */
static void deliver_one(struct scene *scene, uint64_t number, struct wire_part payload) {
    peer_submit(scene->client, number, "echo", payload);
    const struct wire_message *message = peer_expect(scene->child, WIRE_DELIVER);
    scene->item = (struct wire_deliver_item){0};
    assert_int_equal(wire_get_deliver(message, &scene->deliver), WHERRY_OK);
    struct wire_items items = scene->deliver.items;
    assert_true(wire_next_deliver(&items, &scene->item));
    bytes_clear(&scene->payload);
    bytes_append(&scene->payload, scene->item.payload.data, scene->item.payload.size);
    scene->item.payload = bytes_span(&scene->payload);
}

static void answer_one(struct scene *scene) {
    peer_answer(scene->child, scene->deliver.epoch, &scene->item, scene->deliver.first_counter);
}

static void expect_result(struct scene *scene, uint64_t number, struct wire_part payload) {
    struct wire_result result;
    struct wire_result_item item;
    const struct wire_message *message = peer_expect(scene->client, WIRE_RESULT);
    assert_int_equal(wire_get_result(message, &result), WHERRY_OK);
    assert_true(wire_next_result(&result.items, &item));
    assert_int_equal(item.number, number);
    assert_int_equal(item.status, WIRE_DONE);
    assert_int_equal(item.payload.size, payload.size);
    assert_memory_equal(item.payload.data, payload.data, payload.size);
}

static void payloads_of_every_size_come_back_as_they_were(void **state) {
    static const size_t sizes[] = {1, 100, 1024, 1025, WIRE_INLINE_MAX, WIRE_INLINE_MAX + 1,
                                   1 << 20, 20 << 20};
    struct scene scene = scene_open(state, "10");
    uint8_t *bytes = malloc(20 << 20);
    for (size_t i = 0; i < (20 << 20); i++) {
        bytes[i] = (uint8_t)(i * 131 >> 3);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct wire_part payload = {.data = bytes, .size = sizes[i]};
        deliver_one(&scene, i + 1, payload);
        answer_one(&scene);
        expect_result(&scene, i + 1, payload);
    }
    free(bytes);
    scene_close(&scene);
}

static bool is_draining(void *context) {
    struct scene *scene = context;
    struct http_answer answer = http_get(scene->box, scene->broker->http_port, "/readyz");
    return answer.status == 503 && strstr(answer.body, "\"failing\":\"draining\"") != NULL;
}

static void a_drain_waits_for_what_is_out_and_ends_with_0(void **state) {
    struct wire_part payload = {.data = "x", .size = 1};
    struct scene scene = scene_open(state, "60");
    deliver_one(&scene, 1, payload);
    program_signal(scene.broker->program, SIGTERM);
    sandbox_wait(scene.box, "readiness to name the drain", is_draining, &scene);
    assert_true(program_running(scene.broker->program));
    answer_one(&scene);
    expect_result(&scene, 1, payload);
    assert_int_equal(program_wait_exit(scene.broker->program), 0);
    scene_close(&scene);
}

static void a_drain_takes_no_new_task(void **state) {
    struct wire_answered answered;
    struct wire_part payload = {.data = "x", .size = 1};
    struct scene scene = scene_open(state, "60");
    deliver_one(&scene, 1, payload);
    program_signal(scene.broker->program, SIGTERM);
    program_wait_line(scene.broker->program, "msg=draining");
    peer_submit(scene.client, 2, "echo", payload);
    const struct wire_message *message = peer_expect(scene.client, WIRE_ANSWERED);
    assert_int_equal(wire_get_answered(message, &answered), WHERRY_OK);
    assert_int_equal(answered.number, 2);
    assert_int_equal(answered.err, WHERRY_E_DRAINING);
    scene_close(&scene);
}

static void a_drain_that_outlasts_its_grace_ends_with_8(void **state) {
    struct scene scene = scene_open(state, "200ms");
    deliver_one(&scene, 1, (struct wire_part){.data = "x", .size = 1});
    assert_int_equal(program_stop(scene.broker->program), 8);
    assert_true(program_said(scene.broker->program, "the grace time is over"));
    scene_close(&scene);
}

static void a_second_signal_ends_at_once_with_8(void **state) {
    struct scene scene = scene_open(state, "60");
    deliver_one(&scene, 1, (struct wire_part){.data = "x", .size = 1});
    program_signal(scene.broker->program, SIGTERM);
    program_wait_line(scene.broker->program, "msg=draining");
    assert_int_equal(program_stop(scene.broker->program), 8);
    scene_close(&scene);
}

static void a_full_queue_is_said_and_counted(void **state) {
    struct wire_answered answered;
    struct broker *broker = broker_start(*state, "--queue", "default:max=1", NULL);
    struct peer *client = peer_join(*state, broker->endpoint, CLIENT);
    peer_submit(client, 1, "nobody", (struct wire_part){.data = "x", .size = 1});
    peer_submit(client, 2, "nobody", (struct wire_part){.data = "x", .size = 1});
    const struct wire_message *message = peer_expect(client, WIRE_ANSWERED);
    assert_int_equal(wire_get_answered(message, &answered), WHERRY_OK);
    assert_int_equal(answered.number, 2);
    assert_int_equal(answered.err, WHERRY_E_FULL);
    struct http_answer page = http_get(*state, broker->http_port, "/metrics");
    assert_true(metric_value(page.body, "wherry_queue_tasks{queue=\"default\"}") == 1);
    assert_true(metric_value(page.body, "wherry_refusals_total{reason=\"full\"}") == 1);
    assert_true(metric_value(page.body, "wherry_tasks_submitted_total") == 1);
    peer_close(&client);
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOX_TEST(payloads_of_every_size_come_back_as_they_were),
        BOX_TEST(a_drain_waits_for_what_is_out_and_ends_with_0),
        BOX_TEST(a_drain_takes_no_new_task),
        BOX_TEST(a_drain_that_outlasts_its_grace_ends_with_8),
        BOX_TEST(a_second_signal_ends_at_once_with_8),
        BOX_TEST(a_full_queue_is_said_and_counted),
    };
    return cmocka_run_group_tests_name("broker and tasks", tests, NULL, NULL);
}
