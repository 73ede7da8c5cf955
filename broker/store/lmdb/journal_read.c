/* SPDX-License-Identifier: MIT
 *
 * The journal's reader; see journal.h. It holds what follows the last batch that is in LMDB, and
 * ends where a sector is older than the batch that should stand there. What else it finds in that
 * place is damage: a sector that does not fit its check, or one of a batch that is not next. */
#include "broker/store/lmdb/journal_sector.h"

#include "common/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reading {
    const uint8_t *file;
    uint32_t sector; /* where the next batch should stand */
    uint64_t epoch;
    uint64_t batch; /* its number */
    struct journal_found *found;
};

static const uint8_t *sector_at(const struct reading *reading, uint32_t number) {
    return reading->file + (size_t)number * JOURNAL_SECTOR;
}

/* ---- batches --------------------------------------------------------------------------------- */

/* False: it is the end, or damage. */
static bool sector_is_of(const struct reading *reading, uint32_t number) {
    if (number >= JOURNAL_SECTORS) {
        return false;
    }
    const uint8_t *sector = sector_at(reading, number);
    int age = sector_age(sector, reading->epoch, reading->batch);
    if (!sector_is_whole(sector, number)) {
        reading->found->damage = "a sector does not fit its check";
    } else if (age > 0) {
        reading->found->damage = "a batch is missing";
    }
    return reading->found->damage == NULL && age == 0;
}

/* Takes the next batch if all its sectors are there: a batch that was being written when the power
 * failed was not acknowledged. */
static bool batch_take(struct reading *reading) {
    struct bytes *kept = &reading->found->kept;
    size_t before = kept->size;
    uint64_t size = JOURNAL_SIZE_SIZE;
    uint32_t count = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (!sector_is_of(reading, reading->sector + i)) {
            kept->size = before;
            return false;
        }
        const uint8_t *content = sector_at(reading, reading->sector + i) + JOURNAL_SECTOR_HEAD;
        if (i == 0) {
            size += get32(content);
            count = sectors_of(size);
        }
        bytes_append(kept, content, SECTOR_ROOM);
    }
    kept->size = before + (size_t)size;
    reading->sector += count;
    return true;
}

static void batches_read(const uint8_t *file, const struct lmdb_row *row,
                         struct journal_found *found) {
    struct reading reading = {file, 1, row->epoch, row->batch + 1, found};
    while (batch_take(&reading)) {
        found->batches++;
        found->last = reading.batch++;
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

static const char *head_damage(const uint8_t *file, const struct lmdb_row *row) {
    const uint8_t *head = file + JOURNAL_SECTOR_HEAD;
    if (!sector_is_whole(file, 0) || memcmp(head, journal_magic, sizeof journal_magic) != 0) {
        return "its head does not fit its check";
    }
    if (get32(head + 8) != JOURNAL_VERSION || get32(head + 12) != JOURNAL_SECTORS) {
        return "it is of another version";
    }
    return memcmp(head + 16, row->uuid, sizeof row->uuid) == 0 ? NULL : "it is another store's";
}

/* NULL: read. */
static const char *file_read(int fd, uint8_t *file) {
    struct stat status;
    if (fstat(fd, &status) != 0 || (size_t)status.st_size != JOURNAL_BYTES) {
        return "it has not its size";
    }
    for (size_t at = 0; at < JOURNAL_BYTES;) {
        ssize_t size = pread(fd, file + at, JOURNAL_BYTES - at, (off_t)at);
        if (size == 0 || (size < 0 && errno != EINTR)) {
            return "it cannot be read";
        }
        at += size > 0 ? (size_t)size : 0;
    }
    return NULL;
}

const char *journal_load(int folder_fd, uint8_t *file) {
    int fd = openat(folder_fd, "journal", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? "it is missing" : "it cannot be opened";
    }
    const char *damage = file_read(fd, file);
    close(fd);
    return damage;
}

bool journal_is_whole(const uint8_t *file) {
    bool whole = true;
    for (uint32_t i = 0; i < JOURNAL_SECTORS && whole; i++) {
        whole = sector_is_whole(file + (size_t)i * JOURNAL_SECTOR, i);
    }
    return whole;
}

bool journal_follow(const uint8_t *file, const struct lmdb_row *row, struct journal_found *found) {
    *found = (struct journal_found){.damage = head_damage(file, row)};
    bool readable = found->damage == NULL;
    if (readable) {
        batches_read(file, row, found);
    }
    return readable;
}

bool journal_read(int folder_fd, const struct lmdb_row *row, struct journal_found *found) {
    uint8_t *file = malloc(JOURNAL_BYTES);
    CHECK(file != NULL);
    const char *damage = journal_load(folder_fd, file);
    bool readable = damage == NULL && journal_follow(file, row, found);
    if (damage != NULL) {
        *found = (struct journal_found){.damage = damage};
    }
    free(file);
    return readable;
}

void journal_found_fini(struct journal_found *found) {
    bytes_free(&found->kept);
}

/* ---- changes --------------------------------------------------------------------------------- */

/* How many bytes it takes; 0: damaged. */
static size_t change_read(struct span text, struct store_change *out) {
    if (text.size < JOURNAL_DELETE_SIZE) {
        return 0;
    }
    memcpy(out->record.key, text.data + 1, RECORD_KEY_SIZE);
    out->is_delete = text.data[0] == JOURNAL_DELETE;
    if (out->is_delete) {
        return JOURNAL_DELETE_SIZE;
    }
    if (text.data[0] != JOURNAL_PUT || text.size < JOURNAL_PUT_SIZE) {
        return 0;
    }
    uint64_t head = get32(text.data + JOURNAL_DELETE_SIZE);
    uint64_t payload = get32(text.data + JOURNAL_DELETE_SIZE + 4);
    out->record.head = (struct span){text.data + JOURNAL_PUT_SIZE, head};
    out->payload = (struct span){text.data + JOURNAL_PUT_SIZE + head, payload};
    return head + payload > text.size - JOURNAL_PUT_SIZE ? 0 : JOURNAL_PUT_SIZE + head + payload;
}

static bool batch_changes(struct span text, struct store_batch *out) {
    while (text.size > 0) {
        struct store_change change = {0};
        size_t size = change_read(text, &change);
        if (size == 0) {
            return false;
        }
        *store_batch_add(out) = change;
        text.data += size;
        text.size -= size;
    }
    return true;
}

bool journal_changes(struct span kept, struct store_batch *out) {
    while (kept.size > 0) {
        uint64_t size = kept.size < JOURNAL_SIZE_SIZE ? UINT64_MAX : get32(kept.data);
        if (size > kept.size - JOURNAL_SIZE_SIZE ||
            !batch_changes((struct span){kept.data + JOURNAL_SIZE_SIZE, size}, out)) {
            return false;
        }
        kept.data += JOURNAL_SIZE_SIZE + size;
        kept.size -= JOURNAL_SIZE_SIZE + size;
    }
    return true;
}
