/* SPDX-License-Identifier: MIT
 *
 * Receipts; see receipts.h. One entry a route that has some, in a FIFO by the time of its first:
 * all wait equally long, so the oldest is always the next. One that is full goes to the front. */
#include "broker/net/receipts.h"

#include "common/check.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct receipt {
    UT_hash_handle hh;
    struct receipt *prev, *next;
    route_id route;
    int64_t due_us;
    uint64_t count; /* results in all runs */
    uint32_t run_count;
    uint32_t run_capacity;
    struct wire_token_run *runs;
};

struct receipts {
    struct receipt *by_route;
    struct receipt *queue;
    struct receipt *given; /* by the last receipts_next */
};

struct receipts *receipts_create(void) {
    struct receipts *receipts = calloc(1, sizeof *receipts);
    CHECK(receipts != NULL);
    return receipts;
}

static void receipt_free(struct receipt *receipt) {
    if (receipt != NULL) {
        free(receipt->runs);
        free(receipt);
    }
}

void receipts_destroy(struct receipts **receipts_at) {
    struct receipts *receipts = *receipts_at;
    struct effect effect;
    if (receipts == NULL) {
        return;
    }
    while (receipts_next(receipts, 0, true, &effect)) {
    }
    receipt_free(receipts->given);
    free(receipts);
    *receipts_at = NULL;
}

static struct receipt *receipt_of(struct receipts *receipts, route_id route, int64_t now_us) {
    struct receipt *receipt = NULL;
    HASH_FIND(hh, receipts->by_route, &route, sizeof route, receipt);
    if (receipt == NULL) {
        receipt = calloc(1, sizeof *receipt);
        CHECK(receipt != NULL);
        receipt->route = route;
        receipt->due_us = now_us + RECEIPT_WAIT_US;
        HASH_ADD(hh, receipts->by_route, route, sizeof receipt->route, receipt);
        DL_APPEND(receipts->queue, receipt);
    }
    return receipt;
}

static void receipt_add(struct receipt *receipt, struct wire_token_run run) {
    struct wire_token_run *last =
        receipt->run_count > 0 ? &receipt->runs[receipt->run_count - 1] : NULL;
    receipt->count += run.count;
    if (last != NULL && last->epoch == run.epoch && last->first + last->count == run.first) {
        last->count += run.count;
        return;
    }
    if (receipt->run_count == receipt->run_capacity) {
        receipt->run_capacity = receipt->run_capacity * 2 + 4;
        receipt->runs = realloc(receipt->runs, receipt->run_capacity * sizeof *receipt->runs);
        CHECK(receipt->runs != NULL);
    }
    receipt->runs[receipt->run_count++] = run;
}

void receipts_add(struct receipts *receipts, const struct effect *effect, int64_t now_us) {
    struct receipt *receipt = receipt_of(receipts, effect->route, now_us);
    for (uint32_t i = 0; i < effect->tokens.run_count; i++) {
        receipt_add(receipt, effect->tokens.runs[i]);
    }
    if (receipt->count >= RECEIPTS_MAX && receipt->due_us != 0) {
        receipt->due_us = 0;
        DL_DELETE(receipts->queue, receipt);
        DL_PREPEND(receipts->queue, receipt);
    }
}

bool receipts_next(struct receipts *receipts, int64_t now_us, bool all, struct effect *out) {
    struct receipt *receipt = receipts->queue;
    receipt_free(receipts->given);
    receipts->given = NULL;
    if (receipt == NULL || (!all && receipt->due_us > now_us)) {
        return false;
    }
    DL_DELETE(receipts->queue, receipt);
    HASH_DEL(receipts->by_route, receipt);
    receipts->given = receipt;
    *out = (struct effect){.kind = EFFECT_RESULT_ACK, .route = receipt->route};
    out->tokens.runs = receipt->runs;
    out->tokens.run_count = receipt->run_count;
    return true;
}

int64_t receipts_wake_us(const struct receipts *receipts) {
    return receipts->queue != NULL ? receipts->queue->due_us : INT64_MAX;
}
