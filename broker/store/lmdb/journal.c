/* SPDX-License-Identifier: MIT
 *
 * The journal's writer; see journal.h. A batch is written out once, without sectors, into `kept`,
 * where it stays until the merge; its sectors are cut from there. */
#include "broker/store/lmdb/journal_sector.h"

#include "common/check.h"
#include "common/plant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- making one ------------------------------------------------------------------------------ */

static void sectors_blank(uint8_t *file, const uint8_t *uuid) {
    uint8_t *head = file + JOURNAL_SECTOR_HEAD;
    memcpy(head, journal_magic, sizeof journal_magic);
    put32(head + 8, JOURNAL_VERSION);
    put32(head + 12, JOURNAL_SECTORS);
    memcpy(head + 16, uuid, 16);
    for (uint32_t i = 0; i < JOURNAL_SECTORS; i++) {
        sector_seal(file + (size_t)i * JOURNAL_SECTOR, i, 0, 0);
    }
}

/* 0, or errno. */
static int write_at(int fd, const uint8_t *data, size_t size, off_t at) {
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, at);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        size_t done = written > 0 ? (size_t)written : 0;
        data += done;
        size -= done;
        at += (off_t)done;
    }
    return 0;
}

static int write_blank(int fd, const uint8_t *uuid) {
    uint8_t *file = calloc(JOURNAL_SECTORS, JOURNAL_SECTOR);
    CHECK(file != NULL);
    sectors_blank(file, uuid);
    int rc = write_at(fd, file, JOURNAL_BYTES, 0);
    free(file);
    return rc != 0 ? rc : fsync(fd) != 0 ? errno : 0;
}

/* Written over whatever was there: the row says that nothing is, until it says otherwise. */
int journal_make(int folder_fd, const uint8_t *uuid) {
    int fd = openat(folder_fd, "journal", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int rc = ftruncate(fd, JOURNAL_BYTES) != 0 ? errno : write_blank(fd, uuid);
    close(fd);
    return rc != 0 ? rc : fsync(folder_fd) == 0 ? 0 : errno;
}

int journal_open(struct journal *journal, int folder_fd) {
    journal->fd = openat(folder_fd, "journal", O_WRONLY | O_CLOEXEC);
    journal->next = 1;
    return journal->fd >= 0 ? 0 : errno;
}

void journal_close(struct journal *journal) {
    if (journal->fd >= 0) {
        close(journal->fd);
        journal->fd = -1;
    }
    bytes_free(&journal->kept);
    bytes_free(&journal->sectors);
}

/* ---- a batch --------------------------------------------------------------------------------- */

static size_t change_size(const struct store_change *change) {
    return change->is_delete
               ? JOURNAL_DELETE_SIZE
               : JOURNAL_PUT_SIZE + change->record.head.size + change->payload.size;
}

/* Above the limit as soon as it is known to be. */
static size_t batch_size(const struct store_batch *batch) {
    size_t size = JOURNAL_SIZE_SIZE;
    for (uint32_t i = 0; i < batch->change_count && size <= JOURNAL_BATCH_MAX; i++) {
        size += change_size(&batch->changes[i]);
    }
    return size;
}

bool journal_takes(const struct journal *journal, const struct store_batch *batch) {
    size_t size = batch_size(batch);
    return journal->fd >= 0 && size <= JOURNAL_BATCH_MAX &&
           journal->next + sectors_of(size) <= JOURNAL_SECTORS;
}

static void change_write(struct bytes *out, const struct store_change *change) {
    uint8_t front[JOURNAL_PUT_SIZE];
    front[0] = change->is_delete ? JOURNAL_DELETE : JOURNAL_PUT;
    memcpy(front + 1, change->record.key, RECORD_KEY_SIZE);
    if (change->is_delete) {
        bytes_append(out, front, JOURNAL_DELETE_SIZE);
        return;
    }
    put32(front + JOURNAL_DELETE_SIZE, (uint32_t)change->record.head.size);
    put32(front + JOURNAL_DELETE_SIZE + 4, (uint32_t)change->payload.size);
    bytes_append(out, front, sizeof front);
    bytes_append(out, change->record.head.data, change->record.head.size);
    bytes_append(out, change->payload.data, change->payload.size);
}

static void batch_write(struct bytes *out, const struct store_batch *batch) {
    uint8_t size[JOURNAL_SIZE_SIZE] = {0};
    size_t from = out->size;
    bytes_append(out, size, sizeof size);
    for (uint32_t i = 0; i < batch->change_count; i++) {
        change_write(out, &batch->changes[i]);
    }
    put32(out->data + from, (uint32_t)(out->size - from - sizeof size));
}

static void sectors_cut(struct bytes *out, struct span text, uint32_t number, uint64_t epoch,
                        uint64_t batch) {
    static const uint8_t zeros[JOURNAL_SECTOR];
    bytes_clear(out);
    for (size_t at = 0; at < text.size; at += SECTOR_ROOM, number++) {
        size_t size = text.size - at < SECTOR_ROOM ? text.size - at : SECTOR_ROOM;
        size_t sector = out->size;
        bytes_append(out, zeros, JOURNAL_SECTOR_HEAD);
        bytes_append(out, text.data + at, size);
        bytes_append(out, zeros, SECTOR_ROOM - size);
        sector_seal(out->data + sector, number, epoch, batch);
    }
}

int journal_write(struct journal *journal, uint64_t epoch, const struct store_batch *batch) {
    size_t before = journal->kept.size;
    batch_write(&journal->kept, batch);
    struct span text = {journal->kept.data + before, journal->kept.size - before};
    sectors_cut(&journal->sectors, text, journal->next, epoch, batch->number);
    int rc = write_at(journal->fd, journal->sectors.data, journal->sectors.size,
                      (off_t)journal->next * JOURNAL_SECTOR);
    if (rc != 0) {
        journal->kept.size = before;
        return rc;
    }
    journal->next += sectors_of(text.size);
    journal->last = batch->number;
    return 0;
}

/* One that finds no space leaves an unknown outcome, too. */
int journal_sync(const struct journal *journal) {
    if (PLANTED(PLANT_STORE_UNSYNCED) || fdatasync(journal->fd) == 0) {
        return 0;
    }
    return errno == ENOSPC || errno == EDQUOT ? EIO : errno;
}

bool journal_is_empty(const struct journal *journal) {
    return journal->kept.size == 0;
}

void journal_restart(struct journal *journal) {
    bytes_clear(&journal->kept);
    journal->next = 1;
}
