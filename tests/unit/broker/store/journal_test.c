/* SPDX-License-Identifier: MIT */
#include "broker/store/lmdb/journal.h"
#include "tests/unit/broker/store/shelf.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL ((struct shelf_size){80, 100})

enum { SECTOR = JOURNAL_SECTOR, EPOCH_AT = 8, BATCH_AT = 16 };

static int setup(void **state) {
    *state = shelf_open("lmdb:", "?reserve=1M");
    return 0;
}

static int teardown(void **state) {
    shelf_close((struct shelf **)state);
    return 0;
}

/* `count` batches of one task each. */
static void commit_some(struct shelf *shelf, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        shelf_put(shelf, RECORD_TASK, 1, first + i, SMALL);
        shelf_commit(shelf);
    }
}

/* The files as a kill leaves them, `change` made to the journal, and opened again. */
static wherry_err open_changed(struct shelf *shelf, void (*change)(struct bytes *journal)) {
    struct bytes files[SHELF_FILES];
    shelf_kill(shelf);
    shelf_files_read(shelf, files);
    change(&files[SHELF_JOURNAL]);
    shelf_files_write(shelf, (struct span[]){bytes_span(&files[0]), bytes_span(&files[1])});
    shelf_files_free(files);
    wherry_err err = store_open(shelf->url, &shelf->store);
    if (err == WHERRY_OK) {
        store_identity(shelf->store, &shelf->identity);
    }
    return err;
}

