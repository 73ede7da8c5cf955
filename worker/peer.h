/* SPDX-License-Identifier: MIT
 *
 * Peer: what child and host have in common on their connection to the broker: hello, beats,
 * silence, and the refusal of brokers that were deposed. Pure; embedded in both.
 *
 *     opened ──> hello due ──(output)──> waiting ──HELLO_OK──> greeted
 *        ^                                  │                     │
 *        └────────── wants reopen <─────────┴─────────────────────┘
 *
 * by HELLO_REQUIRED, SESSION_LOST, three unanswered beats, or an epoch that was deposed. */
#ifndef WHERRY_PEER_H
#define WHERRY_PEER_H

#include "common/wire/wire.h"

struct peer {  /* private but for reading */
    bool open; /* between peer_opened() and the wish to reopen */
    bool hello_due;
    bool greeted;
    bool reopen;
    bool resume; /* the broker knew our session once */
    bool beat_due;
    uint32_t unanswered; /* beats since the broker was last heard */
    uint32_t patience;   /* beats that a hello may stay unanswered */
    int64_t beat_us;
    int64_t beat_at_us;
    int64_t reopen_at_us; /* after a refusal; INT64_MAX: not at all */
    bool store_known;
    uint8_t store[16];
    uint64_t epoch; /* the highest seen of that store */
    char refusal[256];
    size_t refusal_size;
};

enum peer_verdict {
    PEER_PASS,    /* for the owner to read */
    PEER_TAKEN,   /* dealt with, or to be ignored */
    PEER_GREETED, /* HELLO_OK: the owner may speak now */
};

void peer_init(struct peer *peer);
void peer_opened(struct peer *peer, int64_t now_us);
void peer_hello_sent(struct peer *peer, int64_t now_us);
enum peer_verdict peer_input(struct peer *peer, const struct wire_message *message,
                             enum wire_type *type, int64_t now_us);
/* Writes the BEAT that is due, if one is. */
bool peer_output_beat(struct peer *peer, struct wire_out *out);
void peer_tick(struct peer *peer, int64_t now_us);
int64_t peer_next_wake(const struct peer *peer);
void peer_want_reopen(struct peer *peer);

#endif
