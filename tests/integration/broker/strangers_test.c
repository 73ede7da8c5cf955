/* SPDX-License-Identifier: MIT
 *
 * What strangers send, and that a well-behaved peer goes on meanwhile. */
#include "tests/integration/broker/peer.h"

#include "common/rng.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scene {
    struct sandbox *box;
    struct broker *broker;
    struct peer *good;
};

static struct scene scene_open(void **state) {
    struct scene scene = {.box = *state};
    scene.broker = broker_start(scene.box, NULL);
    scene.good = peer_join(scene.box, scene.broker->endpoint, 1);
    return scene;
}

static void scene_close(struct scene *scene) {
    peer_check_served(scene->good);
    peer_close(&scene->good);
    assert_int_equal(program_stop(scene->broker->program), 0);
}

static void random_bytes_on_the_port_disturb_nobody(void **state) {
    struct scene scene = scene_open(state);
    struct rng rng;
    uint64_t noise[256];
    rng_init(&rng, 4711);
    for (int round = 0; round < 30; round++) {
        int fd = stranger_connect(scene.box, scene.broker->tcp_endpoint);
        for (size_t i = 0; i < 256; i++) {
            noise[i] = rng_next(&rng);
        }
        stranger_say(fd, noise, rng_below(&rng, sizeof noise));
        peer_check_served(scene.good);
        close(fd);
    }
    scene_close(&scene);
}

static void truncated_handshakes_disturb_nobody(void **state) {
    struct scene scene = scene_open(state);
    for (size_t size = 1; size < sizeof zmtp_greeting; size += 3) {
        int fd = stranger_connect(scene.box, scene.broker->tcp_endpoint);
        stranger_say(fd, zmtp_greeting, size);
        close(fd);
    }
    for (size_t size = 1; size < zmtp_ready_size; size++) {
        int fd = stranger_connect(scene.box, scene.broker->tcp_endpoint);
        stranger_say(fd, zmtp_greeting, sizeof zmtp_greeting);
        stranger_say(fd, zmtp_ready, size);
        close(fd);
    }
    scene_close(&scene);
}

static void a_silent_stranger_is_dropped(void **state) {
    struct scene scene = scene_open(state);
    int fd = stranger_connect(scene.box, scene.broker->tcp_endpoint);
    stranger_wait_closed(scene.box, fd); /* by the time-out of the handshake */
    scene_close(&scene);
}

/* A frame header that claims 8 GiB, at three stages of a connection. */
static void claims_of_8_gib_reserve_nothing(void **state) {
    static const uint8_t claim[9] = {0x02, 0, 0, 0, 2, 0, 0, 0, 0};
    static const uint8_t old_claim[10] = {0xff, 0, 0, 0, 2, 0, 0, 0, 0, 0};
    struct scene scene = scene_open(state);
    pid_t pid = scene.broker->program->pid;
    uint64_t before = proc_memory_bytes(pid, "VmSize:");
    for (int stage = 0; stage < 3; stage++) {
        int fd = stranger_connect(scene.box, scene.broker->tcp_endpoint);
        if (stage > 0) {
            stranger_say(fd, zmtp_greeting, sizeof zmtp_greeting);
        }
        if (stage > 1) {
            stranger_say(fd, zmtp_ready, zmtp_ready_size);
        }
        const void *bytes = stage > 0 ? claim : old_claim;
        stranger_say(fd, bytes, stage > 0 ? sizeof claim : sizeof old_claim);
        stranger_wait_closed(scene.box, fd);
        peer_check_served(scene.good);
    }
    assert_true(proc_memory_bytes(pid, "VmSize:") < before + (UINT64_C(1) << 30));
    scene_close(&scene);
}

static void expect_refusal(struct peer *peer) {
    struct wire_refused refused;
    assert_int_equal(wire_get_refused(peer_expect(peer, WIRE_REFUSED), &refused), WHERRY_OK);
    assert_int_equal(refused.err, WHERRY_E_PROTOCOL);
    assert_true(refused.text.size > 0);
}

static void malformed_messages_are_refused_with_words(void **state) {
    static const uint8_t bomb[] = {0xdd, 0x0f, 0xff, 0xff, 0xff};  /* a list of 268 million */
    static const uint8_t behind[] = {0x91, 0x03, 0x00};            /* BEAT and a byte behind it */
    static const uint8_t unknown[] = {0x92, 0xcd, 0x03, 0xe7, 0x01};
    static const uint8_t brokers[] = {0x92, 0x2c, 0x01};           /* BEAT_OK */
    const struct span frames[] = {
        {NULL, 0},
        span_of_text("GET / HTTP/1.1"),
        {bomb, sizeof bomb},
        {behind, sizeof behind},
        {unknown, sizeof unknown},
        {brokers, sizeof brokers},
    };
    struct scene scene = scene_open(state);
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct peer *bad = peer_open(scene.box, scene.broker->tcp_endpoint);
        peer_send_frames(bad, &frames[i], 1);
        expect_refusal(bad);
        peer_close(&bad);
        peer_check_served(scene.good);
    }
    scene_close(&scene);
}

