/* SPDX-License-Identifier: MIT
 *
 * What a task's payload holds; opaque to the broker, read and written by clients and workers.
 *
 *     [0, [argument…], {keyword: value…}]          one call
 *     [0, […], {…}, name, parent, pid, host]       a Process, and who started it, where
 *     [1, [item…], {keyword: value…}, starmap]     a chunk of a map: one run an item
 *
 * A done call answers one value, a done chunk the list of its values in order. The first failing
 * item ends its chunk (as multiprocessing); its failure is the task's. */
#ifndef WHERRY_CALL_H
#define WHERRY_CALL_H

#include "common/bytes.h"
#include "common/include/wherry_base.h"

#include <stdarg.h>

enum call_kind { CALL_ONE = 0, CALL_CHUNK = 1 };

struct call_process {    /* how a Process is called, and which one started it */
    struct span name;    /* "": it is none */
    struct span parent;  /* its starter's name, … */
    int64_t parent_pid;
    struct span parent_host;
};

struct call {
    uint32_t kind;
    struct span args;     /* one msgpack list: arguments, or a chunk's items */
    struct span kwargs;   /* one msgpack map, perhaps empty */
    struct call_process process;
    bool starmap;         /* chunk: each item is a list of arguments, else the one argument */
};

void call_encode(struct bytes *out, const struct call *call);
/* Checks everything; spans borrow `payload`. TYPE if it is no call. */
wherry_err call_decode(struct span payload, struct call *out);

/* Packs picture arguments as [args] and {kwargs}: the picture of a call lists the positional items,
 * then, behind a ';', keyword items, each preceded by its name: "is;bd", 1, "x", "deep", 1,
 * "scale", 0.5. */
wherry_err call_encode_picture(struct bytes *out, const char *picture, va_list arguments);

#endif
