/* SPDX-License-Identifier: MIT
 *
 * Shelf: a store beside a model of what it should hold. Every record is made from its key and a
 * seed, so the model keeps sizes and seeds only, and a scan can be compared byte by byte.
 *
 *     struct shelf *shelf = shelf_open("lmdb:");        in a folder of its own under /tmp
 *     shelf_put(shelf, RECORD_TASK, 3, 77, (struct shelf_size){80, 100});
 *     shelf_commit(shelf);                              waits until it is committed
 *     shelf_reopen(shelf);                              close, open
 *     shelf_expect(shelf);                              the scan gives exactly the model
 *     shelf_close(&shelf);                              folder removed */
#ifndef WHERRY_TEST_SHELF_H
#define WHERRY_TEST_SHELF_H

#include "broker/store/store.h"
#include "tests/unit/common/testing.h"

struct shelf_size {
    uint32_t head;
    uint32_t payload;
};

struct shelf_record {
    uint8_t key[RECORD_KEY_SIZE];
    struct shelf_size size;
    uint32_t seed;
};

struct shelf {
    char folder[64];
    char url[128];
    struct store *store;
    struct store_identity identity;
    struct shelf_record *model; /* in key order, as committed or gathering */
    uint32_t model_count;
    uint32_t model_capacity;
    struct store_batch batch; /* gathering; heads and payloads are malloc'ed */
    uint64_t committed;
    uint32_t seed;
};

/* Where folders are made: /tmp. Who opens thousands of stores takes shelf_in_memory(). */
void shelf_in_memory(void);
/* scheme: "memory:" or "lmdb:". settings: behind the folder, "?reserve=1M"; may be "". */
struct shelf *shelf_open(const char *scheme, const char *settings);
void shelf_close(struct shelf **shelf);
/* What a process left behind that did not come to its end. */
void shelf_remove_of(pid_t pid);
void shelf_reopen(struct shelf *shelf);

/* The files of an lmdb: store. */
enum shelf_file { SHELF_DATA, SHELF_JOURNAL, SHELF_FILES };
void shelf_path(const struct shelf *shelf, enum shelf_file file, char *path, size_t size);
/* As they are at the moment, the store open or not. */
void shelf_files_read(const struct shelf *shelf, struct bytes files[SHELF_FILES]);
void shelf_files_write(const struct shelf *shelf, const struct span files[SHELF_FILES]);
void shelf_files_free(struct bytes files[SHELF_FILES]);
/* Closes the store, and leaves its files as a broker that is killed now would. */
void shelf_kill(struct shelf *shelf);

void shelf_put(struct shelf *shelf, enum record_kind kind, uint16_t slot, uint64_t number,
               struct shelf_size size);
void shelf_delete(struct shelf *shelf, enum record_kind kind, uint16_t slot, uint64_t number);

/* Hands the batch over; with nothing in it, too. */
void shelf_begin_commit(struct shelf *shelf);
/* Until it is committed or the store failed (then WHERRY_E_SYSTEM); 30 s. */
wherry_err shelf_end_commit(struct shelf *shelf);
void shelf_commit(struct shelf *shelf);

/* Key, head and payload are those of this record. */
bool shelf_is(const struct shelf_record *record, const struct store_change *found);
/* The model has exactly this record. */
bool shelf_has(const struct shelf *shelf, const struct store_change *found);
/* Scans; fails the test at the first difference. */
void shelf_expect(struct shelf *shelf);
/* Scans and expects a failure; its text. */
const char *shelf_expect_damage(struct shelf *shelf);

#endif
