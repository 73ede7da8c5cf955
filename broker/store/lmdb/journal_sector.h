/* SPDX-License-Identifier: MIT
 *
 * A sector of the journal (journal.h): its head, checked. Shared by its writer and its reader. */
#ifndef WHERRY_STORE_LMDB_JOURNAL_SECTOR_H
#define WHERRY_STORE_LMDB_JOURNAL_SECTOR_H

#include "broker/store/lmdb/big_endian.h"
#include "broker/store/lmdb/journal.h"

#include "common/checksum.h"

enum {
    SECTOR_ROOM = JOURNAL_SECTOR - JOURNAL_SECTOR_HEAD,
    SECTOR_EPOCH_AT = 8,
    SECTOR_BATCH_AT = 16,
    JOURNAL_PUT = 1,
    JOURNAL_DELETE = 2,
    JOURNAL_HEAD_SIZE = 8 + 4 + 4 + 16,
    JOURNAL_SIZE_SIZE = 4,                         /* in front of a batch */
    JOURNAL_DELETE_SIZE = 1 + RECORD_KEY_SIZE,     /* a change */
    JOURNAL_PUT_SIZE = 1 + RECORD_KEY_SIZE + 4 + 4 /* and head and payload */
};

static const char journal_magic[8] = {'w', 'h', 'e', 'r', 'r', 'y', 'j', 'n'};

static inline uint64_t sector_check(const uint8_t *sector, uint32_t number) {
    return checksum(number, (struct span){sector + SECTOR_EPOCH_AT,
                                          JOURNAL_SECTOR - SECTOR_EPOCH_AT});
}

/* Its bytes are there already. */
static inline void sector_seal(uint8_t *sector, uint32_t number, uint64_t epoch, uint64_t batch) {
    put64(sector + SECTOR_EPOCH_AT, epoch);
    put64(sector + SECTOR_BATCH_AT, batch);
    put64(sector, sector_check(sector, number));
}

static inline bool sector_is_whole(const uint8_t *sector, uint32_t number) {
    return get64(sector) == sector_check(sector, number);
}

/* Below 0: of an older batch; 0: of this one; above: of a later one. */
static inline int sector_age(const uint8_t *sector, uint64_t epoch, uint64_t batch) {
    uint64_t has_epoch = get64(sector + SECTOR_EPOCH_AT);
    uint64_t has_batch = get64(sector + SECTOR_BATCH_AT);
    if (has_epoch != epoch) {
        return has_epoch < epoch ? -1 : 1;
    }
    return (has_batch > batch) - (has_batch < batch);
}

static inline uint32_t sectors_of(uint64_t bytes) {
    return (uint32_t)((bytes + SECTOR_ROOM - 1) / SECTOR_ROOM);
}

#endif
