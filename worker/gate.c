/* SPDX-License-Identifier: MIT
 *
 * The gate. The whole truth is in one 64-bit word, so that "may I still start?" and "nothing more
 * may start" are one compare-and-swap and one swap on the same word: one of them is first, and both
 * sides know which. (Refused: a flag beside a counter. The child could read the flag, the
 * supervisor set it and read the counter, the child count up.)
 *
 * Memory order. A slot is written before the swap that starts it (release) and read after the word
 * (acquire). The supervisor may read a slot while the child, whose older attempt was acknowledged
 * meanwhile, fills it anew: the seal holds the number, so such a slot is recognised as not the one
 * that was looked for. */
#include "worker/gate.h"

#include "common/plant.h"

#include <string.h>

#define GATE_MAGIC UINT64_C(0x7768727967617465) /* "whrygate" */

enum { GATE_ANSWERED = 1, GATE_ACKNOWLEDGED = 2 };

static uint64_t gate_word(struct gate_state state) {
    return (uint64_t)state.generation << 32 | state.started;
}

static struct gate_state gate_unword(uint64_t word) {
    return (struct gate_state){(uint32_t)(word >> 32), (uint32_t)word};
}

static struct gate_slot *gate_slot(struct gate_page *gate, uint32_t number) {
    return &gate->slots[number % GATE_SLOTS];
}

static uint32_t gate_seal(const struct gate_slot *slot, uint32_t number) {
    uint64_t mix = slot->session ^ (slot->slot_number * UINT64_C(0x9e3779b97f4a7c15));
    mix = (mix ^ (mix >> 29) ^ slot->epoch) * UINT64_C(0xbf58476d1ce4e5b9);
    mix = (mix ^ (mix >> 32) ^ slot->counter ^ ((uint64_t)number << 20)) *
          UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(mix >> 32) ^ (uint32_t)mix;
}

void gate_init(struct gate_page *gate, struct gate_state state) {
    memset(gate, 0, sizeof(*gate));
    gate->magic = GATE_MAGIC;
    atomic_store_explicit(&gate->acked, state.started, memory_order_relaxed);
    atomic_store_explicit(&gate->word, gate_word(state), memory_order_release);
}

void gate_set_name(struct gate_page *gate, const char *name) {
    size_t size = strnlen(name, sizeof gate->name);
    atomic_store_explicit(&gate->name_size, 0, memory_order_release);
    memcpy(gate->name, name, size);
    atomic_store_explicit(&gate->name_size, (uint32_t)size, memory_order_release);
}

struct span gate_name(const struct gate_page *gate) {
    uint32_t size = atomic_load_explicit(&gate->name_size, memory_order_acquire);
    size = size <= sizeof gate->name ? size : sizeof gate->name;
    return (struct span){(const uint8_t *)gate->name, size};
}

struct gate_state gate_state(const struct gate_page *gate) {
    return gate_unword(atomic_load_explicit(&gate->word, memory_order_acquire));
}

