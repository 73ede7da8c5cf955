/* SPDX-License-Identifier: MIT
 *
 * Fail: the k-th call of one kind does not succeed. Allocations are those of wherry's own code (the
 * linker's --wrap over what is linked into the test; libzmq and LMDB have their own way with
 * memory); calls of the system are everybody's, libzmq's and LMDB's included. */
#ifndef WHERRY_TEST_FAIL_H
#define WHERRY_TEST_FAIL_H

#include <stdint.h>

enum fail_kind {
    FAIL_MEMORY, /* malloc, calloc, realloc: NULL */
    FAIL_WRITE,  /* write, pwrite, writev, fallocate: EIO, or ENOSPC in turn */
    FAIL_SYNC,   /* fsync, fdatasync: EIO */
    FAIL_NAME,   /* open for writing, rename, link, unlink: EACCES */
    FAIL_SEND,   /* send, sendmsg: ECONNRESET */
    FAIL_KINDS,
};

extern const char *const fail_names[FAIL_KINDS];

/* From now on calls are counted, and number k of `kind` fails; k 0: none does. */
void fail_begin(enum fail_kind kind, uint64_t k);
/* Between these the test's own calls are neither counted nor failed. */
void fail_pause(void);
void fail_resume(void);
/* How many there were, of all threads. */
uint64_t fail_end(void);

#endif
