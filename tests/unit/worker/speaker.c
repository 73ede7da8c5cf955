/* SPDX-License-Identifier: MIT
 *
 * A broker made by hand; see speaker.h. */
#include "tests/unit/worker/speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const uint8_t speaker_store[16] = "a store of tests";

void speaker_init(struct speaker *speaker, struct child *child, struct host *host) {
    memset(speaker, 0, sizeof *speaker);
    speaker->child = child;
    speaker->host = host;
    speaker->epoch = 5;
    speaker->now_us = 1000000;
    wire_out_init(&speaker->out);
    wire_out_init(&speaker->heard);
}

static void speaker_forget(struct speaker *speaker) {
    for (size_t i = 0; i < speaker->heard.part_count; i++) {
        struct wire_part *part = &speaker->heard.parts[i];
        if (part->release != NULL) {
            part->release((void *)(uintptr_t)part->data, part->hint);
        }
    }
    wire_out_clear(&speaker->heard);
}

void speaker_fini(struct speaker *speaker) {
    speaker_forget(speaker);
    wire_out_fini(&speaker->out);
    wire_out_fini(&speaker->heard);
}

void speaker_open(struct speaker *speaker) {
    if (speaker->child != NULL) {
        child_opened(speaker->child, speaker->now_us);
    } else {
        host_opened(speaker->host, speaker->now_us);
    }
}

static bool speaker_hear(struct speaker *speaker) {
    speaker_forget(speaker);
    return speaker->child != NULL ? child_output(speaker->child, speaker->now_us, &speaker->heard)
                                  : host_output(speaker->host, speaker->now_us, &speaker->heard);
}

struct wire_message speaker_message(const struct speaker *speaker) {
    return wire_out_message(&speaker->heard);
}

void speaker_expect(struct speaker *speaker, enum wire_type type) {
    enum wire_type said;
    assert_true(speaker_hear(speaker));
    struct wire_message message = speaker_message(speaker);
    assert_int_equal(wire_type_of(&message, &said), WHERRY_OK);
    assert_string_equal(wire_type_name(said), wire_type_name(type));
}

void speaker_expect_nothing(struct speaker *speaker) {
    assert_false(speaker_hear(speaker));
}

void speaker_tick(struct speaker *speaker, int64_t after_us) {
    speaker->now_us += after_us;
    if (speaker->child != NULL) {
        child_tick(speaker->child, speaker->now_us);
    } else {
        host_tick(speaker->host, speaker->now_us);
    }
}

void speaker_say(struct speaker *speaker) {
    struct wire_message message = wire_out_message(&speaker->out);
    if (speaker->child != NULL) {
        child_input(speaker->child, &message, speaker->now_us);
    } else {
        host_input(speaker->host, &message, speaker->now_us);
    }
    wire_out_clear(&speaker->out);
}

void speaker_hello_ok(struct speaker *speaker) {
    struct wire_hello_ok ok = {.epoch = speaker->epoch,
                               .version = 1,
                               .store = {speaker_store, sizeof speaker_store},
                               .session = 42,
                               .beat_ms = 2000,
                               .payload_max = WIRE_PAYLOAD_MAX};
    wire_put_hello_ok(&speaker->out, &ok);
    speaker_say(speaker);
}

void speaker_plain(struct speaker *speaker, enum wire_type type) {
    wire_put_plain(&speaker->out, type, speaker->epoch);
    speaker_say(speaker);
}

void speaker_session_lost(struct speaker *speaker) {
    struct wire_session_lost lost = {.epoch = speaker->epoch,
                                     .store = {speaker_store, sizeof speaker_store}};
    wire_put_session_lost(&speaker->out, &lost);
    speaker_say(speaker);
}

void speaker_deliver(struct speaker *speaker, uint32_t generation, uint32_t first, uint32_t count) {
    struct wire_deliver head = {.epoch = speaker->epoch,
                                .generation = generation,
                                .first_slot = first,
                                .first_counter = 100 + (uint64_t)first,
                                .queue = span_of_text("default"),
                                .function = span_of_text("wherry.noop")};
    wire_deliver_begin(&speaker->out, &head);
    for (uint32_t i = 0; i < count; i++) {
        struct task_id id = {.session = 9, .number = 1000 + (uint64_t)first + i, .slot = 3};
        static const uint8_t payload[] = {0x93, 0x00, 0x90, 0x80};
        wire_deliver_item(&speaker->out, first + i, &id,
                          (struct wire_part){.data = payload, .size = sizeof payload});
    }
    wire_deliver_end(&speaker->out);
    speaker_say(speaker);
}

void speaker_ack_results(struct speaker *speaker, uint64_t epoch, uint64_t first, uint64_t count) {
    struct wire_token_run run = {epoch, first, count};
    wire_put_tokens(&speaker->out, WIRE_RESULT_ACK, speaker->epoch, 0, &run, 1);
    speaker_say(speaker);
}