/* A slot may be read while it is filled anew; plain accesses would be a data race. */
static void gate_put(uint64_t *field, uint64_t value) {
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static uint64_t gate_get(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

void gate_fill(struct gate_page *gate, uint32_t number, struct task_id id, struct token token) {
    struct gate_slot *slot = gate_slot(gate, number);
    struct gate_slot filled = {.session = id.session,
                               .slot_number = (uint64_t)id.slot << 48 | id.number,
                               .epoch = token.epoch,
                               .counter = token.counter};
    atomic_store_explicit(&slot->answered, 0, memory_order_release);
    gate_put(&slot->session, filled.session);
    gate_put(&slot->slot_number, filled.slot_number);
    gate_put(&slot->epoch, filled.epoch);
    gate_put(&slot->counter, filled.counter);
    __atomic_store_n(&slot->seal, gate_seal(&filled, number), __ATOMIC_RELAXED);
}

bool gate_start(struct gate_page *gate, uint32_t generation, uint32_t number) {
    uint64_t before = gate_word((struct gate_state){generation, number - 1});
    return atomic_compare_exchange_strong_explicit(
        &gate->word, &before, gate_word((struct gate_state){generation, number}),
        memory_order_acq_rel, memory_order_acquire);
}

void gate_answer(struct gate_page *gate, uint32_t number) {
    atomic_store_explicit(&gate_slot(gate, number)->answered, GATE_ANSWERED, memory_order_release);
}

void gate_acknowledge(struct gate_page *gate, uint32_t number) {
    atomic_store_explicit(&gate_slot(gate, number)->answered, GATE_ACKNOWLEDGED,
                          memory_order_release);
    uint32_t started = gate_state(gate).started;
    uint32_t acked = atomic_load_explicit(&gate->acked, memory_order_relaxed);
    uint32_t up_to = acked;
    while (up_to != started && atomic_load_explicit(&gate_slot(gate, up_to + 1)->answered,
                                                    memory_order_relaxed) == GATE_ACKNOWLEDGED) {
        up_to++;
    }
    if (up_to != acked) {
        atomic_store_explicit(&gate->acked, up_to, memory_order_release);
    }
}

bool gate_cancelled(const struct gate_page *gate, uint32_t number) {
    return number != 0 && atomic_load_explicit(&gate->cancelled, memory_order_relaxed) == number;
}

/* A mark that came too late is taken away: the next signal is another matter. */
bool gate_signalled(struct gate_page *gate) {
    uint32_t mark = atomic_load_explicit(&gate->cancelled, memory_order_relaxed);
    bool meant = mark == 0 || (mark == gate_state(gate).started &&
                               atomic_load_explicit(&gate_slot(gate, mark)->answered,
                                                    memory_order_relaxed) == 0);
    if (meant || PLANTED(PLANT_LATE_SIGNAL)) {
        return true;
    }
    atomic_compare_exchange_strong_explicit(&gate->cancelled, &mark, 0, memory_order_relaxed,
                                            memory_order_relaxed);
    return false;
}

void gate_cancel(struct gate_page *gate, uint32_t number) {
    atomic_store_explicit(&gate->cancelled, number, memory_order_relaxed);
}

struct gate_state gate_close(struct gate_page *gate) {
    /* An addition would do, but for the carry: at generation 2^32 − 1 it is lost at the top, as
     * wanted. */
    return gate_unword(
        atomic_fetch_add_explicit(&gate->word, UINT64_C(1) << 32, memory_order_acq_rel));
}

/* What the slot of `number` says. False: it is not that number's. */
static bool gate_read(const struct gate_page *gate, uint32_t number, struct gate_attempt *out,
                      uint32_t *answered) {
    const struct gate_slot *slot = &gate->slots[number % GATE_SLOTS];
    *answered = atomic_load_explicit(&slot->answered, memory_order_acquire);
    struct gate_slot copy = {.session = gate_get(&slot->session),
                             .slot_number = gate_get(&slot->slot_number),
                             .epoch = gate_get(&slot->epoch),
                             .counter = gate_get(&slot->counter)};
    if (gate_seal(&copy, number) != __atomic_load_n(&slot->seal, __ATOMIC_RELAXED)) {
        return false;
    }
    *out = (struct gate_attempt){
        .number = number,
        .id = {.session = copy.session,
               .number = copy.slot_number & ((UINT64_C(1) << 48) - 1),
               .slot = copy.slot_number >> 48},
        .token = {copy.epoch, copy.counter},
        .answered = *answered != 0,
    };
    return true;
}

static uint32_t gate_acked(const struct gate_page *gate) {
    return atomic_load_explicit(&gate->acked, memory_order_acquire);
}

/* A slot may have passed to a later number while we looked; then `acked` has passed it, too. */
static bool gate_passed(const struct gate_page *gate, uint32_t number) {
    return (int32_t)(gate_acked(gate) - number) >= 0;
}

bool gate_check(const struct gate_page *gate) {
    if (gate->magic != GATE_MAGIC) {
        return false;
    }
    uint32_t acked = gate_acked(gate);
    uint32_t started = gate_state(gate).started;
    if (started - acked > GATE_SLOTS) {
        return false;
    }
    for (uint32_t number = acked + 1; number != started + 1; number++) {
        struct gate_attempt attempt;
        uint32_t answered;
        bool whole = gate_read(gate, number, &attempt, &answered) &&
                     answered <= GATE_ACKNOWLEDGED && attempt.token.counter != 0;
        if (!whole && !gate_passed(gate, number)) {
            return false;
        }
    }
    return true;
}

uint32_t gate_attempts(const struct gate_page *gate, struct gate_attempt *out, uint32_t capacity) {
    uint32_t acked = gate_acked(gate);
    uint32_t started = gate_state(gate).started;
    uint32_t count = 0;
    for (uint32_t number = acked + 1; number != started + 1 && count < capacity; number++) {
        uint32_t answered;
        if (gate_read(gate, number, &out[count], &answered) && answered != GATE_ACKNOWLEDGED &&
            !gate_passed(gate, number)) {
            count++;
        }
    }
    return count;
}

uint32_t gate_unacknowledged(const struct gate_page *gate) {
    uint32_t acked = gate_acked(gate);
    return gate_state(gate).started - acked;
}

bool gate_running(const struct gate_page *gate, struct gate_attempt *out) {
    uint32_t answered;
    uint32_t started = gate_state(gate).started;
    return started != gate_acked(gate) && gate_read(gate, started, out, &answered) &&
           answered == 0 && !gate_passed(gate, started);
}