static void assert_refused(struct shelf *shelf, void (*change)(struct bytes *journal),
                           const char *says) {
    assert_int_equal(open_changed(shelf, change), WHERRY_E_PROTOCOL);
    if (strstr(wherry_last_error(), says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", wherry_last_error(), says);
    }
}

/* ---- what it is for -------------------------------------------------------------------------- */

static void small_batches_stay_out_of_lmdb_until_there_are_many(void **state) {
    struct shelf *shelf = *state;
    struct bytes before[SHELF_FILES];
    struct bytes after[SHELF_FILES];
    shelf_files_read(shelf, before);
    commit_some(shelf, 1, 100);
    shelf_files_read(shelf, after);
    assert_int_equal(before[SHELF_DATA].size, after[SHELF_DATA].size);
    assert_memory_equal(before[SHELF_DATA].data, after[SHELF_DATA].data, after[SHELF_DATA].size);
    shelf_files_free(before);
    shelf_files_free(after);
}

static void what_a_killed_broker_committed_is_there(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 10);
    shelf_put(shelf, RECORD_SESSION, 0, 7, (struct shelf_size){300, 0});
    shelf_delete(shelf, RECORD_TASK, 1, 4);
    shelf_commit(shelf);
    shelf_kill(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_large_batch_takes_everything_before_it_along(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 10);
    shelf_put(shelf, RECORD_TASK, 1, 3, (struct shelf_size){80, JOURNAL_BATCH_MAX});
    shelf_delete(shelf, RECORD_TASK, 1, 4);
    shelf_commit(shelf);
    commit_some(shelf, 11, 3);
    shelf_put(shelf, RECORD_TASK, 1, 3, SMALL);
    shelf_commit(shelf);
    shelf_kill(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_full_journal_begins_again(void **state) {
    struct shelf *shelf = *state;
    for (uint64_t i = 0; i < 40; i++) { /* 200 KB each, a fortieth of which stays */
        for (uint64_t j = 0; j < 40; j++) {
            shelf_put(shelf, RECORD_TASK, 2, 1 + 40 * i + j, (struct shelf_size){80, 5000});
        }
        shelf_commit(shelf);
        for (uint64_t j = 1; j < 40; j++) {
            shelf_delete(shelf, RECORD_TASK, 2, 1 + 40 * i + j);
        }
        shelf_commit(shelf);
    }
    shelf_kill(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void what_was_put_and_deleted_in_between_never_reaches_lmdb(void **state) {
    struct shelf *shelf = *state;
    struct stat before;
    struct stat after;
    char path[128];
    shelf_path(shelf, SHELF_DATA, path, sizeof path);
    shelf_expect(shelf); /* a scan: the store knows its last arrival */
    assert_int_equal(stat(path, &before), 0);
    for (uint64_t i = 1; i < 400; i++) { /* 14 MB in all */
        shelf_put(shelf, RECORD_TASK, 2, i, (struct shelf_size){80, 35000});
        shelf_commit(shelf);
        shelf_delete(shelf, RECORD_TASK, 2, i);
        shelf_commit(shelf);
    }
    assert_int_equal(stat(path, &after), 0);
    assert_in_range(after.st_size, before.st_size, before.st_size + (1 << 20));
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void after_a_close_in_good_order_there_is_nothing_in_it(void **state) {
    struct shelf *shelf = *state;
    char path[128];
    commit_some(shelf, 1, 10);
    store_close(&shelf->store);
    shelf_path(shelf, SHELF_JOURNAL, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

/* ---- its end, and damage --------------------------------------------------------------------- */

static uint64_t number_at(const uint8_t *data) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | data[i];
    }
    return number;
}

/* The last sector that was written: of the highest epoch and batch, the last one. */
static uint8_t *last_sector(const struct bytes *journal) {
    uint8_t *last = journal->data + SECTOR;
    for (size_t at = SECTOR; at < journal->size; at += SECTOR) {
        uint8_t *sector = journal->data + at;
        bool later = number_at(sector + EPOCH_AT) >= number_at(last + EPOCH_AT) &&
                     number_at(sector + BATCH_AT) >= number_at(last + BATCH_AT);
        last = later ? sector : last;
    }
    return last;
}

/* As if it had not been written: the sector behind it is as the journal was made, but its place
 * counts. */
static uint8_t fresh[SECTOR];

static void the_last_sector_unwritten(struct bytes *journal) {
    memcpy(last_sector(journal), fresh, SECTOR);
}

static void a_batch_that_is_not_whole_was_never_there(void **state) {
    struct shelf *shelf = *state;
    struct bytes files[SHELF_FILES];
    uint32_t sectors = 2 + 6; /* 5 batches of one sector, the next of three */
    commit_some(shelf, 1, 5);
    shelf_files_read(shelf, files);
    memcpy(fresh, files[SHELF_JOURNAL].data + (size_t)sectors * SECTOR, SECTOR);
    shelf_files_free(files);
    struct shelf_record *model = malloc(shelf->model_count * sizeof *model);
    uint32_t count = shelf->model_count;
    memcpy(model, shelf->model, count * sizeof *model);
    shelf_put(shelf, RECORD_TASK, 1, 6, (struct shelf_size){80, 1200});
    shelf_commit(shelf);
    assert_int_equal(open_changed(shelf, the_last_sector_unwritten), WHERRY_OK);
    memcpy(shelf->model, model, count * sizeof *model);
    shelf->model_count = count;
    shelf_expect(shelf);
    free(model);
}

static void a_bit_of_the_last_flipped(struct bytes *journal) {
    last_sector(journal)[200] ^= 4;
}

static void nothing(struct bytes *journal) {
    (void)journal;
}

static void the_last_zeroed(struct bytes *journal) {
    memset(last_sector(journal), 0, SECTOR);
}

static void the_first_two_exchanged(struct bytes *journal) {
    uint8_t kept[SECTOR];
    memcpy(kept, journal->data + SECTOR, SECTOR);
    memcpy(journal->data + SECTOR, journal->data + 2 * SECTOR, SECTOR);
    memcpy(journal->data + 2 * SECTOR, kept, SECTOR);
}

static void cut_off(struct bytes *journal) {
    journal->size -= SECTOR;
}

static void the_head_flipped(struct bytes *journal) {
    journal->data[100] ^= 1;
}

static void damage_is_told_from_the_end(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 5);
    assert_refused(shelf, a_bit_of_the_last_flipped, "its journal: a sector does not fit");
    assert_refused(shelf, nothing, "a sector does not fit its check"); /* and stays so */
}

static void zeros_are_damage(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 5);
    assert_refused(shelf, the_last_zeroed, "a sector does not fit its check");
}

static void sectors_know_their_place(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 5);
    assert_refused(shelf, the_first_two_exchanged, "a sector does not fit its check");
}

static void a_journal_that_was_cut_is_damaged(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 5);
    assert_refused(shelf, cut_off, "it has not its size");
}

static void a_damaged_head_is_refused(void **state) {
    struct shelf *shelf = *state;
    commit_some(shelf, 1, 5);
    assert_refused(shelf, the_head_flipped, "its head does not fit its check");
}

static void a_missing_journal_is_refused(void **state) {
    struct shelf *shelf = *state;
    char path[128];
    commit_some(shelf, 1, 5);
    shelf_kill(shelf);
    shelf_path(shelf, SHELF_JOURNAL, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_open(shelf->url, &shelf->store), WHERRY_E_PROTOCOL);
    assert_non_null(strstr(wherry_last_error(), "its journal: it is missing"));
}

static void another_stores_journal_is_refused(void **state) {
    struct shelf *shelf = *state;
    struct shelf *other = shelf_open("lmdb:", "?reserve=1M");
    struct bytes files[SHELF_FILES];
    struct bytes others[SHELF_FILES];
    commit_some(shelf, 1, 5);
    commit_some(other, 1, 5);
    shelf_kill(shelf);
    shelf_files_read(shelf, files);
    shelf_files_read(other, others);
    shelf_files_write(shelf, (struct span[]){bytes_span(&files[0]), bytes_span(&others[1])});
    assert_int_equal(store_open(shelf->url, &shelf->store), WHERRY_E_PROTOCOL);
    assert_non_null(strstr(wherry_last_error(), "it is another store's"));
    shelf_files_free(files);
    shelf_files_free(others);
    shelf_close(&other);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* A copy has another uuid, and no journal of the store that it was copied from. */
static void a_copy_leaves_the_journal_beside_it_alone(void **state) {
    struct shelf *shelf = *state;
    char copy[128];
    char path[128];
    struct store_backup told;
    commit_some(shelf, 1, 5);
    shelf_kill(shelf);
    snprintf(copy, sizeof copy, "%s/copy", shelf->folder);
    assert_int_equal(store_backup(shelf->url, copy, &told), WHERRY_OK);
    assert_int_equal(told.records, 5);
    shelf_path(shelf, SHELF_DATA, path, sizeof path);
    assert_int_equal(rename(copy, path), 0);
    shelf_reopen(shelf);
    shelf_expect(shelf);
    commit_some(shelf, 6, 5);
    shelf_kill(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(small_batches_stay_out_of_lmdb_until_there_are_many),
        TEST(what_a_killed_broker_committed_is_there),
        TEST(a_large_batch_takes_everything_before_it_along),
        TEST(a_full_journal_begins_again),
        TEST(what_was_put_and_deleted_in_between_never_reaches_lmdb),
        TEST(after_a_close_in_good_order_there_is_nothing_in_it),
        TEST(a_batch_that_is_not_whole_was_never_there),
        TEST(damage_is_told_from_the_end),
        TEST(zeros_are_damage),
        TEST(sectors_know_their_place),
        TEST(a_journal_that_was_cut_is_damaged),
        TEST(a_damaged_head_is_refused),
        TEST(a_missing_journal_is_refused),
        TEST(another_stores_journal_is_refused),
        TEST(a_copy_leaves_the_journal_beside_it_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
