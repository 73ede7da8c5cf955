/* SPDX-License-Identifier: MIT
 *
 * Guard: reading a file that may be damaged. LMDB trusts its pages: a wrong number on one leads it
 * to an address that is not there, or into one of its assertions. Between guard_begin() and
 * guard_end() such an end of the calling thread is ours:
 *
 *     within guard_call()    the call returns MDB_CORRUPTED: what it held is abandoned
 *     else                   one line names the last good record, and the process ends with code 5
 *
 * Other threads are none of its business: what happens to them happens as ever. One guard a
 * process at a time. */
#ifndef WHERRY_STORE_LMDB_GUARD_H
#define WHERRY_STORE_LMDB_GUARD_H

#include "broker/core/record.h"

#include <lmdb.h>

enum { GUARD_EXIT = 5 };

/* folder: borrowed, for the line. */
void guard_begin(const char *folder);
void guard_end(void);
/* That record was read whole. key: RECORD_KEY_SIZE bytes. */
void guard_passed(const uint8_t *key);
/* For mdb_env_set_assert(): LMDB calls it, and aborts if it returns. */
void guard_asserted(MDB_env *env, const char *what);
/* What `step` returns, or MDB_CORRUPTED. It must hold nothing that has to be given back. */
int guard_call(int (*step)(void *context), void *context);

#endif
