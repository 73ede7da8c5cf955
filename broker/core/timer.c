/* SPDX-License-Identifier: MIT
 *
 * Timers: an intrusive 4-ary heap; see timer.h. Each record knows its place in the heap, so that
 * stopping one is O(log n) and leaves no tombstone. The heap's array is a slab of indices and grows
 * by chunks. */
#include "broker/core/timer.h"

#include "common/check.h"

enum { HEAP_ARY = 4 };

struct timer {
    uint32_t at; /* place in the heap + 1; also the slab's free link */
    uint32_t owner;
    uint8_t kind; /* 0: free */
    int64_t due;
    uint64_t sequence;
};

void timers_init(struct timers *timers) {
    *timers = (struct timers){0};
    slab_init(&timers->records, sizeof(struct timer), 8);
    slab_init(&timers->heap, sizeof(uint32_t), 8);
}

void timers_fini(struct timers *timers) {
    slab_fini(&timers->records);
    slab_fini(&timers->heap);
}

static struct timer *timer_at(const struct timers *timers, uint32_t index) {
    return slab_at(&timers->records, index);
}

static uint32_t *heap_at(const struct timers *timers, uint32_t place) {
    return slab_at(&timers->heap, place + 1);
}

static bool heap_before(const struct timers *timers, uint32_t a, uint32_t b) {
    const struct timer *first = timer_at(timers, a);
    const struct timer *second = timer_at(timers, b);
    return first->due < second->due ||
           (first->due == second->due && first->sequence < second->sequence);
}

static void heap_set(struct timers *timers, uint32_t place, uint32_t index) {
    *heap_at(timers, place) = index;
    timer_at(timers, index)->at = place + 1;
}

static void heap_up(struct timers *timers, uint32_t place, uint32_t index) {
    while (place > 0) {
        uint32_t parent = (place - 1) / HEAP_ARY;
        uint32_t above = *heap_at(timers, parent);
        if (!heap_before(timers, index, above)) {
            break;
        }
        heap_set(timers, place, above);
        place = parent;
    }
    heap_set(timers, place, index);
}

static void heap_down(struct timers *timers, uint32_t place, uint32_t index) {
    for (;;) {
        uint32_t first = place * HEAP_ARY + 1;
        uint32_t best = index;
        uint32_t best_place = place;
        for (uint32_t i = first; i < first + HEAP_ARY && i < timers->count; i++) {
            uint32_t child = *heap_at(timers, i);
            if (heap_before(timers, child, best)) {
                best = child;
                best_place = i;
            }
        }
        if (best == index) {
            break;
        }
        heap_set(timers, place, best);
        place = best_place;
    }
    heap_set(timers, place, index);
}

uint32_t timer_start(struct timers *timers, int64_t due, enum timer_kind kind, uint32_t owner) {
    uint32_t index = slab_take(&timers->records);
    *timer_at(timers, index) = (struct timer){
        .due = due, .owner = owner, .kind = (uint8_t)kind, .sequence = ++timers->sequence};
    if (timers->count == timers->heap.used) {
        (void)slab_take(&timers->heap);
    }
    heap_up(timers, timers->count++, index);
    return index;
}

static void timer_remove(struct timers *timers, uint32_t index) {
    uint32_t place = timer_at(timers, index)->at - 1;
    uint32_t last = *heap_at(timers, --timers->count);
    slab_free(&timers->records, index);
    if (last == index) {
        return;
    }
    if (place > 0 && heap_before(timers, last, *heap_at(timers, (place - 1) / HEAP_ARY))) {
        heap_up(timers, place, last);
    } else {
        heap_down(timers, place, last);
    }
}

void timer_stop(struct timers *timers, uint32_t *timer) {
    if (*timer != 0) {
        timer_remove(timers, *timer);
        *timer = 0;
    }
}

int64_t timer_due(const struct timers *timers, uint32_t timer) {
    return timer_at(timers, timer)->due;
}

int64_t timers_next(const struct timers *timers) {
    return timers->count == 0 ? INT64_MAX : timer_at(timers, *heap_at(timers, 0))->due;
}

bool timers_expire(struct timers *timers, int64_t now, enum timer_kind *kind, uint32_t *owner) {
    if (timers_next(timers) > now) {
        return false;
    }
    uint32_t index = *heap_at(timers, 0);
    *kind = (enum timer_kind)timer_at(timers, index)->kind;
    *owner = timer_at(timers, index)->owner;
    timer_remove(timers, index);
    return true;
}

bool timer_is(const struct timers *timers, uint32_t timer, enum timer_kind kind, uint32_t owner) {
    return slab_holds(&timers->records, timer) && timer_at(timers, timer)->kind == kind &&
           timer_at(timers, timer)->owner == owner;
}

const char *timers_audit(const struct timers *timers) {
    if (timers->count != timers->records.live) {
        return "timer: a record is not in the heap";
    }
    for (uint32_t place = 0; place < timers->count; place++) {
        uint32_t index = *heap_at(timers, place);
        if (timer_at(timers, index)->at != place + 1) {
            return "timer: a record does not know its place";
        }
        if (place > 0 && heap_before(timers, index, *heap_at(timers, (place - 1) / HEAP_ARY))) {
            return "timer: the heap is out of order";
        }
    }
    return NULL;
}

uint64_t timers_memory_bytes(const struct timers *timers) {
    return slab_memory_bytes(&timers->records) + slab_memory_bytes(&timers->heap);
}
