/* SPDX-License-Identifier: MIT
 *
 * Inside; see inside.h. */
#include "worker/inside.h"

#include "common/call.h"

#include <stdio.h>
#include <string.h>

/* The one of this process; size 0: not open. */
static struct wherry_inside inside;

struct wherry_inside *wherry_inside(void) {
    return inside.size > 0 ? &inside : NULL;
}

void inside_open(const char *brokers, uint64_t host, uint64_t child, struct gate_page *gate,
                 const struct child_task *task) {
    inside = (struct wherry_inside){.size = sizeof inside,
                                    .brokers = brokers,
                                    .child = child,
                                    .host = host,
                                    .gate = gate,
                                    .task = task};
}

static void inside_copy(char out[INSIDE_NAME_SIZE], struct span text) {
    size_t size = text.size < INSIDE_NAME_SIZE ? text.size : INSIDE_NAME_SIZE - 1;
    if (size > 0) {
        memcpy(out, text.data, size);
    }
    out[size] = '\0';
}

void inside_begin(const struct child_task *delivery) {
    struct call call = {0};
    if (call_decode(delivery->payload, &call) != WHERRY_OK) {
        return; /* the runner says so */
    }
    inside.process = true;
    inside_copy(inside.name, call.process.name);
    inside_copy(inside.parent, call.process.parent);
    inside_copy(inside.parent_host, call.process.parent_host);
    inside.parent_pid = call.process.parent_pid;
    gate_set_name(inside.gate, inside.name);
}

bool inside_rename(const char *name) {
    size_t size = strnlen(name, INSIDE_NAME_SIZE);
    if (size == 0 || size >= INSIDE_NAME_SIZE) {
        return false;
    }
    memcpy(inside.name, name, size + 1);
    gate_set_name(inside.gate, inside.name);
    return true;
}

void inside_end(void) {
    if (inside.ending != NULL) {
        inside.ending();
    }
}
