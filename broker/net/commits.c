/* SPDX-License-Identifier: MIT
 *
 * Commits; see commits.h. */
#include "broker/net/commits.h"

#include "common/check.h"

void commits_init(struct commits *commits, struct store *store, struct payload_store *payloads) {
    *commits = (struct commits){.store = store, .payloads = payloads};
}

void commits_fini(struct commits *commits) {
    store_batch_fini(&commits->batches[0]);
    store_batch_fini(&commits->batches[1]);
}

void commits_add(struct commits *commits, const struct effect *effect) {
    struct store_change *change = store_batch_add(&commits->batches[commits->gathering]);
    *change = (struct store_change){.record = effect->record,
                                    .is_delete = effect->kind == EFFECT_DELETE};
    if (!change->is_delete) {
        change->payload = payload_span(commits->payloads, effect->record.payload);
    }
}

/* The next one gathers where the one before this one was, which the store has given back. */
void commits_close(struct commits *commits, uint64_t number, int64_t now_us) {
    struct store_batch *batch = &commits->batches[commits->gathering];
    CHECK(number == commits->committed + 1);
    batch->number = number;
    commits->closed_at_us = now_us;
    commits->gathering = 1 - commits->gathering;
    store_batch_clear(&commits->batches[commits->gathering]);
    store_commit(commits->store, batch);
}

bool commits_next(struct commits *commits, int64_t now_us, struct event *out) {
    uint64_t committed = store_committed(commits->store);
    if (committed != commits->committed) {
        histogram_add(&commits->wait, now_us - commits->closed_at_us);
        commits->committed = committed;
        *out = (struct event){.kind = EVENT_COMMITTED, .committed = committed};
        return true;
    }
    bool full = !store_has_space(commits->store);
    if (full != commits->full) {
        commits->full = full;
        *out = (struct event){.kind = EVENT_STORE_SPACE, .store_has_space = !full};
        return true;
    }
    return false;
}
