/* SPDX-License-Identifier: MIT
 *
 * The journal: where small batches are made durable. A commit of LMDB's costs two syncs and a page
 * of each table's way down, however little changed; a batch in the journal costs one sync of a few
 * sectors. What has gathered there goes into LMDB in one transaction, in which whatever was put and
 * deleted meanwhile never appears (merge.c).
 *
 *     DIR/journal   sector 0   head        the journal's version, and whose it is
 *                   1 …        batches     each from a new sector, one behind the other
 *
 *     sector 512    check 8, epoch 8, batch 8, 488 bytes
 *     head          "wherryjn" 8, version 4, sectors 4, uuid 16, zeros
 *     batch         size 4, then the changes, zeros up to the end of the sector
 *     change        1: a put, then key 12, head size 4, payload size 4, head, payload
 *                   2: a delete, then key 12
 *
 * All numbers are big endian. A check covers the rest of its sector and where it stands. Sectors
 * are what a disk writes whole, so the end of the journal is told from damage: a sector of an older
 * batch was not written yet, one that does not fit its check has changed since. After a merge the
 * next batch goes to sector 1 again; what lies behind it is older. The file is written in full when
 * it is made, so that a batch never waits for space, and its size never changes. */
#ifndef WHERRY_STORE_LMDB_JOURNAL_H
#define WHERRY_STORE_LMDB_JOURNAL_H

#include "broker/store/lmdb/format.h"

#include "common/bytes.h"

enum {
    JOURNAL_VERSION = 1,
    JOURNAL_SECTOR = 512,
    JOURNAL_SECTOR_HEAD = 24,
    JOURNAL_SECTORS = 2048,      /* 1 MiB: merged in some 5 ms, if all of it are puts */
    JOURNAL_BATCH_MAX = 1 << 17, /* bytes; above, two syncs are a small part of the cost */
};

#define JOURNAL_BYTES ((size_t)JOURNAL_SECTORS * JOURNAL_SECTOR)

struct journal {
    int fd;               /* −1: none */
    uint32_t next;        /* the sector where the next batch goes */
    uint64_t last;        /* the last batch in it, if there is one */
    struct bytes kept;    /* the batches in it, as they stand there, without sectors */
    struct bytes sectors; /* of the batch being written */
};

/* ---- writing (journal.c) --------------------------------------------------------------------- */

/* An empty one, in the place of any that is there; no row may need that. 0, or errno. */
int journal_make(int folder_fd, const uint8_t *uuid);
/* To be written from sector 1. 0, or errno. */
int journal_open(struct journal *journal, int folder_fd);
void journal_close(struct journal *journal);

/* It is small, and there is room. */
bool journal_takes(const struct journal *journal, const struct store_batch *batch);
/* 0: the batch is copied; ENOSPC, EDQUOT: nothing changed, try again; anything else: unknown. */
int journal_write(struct journal *journal, uint64_t epoch, const struct store_batch *batch);
/* 0: what was written is durable; else whether it is in is unknown. */
int journal_sync(const struct journal *journal);
bool journal_is_empty(const struct journal *journal);
/* What was in it is in LMDB. */
void journal_restart(struct journal *journal);

/* ---- reading (journal_read.c) ---------------------------------------------------------------- */

struct journal_found {
    struct bytes kept; /* the whole batches that follow the row's */
    uint64_t batches;
    uint64_t last;      /* number of the last of them */
    const char *damage; /* what ended it but its end; NULL: nothing */
};

/* The file as it is, JOURNAL_BYTES, for journal_follow(). NULL: it is there; else what is wrong. */
const char *journal_load(int folder_fd, uint8_t *file);
/* What follows the row of the LMDB file beside it. False: it cannot be read at all; found->damage
 * says why. */
bool journal_follow(const uint8_t *file, const struct lmdb_row *row, struct journal_found *found);
/* Both. */
bool journal_read(int folder_fd, const struct lmdb_row *row, struct journal_found *found);
/* Every sector fits its check: none is damaged, or was being written while it was read. */
bool journal_is_whole(const uint8_t *file);
void journal_found_fini(struct journal_found *found);
/* Adds the changes in `kept` to `out`; they point into it. False: damaged. */
bool journal_changes(struct span kept, struct store_batch *out);

#endif
