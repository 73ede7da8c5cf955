/* SPDX-License-Identifier: MIT
 *
 * Disk: everything that this process does to some files, recorded in order, and the states in which
 * a loss of power at any moment may leave them.
 *
 * The model is a disk's of the plain kind: a sync, and each write on a descriptor that was opened
 * with O_DSYNC, has reached the disk when it returns. Of the writes to a file since its last sync
 * any may be there and any not, in whatever order, and the one under way as well; each may be torn
 * between sectors of 512 bytes, and a sector is old or new. What makes a file longer may be missing
 * as long as nothing behind it was synced. */
#ifndef WHERRY_TEST_DISK_H
#define WHERRY_TEST_DISK_H

#include "common/bytes.h"
#include "common/rng.h"

enum { DISK_FILES = 2 };

/* Begins with the files as they are. Their names must stay what they are. */
void disk_record(const char *const paths[DISK_FILES]);
void disk_stop(void);
/* From now on fsync() and fdatasync() reach nothing and say that they did. */
void disk_lie(bool lies);
/* The batch was handed over, in the log's order. That it was acknowledged is noted when the store
 * writes to `event_fd` next: in the thread that does. */
void disk_note_submitted(uint64_t batch);
void disk_watch(int event_fd, uint64_t (*acknowledged)(void *context), void *context);
void disk_forget(void);

struct disk_counts {
    uint64_t operations;
    uint64_t writes;
    uint64_t written_bytes;
    uint64_t syncs;
};
void disk_count(struct disk_counts *out);

/* A crash at `operation`: what the files may hold then, drawn by rng; borrowed until the next call.
 * Operations must not descend from call to call. Any batch from *least (acknowledged) to *most
 * (handed over) may be the last one in it. */
void disk_crash(uint64_t operation, struct rng *rng, struct span files[DISK_FILES],
                uint64_t *least, uint64_t *most);

#endif
