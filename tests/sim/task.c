/* SPDX-License-Identifier: MIT
 *
 * Plans and notes as plain structs behind a magic number: they never leave this machine. */
#include "tests/sim/task.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

enum { TASK_PLAN_MAGIC = 0x504c414e, TASK_NOTE_MAGIC = 0x4e4f5445 };

uint8_t *task_plan_encode(const struct task_plan *plan, size_t size) {
    CHECK(size >= sizeof *plan);
    struct task_plan sealed = *plan;
    sealed.magic = TASK_PLAN_MAGIC;
    uint8_t *out = malloc(size);
    CHECK(out != NULL);
    memset(out, (int)(plan->ordinal & 0xff), size);
    memcpy(out, &sealed, sizeof sealed);
    return out;
}

bool task_plan_decode(struct span payload, struct task_plan *out) {
    if (payload.size < sizeof *out) {
        return false;
    }
    memcpy(out, payload.data, sizeof *out);
    return out->magic == TASK_PLAN_MAGIC;
}

void task_note_encode(struct bytes *out, const struct task_note *note, size_t size) {
    struct task_note sealed = *note;
    sealed.magic = TASK_NOTE_MAGIC;
    size_t body = size > sizeof sealed ? size : sizeof sealed;
    uint8_t head[5] = {0xc6, (uint8_t)(body >> 24), (uint8_t)(body >> 16), (uint8_t)(body >> 8),
                       (uint8_t)body};
    bytes_append(out, head, sizeof head);
    bytes_append(out, &sealed, sizeof sealed);
    static const uint8_t filling[64];
    for (size_t left = body - sizeof sealed; left > 0;) {
        size_t part = left < sizeof filling ? left : sizeof filling;
        bytes_append(out, filling, part);
        left -= part;
    }
}

/* The magic number is searched for: a value carries the note behind its bin head, a failure inside
 * its text. */
bool task_note_decode(struct span payload, struct task_note *out) {
    uint32_t magic = TASK_NOTE_MAGIC;
    for (size_t at = 0; at + sizeof *out <= payload.size && at < 16; at++) {
        if (memcmp(payload.data + at, &magic, sizeof magic) == 0) {
            memcpy(out, payload.data + at, sizeof *out);
            return true;
        }
    }
    return false;
}
