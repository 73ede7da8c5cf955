/* SPDX-License-Identifier: MIT
 *
 * Speaker: a broker made by hand, for tests of what children and hosts say. Each function makes one
 * message and gives it to the logic; `heard` holds what the logic said last. */
#ifndef WHERRY_TEST_SPEAKER_H
#define WHERRY_TEST_SPEAKER_H

#include "common/wire/wire.h"
#include "worker/child.h"
#include "worker/host.h"

struct speaker {
    struct child *child; /* one of the two */
    struct host *host;
    int64_t now_us;
    uint64_t epoch;
    struct wire_out out;   /* what we say */
    struct wire_out heard; /* what was said last */
};

void speaker_init(struct speaker *speaker, struct child *child, struct host *host);
void speaker_fini(struct speaker *speaker);

void speaker_open(struct speaker *speaker);
/* The next message is of this type: read it from speaker_message(). */
void speaker_expect(struct speaker *speaker, enum wire_type type);
void speaker_expect_nothing(struct speaker *speaker);
struct wire_message speaker_message(const struct speaker *speaker);
void speaker_tick(struct speaker *speaker, int64_t after_us);

void speaker_say(struct speaker *speaker); /* what stands in `out` */
void speaker_hello_ok(struct speaker *speaker);
void speaker_plain(struct speaker *speaker, enum wire_type type);
void speaker_session_lost(struct speaker *speaker);

/* `count` deliveries from slot `first`, counters 100 + slot, ids 1000 + slot, index = slot. */
void speaker_deliver(struct speaker *speaker, uint32_t generation, uint32_t first, uint32_t count);
void speaker_ack_results(struct speaker *speaker, uint64_t epoch, uint64_t first, uint64_t count);

#endif