static void too_many_frames_are_refused(void **state) {
    struct span frames[WIRE_FRAMES_MAX + 5];
    struct scene scene = scene_open(state);
    struct peer *bad = peer_open(scene.box, scene.broker->tcp_endpoint);
    for (size_t i = 0; i < WIRE_FRAMES_MAX + 5; i++) {
        frames[i] = span_of_text("\x91\x03");
    }
    peer_send_frames(bad, frames, WIRE_FRAMES_MAX + 5);
    expect_refusal(bad);
    peer_close(&bad);
    scene_close(&scene);
}

static void a_frame_that_nobody_names_is_refused(void **state) {
    const struct span frames[] = {span_of_text("\x91\x03"), span_of_text("what is this?")};
    struct scene scene = scene_open(state);
    struct peer *bad = peer_open(scene.box, scene.broker->tcp_endpoint);
    peer_send_frames(bad, frames, 2);
    expect_refusal(bad);
    peer_close(&bad);
    scene_close(&scene);
}

static void a_malformed_message_ends_its_own_session_only(void **state) {
    struct scene scene = scene_open(state);
    struct peer *bad = peer_join(scene.box, scene.broker->tcp_endpoint, 2);
    struct span frame = span_of_text("nonsense");
    peer_send_frames(bad, &frame, 1);
    expect_refusal(bad);
    peer_close(&bad);
    scene_close(&scene);
}

static void a_version_of_the_future_is_refused_with_words(void **state) {
    struct scene scene = scene_open(state);
    struct peer *future = peer_open(scene.box, scene.broker->tcp_endpoint);
    peer_hello(future, 3, WIRE_VERSION_MAX + 1, WIRE_VERSION_MAX + 2);
    expect_refusal(future);
    peer_close(&future);
    struct peer *both = peer_open(scene.box, scene.broker->tcp_endpoint);
    peer_hello(both, 4, WIRE_VERSION_MIN, WIRE_VERSION_MAX + 2);
    peer_expect(both, WIRE_HELLO_OK);
    peer_close(&both);
    scene_close(&scene);
}

static void an_unknown_peer_is_asked_for_its_hello(void **state) {
    struct wire_out out;
    struct scene scene = scene_open(state);
    struct peer *peer = peer_open(scene.box, scene.broker->tcp_endpoint);
    wire_out_init(&out);
    wire_put_plain(&out, WIRE_BEAT, 0);
    peer_send(peer, &out);
    peer_expect(peer, WIRE_HELLO_REQUIRED);
    wire_out_fini(&out);
    peer_close(&peer);
    scene_close(&scene);
}

static void a_peer_that_never_reads_disturbs_nobody(void **state) {
    enum { BEATS = 100000 };
    static const uint8_t beat[] = {0x91, WIRE_BEAT};
    const struct span frame = {beat, sizeof beat};
    struct scene scene = scene_open(state);
    struct peer *deaf = peer_join(scene.box, scene.broker->tcp_endpoint, 2);
    for (int i = 0; i < BEATS; i++) {
        peer_send_frames(deaf, &frame, 1);
        if (i % 10000 == 0) {
            peer_check_served(scene.good);
        }
    }
    peer_check_served(scene.good);
    assert_true(proc_memory_bytes(scene.broker->program->pid, "VmRSS:") < (UINT64_C(1) << 30));
    peer_close(&deaf);
    scene_close(&scene);
}

static bool few_routes(void *context) {
    struct scene *scene = context;
    struct http_answer page = http_get(scene->box, scene->broker->http_port, "/metrics");
    return metric_value(page.body, "wherry_routes") == 1;
}

static void closed_connections_are_noticed_within_seconds(void **state) {
    struct scene scene = scene_open(state);
    for (uint64_t i = 0; i < 20; i++) {
        struct peer *peer = peer_join(scene.box, scene.broker->tcp_endpoint, 100 + i);
        peer_close(&peer);
    }
    sandbox_wait(scene.box, "the routes of closed connections to go", few_routes, &scene);
    scene_close(&scene);
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOX_TEST(random_bytes_on_the_port_disturb_nobody),
        BOX_TEST(truncated_handshakes_disturb_nobody),
        BOX_TEST(a_silent_stranger_is_dropped),
        BOX_TEST(claims_of_8_gib_reserve_nothing),
        BOX_TEST(malformed_messages_are_refused_with_words),
        BOX_TEST(too_many_frames_are_refused),
        BOX_TEST(a_frame_that_nobody_names_is_refused),
        BOX_TEST(a_malformed_message_ends_its_own_session_only),
        BOX_TEST(a_version_of_the_future_is_refused_with_words),
        BOX_TEST(an_unknown_peer_is_asked_for_its_hello),
        BOX_TEST(a_peer_that_never_reads_disturbs_nobody),
        BOX_TEST(closed_connections_are_noticed_within_seconds),
    };
    return cmocka_run_group_tests_name("broker and strangers", tests, NULL, NULL);
}
