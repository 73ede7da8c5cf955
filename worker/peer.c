/* SPDX-License-Identifier: MIT
 *
 * Peer. Silence is judged by our own beats that stay unanswered, not by a clock alone: a supervisor
 * that was itself stopped for ten seconds must not take that for the broker's silence.
 *
 * A hello may wait for a commit of the broker, so each unanswered one doubles the patience, up to
 * twelve seconds. */
#include "worker/peer.h"

#include "common/bounds.h"

#include <string.h>

enum {
    PEER_BEATS = 3,
    PEER_PATIENCE_MAX = 6,
    PEER_REFUSED_AGAIN_US = 5000000,
    PEER_RESTORING_US = 500000
};

void peer_init(struct peer *peer) {
    *peer = (struct peer){.beat_us = (int64_t)TIME_BEAT_MS * 1000,
                          .patience = PEER_BEATS,
                          .beat_at_us = INT64_MAX,
                          .reopen_at_us = INT64_MAX};
}

void peer_opened(struct peer *peer, int64_t now_us) {
    peer->open = true;
    peer->hello_due = true;
    peer->greeted = false;
    peer->reopen = false;
    peer->beat_due = false;
    peer->unanswered = 0;
    peer->beat_at_us = now_us + peer->beat_us;
    peer->reopen_at_us = INT64_MAX;
}

void peer_hello_sent(struct peer *peer, int64_t now_us) {
    peer->hello_due = false;
    peer->unanswered = 1;
    peer->beat_at_us = now_us + peer->beat_us;
}

void peer_want_reopen(struct peer *peer) {
    peer->open = false;
    peer->greeted = false;
    peer->reopen = true;
    peer->beat_due = false;
    peer->beat_at_us = INT64_MAX;
}

static void peer_keep_refusal(struct peer *peer, struct span text) {
    peer->refusal_size = text.size < sizeof(peer->refusal) ? text.size : sizeof(peer->refusal);
    if (peer->refusal_size > 0) {
        memcpy(peer->refusal, text.data, peer->refusal_size);
    }
}

static bool peer_is_same_store(const struct peer *peer, struct span store) {
    return peer->store_known && store.size == sizeof(peer->store) &&
           memcmp(store.data, peer->store, sizeof(peer->store)) == 0;
}

/* False: this broker was deposed. */
static bool peer_meet_store(struct peer *peer, struct span store, uint64_t epoch) {
    if (peer_is_same_store(peer, store) && epoch < peer->epoch) {
        return false;
    }
    if (store.size == sizeof(peer->store)) {
        memcpy(peer->store, store.data, sizeof(peer->store));
        peer->store_known = true;
    }
    peer->epoch = epoch;
    return true;
}

static enum peer_verdict peer_input_hello_ok(struct peer *peer,
                                             const struct wire_message *message) {
    struct wire_hello_ok ok;
    if (peer->greeted || peer->hello_due || wire_get_hello_ok(message, &ok) != WHERRY_OK) {
        return PEER_TAKEN;
    }
    if (!peer_meet_store(peer, ok.store, ok.epoch)) {
        peer_want_reopen(peer);
        return PEER_TAKEN;
    }
    peer->greeted = true;
    peer->resume = true;
    peer->patience = PEER_BEATS;
    peer->refusal_size = 0;
    if (ok.beat_ms >= 10 && ok.beat_ms <= TIME_BEAT_MS) {
        peer->beat_us = (int64_t)ok.beat_ms * 1000;
    }
    return PEER_GREETED;
}

static void peer_input_lost(struct peer *peer, const struct wire_message *message) {
    struct wire_session_lost lost;
    if (wire_get_session_lost(message, &lost) == WHERRY_OK &&
        peer_meet_store(peer, lost.store, lost.epoch)) {
        peer->resume = false;
    }
    peer_want_reopen(peer);
}

static void peer_input_refused(struct peer *peer, const struct wire_message *message,
                               int64_t now_us) {
    struct wire_refused refused;
    if (wire_get_refused(message, &refused) != WHERRY_OK) {
        return;
    }
    peer_keep_refusal(peer, refused.text);
    peer->greeted = false;
    peer->beat_at_us = INT64_MAX;
    peer->reopen_at_us =
        now_us + (refused.err == WHERRY_E_RESTORING ? PEER_RESTORING_US : PEER_REFUSED_AGAIN_US);
}

enum peer_verdict peer_input(struct peer *peer, const struct wire_message *message,
                             enum wire_type *type, int64_t now_us) {
    if (!peer->open || wire_type_of(message, type) != WHERRY_OK) {
        return PEER_TAKEN;
    }
    peer->unanswered = 0;
    if (*type == WIRE_HELLO_OK) {
        return peer_input_hello_ok(peer, message);
    }
    if (*type == WIRE_HELLO_REQUIRED) {
        peer_want_reopen(peer);
    } else if (*type == WIRE_SESSION_LOST) {
        peer_input_lost(peer, message);
    } else if (*type == WIRE_REFUSED) {
        peer_input_refused(peer, message, now_us);
    } else if (*type != WIRE_BEAT_OK && peer->greeted && wire_epoch_of(message) == peer->epoch) {
        return PEER_PASS;
    }
    return PEER_TAKEN;
}

bool peer_output_beat(struct peer *peer, struct wire_out *out) {
    if (!peer->beat_due || !peer->greeted) {
        return false;
    }
    peer->beat_due = false;
    wire_put_plain(out, WIRE_BEAT, 0);
    return true;
}

void peer_tick(struct peer *peer, int64_t now_us) {
    if (now_us >= peer->reopen_at_us) {
        peer_want_reopen(peer);
        peer->reopen_at_us = INT64_MAX;
        return;
    }
    if (!peer->open || now_us < peer->beat_at_us) {
        return;
    }
    uint32_t patience = peer->greeted ? PEER_BEATS : peer->patience;
    if (peer->unanswered >= patience) {
        if (!peer->greeted && peer->patience < PEER_PATIENCE_MAX) {
            peer->patience = PEER_PATIENCE_MAX;
        }
        peer_want_reopen(peer);
        return;
    }
    peer->unanswered++;
    peer->beat_due = true;
    peer->beat_at_us = now_us + peer->beat_us;
}

int64_t peer_next_wake(const struct peer *peer) {
    return peer->beat_at_us < peer->reopen_at_us ? peer->beat_at_us : peer->reopen_at_us;
}
