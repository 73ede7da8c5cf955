/* SPDX-License-Identifier: MIT
 *
 * A binary heap of plans and a hash. Plans are never taken out: a timer that moved leaves its old
 * plan behind, which finds its stamp outdated and does nothing. */
#include "tests/sim/world.h"

#include "common/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_START_US = 1000 * 1000 };
#define WORLD_WALL_BASE_MS INT64_C(1800000000000)

void world_init(struct world *world) {
    *world = (struct world){.now_us = WORLD_START_US, .hash = UINT64_C(0xcbf29ce484222325)};
}

void world_fini(struct world *world) {
    free(world->heap);
    world->heap = NULL;
}

struct now world_now(const struct world *world) {
    return (struct now){
        .mono_us = world->now_us,
        .wall_ms = WORLD_WALL_BASE_MS + world->now_us / 1000 + world->wall_offset_ms,
    };
}

static bool world_before(const struct world_item *a, const struct world_item *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

static void world_swap(struct world *world, uint32_t a, uint32_t b) {
    struct world_item kept = world->heap[a];
    world->heap[a] = world->heap[b];
    world->heap[b] = kept;
}

static void world_sift_up(struct world *world, uint32_t at) {
    while (at > 0 && world_before(&world->heap[at], &world->heap[(at - 1) / 2])) {
        world_swap(world, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void world_sift_down(struct world *world, uint32_t at) {
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < world->count; child++) {
            if (world_before(&world->heap[child], &world->heap[least])) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        world_swap(world, at, least);
        at = least;
    }
}

void world_at(struct world *world, int64_t at_us, world_action action, void *subject,
              uint64_t argument) {
    if (world->count == world->capacity) {
        world->capacity = world->capacity == 0 ? 256 : world->capacity * 2;
        world->heap = realloc(world->heap, world->capacity * sizeof *world->heap);
        CHECK(world->heap != NULL);
    }
    world->heap[world->count] = (struct world_item){
        .at_us = at_us > world->now_us ? at_us : world->now_us,
        .sequence = ++world->sequence,
        .action = action,
        .subject = subject,
        .argument = argument,
    };
    world->count++;
    world_sift_up(world, world->count - 1);
}

int64_t world_next_us(const struct world *world) {
    return world->count == 0 ? INT64_MAX : world->heap[0].at_us;
}

bool world_step(struct world *world) {
    if (world->count == 0) {
        return false;
    }
    struct world_item item = world->heap[0];
    world->heap[0] = world->heap[--world->count];
    world_sift_down(world, 0);
    world->now_us = item.at_us;
    world->tally.steps++;
    item.action(item.subject, item.argument);
    return true;
}

void world_hash(struct world *world, const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint64_t hash = world->hash;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    world->hash = hash;
}

void world_note(struct world *world, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(size >= 0);
    world_hash(world, &world->now_us, sizeof world->now_us);
    world_hash(world, text, strlen(text));
    if (world->tracing) {
        fprintf(stderr, "[%11.3f ms] %s\n", (double)world->now_us / 1000.0, text);
    }
}

void world_say(const struct world *world, const char *format, ...) {
    if (world->tracing) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(stderr, "[%11.3f ms]     ", (double)world->now_us / 1000.0);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
    }
}

void world_fail(struct world *world, const char *format, ...) {
    if (world->failure[0] != '\0') {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->failure, sizeof world->failure, format, arguments);
    va_end(arguments);
    world_note(world, "BROKEN: %s", world->failure);
}

bool world_failed(const struct world *world) {
    return world->failure[0] != '\0';
}

void world_fault(struct world *world, enum sim_fault fault) {
    world->tally.faults[fault]++;
}

void world_timer_set(struct world *world, struct world_timer *timer, int64_t at_us,
                     world_action action, void *subject) {
    if (at_us == INT64_MAX ||
        (timer->at_us <= at_us && timer->at_us >= world->now_us && timer->at_us != INT64_MAX)) {
        return;
    }
    timer->at_us = at_us > world->now_us ? at_us : world->now_us;
    timer->stamp++;
    world_at(world, timer->at_us, action, subject, timer->stamp);
}

bool world_timer_due(struct world_timer *timer, uint64_t stamp) {
    if (stamp != timer->stamp || timer->at_us == INT64_MAX) {
        return false;
    }
    timer->at_us = INT64_MAX;
    return true;
}
