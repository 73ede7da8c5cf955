/* SPDX-License-Identifier: MIT
 *
 * Backups of an LMDB store: one moment of it, whatever is committed meanwhile. */
#include "broker/store/lmdb/lmdb.h"
#include "common/err.h"
#include "shelf.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int setup(void **state) {
    *state = shelf_open("lmdb:", "?reserve=1M");
    return 0;
}

static int teardown(void **state) {
    struct shelf *shelf = *state;
    shelf_close(&shelf);
    return 0;
}

static const char *file_of(const struct shelf *shelf) {
    static char path[128];
    snprintf(path, sizeof path, "%s/backup", shelf->folder);
    return path;
}

static wherry_err backup(const struct shelf *shelf, struct store_backup *told) {
    return store_backup(shelf->url, file_of(shelf), told);
}

static bool nothing_is_left_of(const char *file) {
    char part[160];
    snprintf(part, sizeof part, "%s.part", file);
    return access(file, F_OK) != 0 && access(part, F_OK) != 0;
}

/* The store goes on with what the backup holds. */
static void start_on_it(struct shelf *shelf) {
    char data[160];
    snprintf(data, sizeof data, "%s/store/data.mdb", shelf->folder);
    store_close(&shelf->store);
    assert_int_equal(rename(file_of(shelf), data), 0);
    shelf_reopen(shelf);
}

static void a_backup_holds_every_record_and_is_another_store(void **state) {
    struct shelf *shelf = *state;
    struct store_backup told;
    uint8_t uuid[16];
    for (uint64_t arrival = 1; arrival <= 50; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival,
                  (struct shelf_size){80, (uint32_t)arrival * 5000});
    }
    shelf_put(shelf, RECORD_QUEUE, 2, 1, (struct shelf_size){40, 0});
    shelf_commit(shelf);
    memcpy(uuid, shelf->identity.uuid, sizeof uuid);
    assert_int_equal(backup(shelf, &told), WHERRY_OK);
    assert_int_equal(told.records, 51);
    assert_true(told.bytes > 50 * 51 / 2 * 5000);
    struct stat status;
    assert_int_equal(stat(file_of(shelf), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    uint64_t epoch = shelf->identity.epoch;
    start_on_it(shelf);
    shelf_expect(shelf);
    assert_memory_not_equal(uuid, shelf->identity.uuid, sizeof uuid);
    assert_true(shelf->identity.epoch > epoch);
    memcpy(uuid, shelf->identity.uuid, sizeof uuid);
    shelf_reopen(shelf); /* once only */
    assert_memory_equal(uuid, shelf->identity.uuid, sizeof uuid);
}

static void two_starts_on_one_backup_are_two_stores(void **state) {
    struct shelf *shelf = *state;
    struct store_backup told;
    char copy[160];
    uint8_t uuid[16];
    snprintf(copy, sizeof copy, "%s/copy", shelf->folder);
    assert_int_equal(backup(shelf, &told), WHERRY_OK);
    assert_int_equal(store_backup(shelf->url, copy, &told), WHERRY_OK);
    start_on_it(shelf);
    memcpy(uuid, shelf->identity.uuid, sizeof uuid);
    assert_int_equal(rename(copy, file_of(shelf)), 0);
    start_on_it(shelf);
    assert_memory_not_equal(uuid, shelf->identity.uuid, sizeof uuid);
}

struct run {
    struct shelf *shelf;
    uint64_t growth_bytes;
    struct store_backup told;
    wherry_err err;
    char text[256];
    atomic_bool over;
};

static void *run_backup(void *context) {
    struct run *run = context;
    run->err =
        lmdb_backup_within(run->shelf->url, file_of(run->shelf), run->growth_bytes, &run->told);
    snprintf(run->text, sizeof run->text, "%s", run->err != WHERRY_OK ? wherry_last_error() : "");
    atomic_store(&run->over, true);
    return NULL;
}

/* Each batch takes one task away and puts the next: at every moment there are a hundred. */
static void a_backup_is_one_moment_while_batches_are_committed(void **state) {
    struct shelf *shelf = *state;
    struct run run = {.shelf = shelf, .growth_bytes = UINT64_C(1) << 30};
    pthread_t thread;
    uint64_t newest = 100;
    for (uint64_t arrival = 1; arrival <= newest; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival, (struct shelf_size){80, 70000});
    }
    shelf_commit(shelf);
    assert_int_equal(pthread_create(&thread, NULL, run_backup, &run), 0);
    while (!atomic_load(&run.over) || newest < 150) {
        newest++;
        shelf_put(shelf, RECORD_TASK, 1, newest, (struct shelf_size){80, 70000});
        shelf_delete(shelf, RECORD_TASK, 1, newest - 100);
        shelf_commit(shelf);
    }
    pthread_join(thread, NULL);
    assert_int_equal(run.err, WHERRY_OK);
    assert_int_equal(run.told.records, 100);
    start_on_it(shelf);
    assert_int_equal(shelf->identity.records, 100);
}

static void a_backup_of_a_store_that_grows_too_much_is_given_up(void **state) {
    struct shelf *shelf = *state;
    struct run run = {.shelf = shelf};
    pthread_t thread;
    uint64_t arrival = 0;
    while (arrival < 64) {
        shelf_put(shelf, RECORD_TASK, 1, ++arrival, (struct shelf_size){80, 1 << 20});
    }
    shelf_commit(shelf);
    assert_int_equal(pthread_create(&thread, NULL, run_backup, &run), 0);
    while (!atomic_load(&run.over)) {
        for (int i = 0; i < 4; i++) {
            shelf_put(shelf, RECORD_TASK, 1, ++arrival, (struct shelf_size){80, 1 << 20});
        }
        shelf_commit(shelf);
    }
    pthread_join(thread, NULL);
    if (run.err == WHERRY_OK) {
        skip(); /* it was quicker than the second batch */
    }
    assert_int_equal(run.err, WHERRY_E_BUSY);
    assert_non_null(strstr(run.text, "given up"));
    assert_true(nothing_is_left_of(file_of(shelf)));
}

static void a_file_that_is_there_is_never_overwritten(void **state) {
    struct shelf *shelf = *state;
    struct store_backup told;
    FILE *file = fopen(file_of(shelf), "w");
    fputs("mine", file);
    fclose(file);
    assert_int_equal(backup(shelf, &told), WHERRY_E_INVALID);
    assert_non_null(strstr(wherry_last_error(), "is there already"));
    file = fopen(file_of(shelf), "r");
    assert_int_equal(fgetc(file), 'm');
    fclose(file);
    assert_int_equal(store_backup(shelf->url, "/nowhere/backup", &told), WHERRY_E_SYSTEM);
}

static void what_is_no_store_cannot_be_backed_up(void **state) {
    struct shelf *shelf = *state;
    struct store_backup told;
    assert_int_equal(store_backup("memory:", file_of(shelf), &told), WHERRY_E_INVALID);
    assert_int_equal(store_backup("lmdb:/nowhere", file_of(shelf), &told), WHERRY_E_SYSTEM);
    assert_non_null(strstr(wherry_last_error(), "/nowhere"));
    assert_true(nothing_is_left_of(file_of(shelf)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_backup_holds_every_record_and_is_another_store),
        TEST(two_starts_on_one_backup_are_two_stores),
        TEST(a_backup_is_one_moment_while_batches_are_committed),
        TEST(a_backup_of_a_store_that_grows_too_much_is_given_up),
        TEST(a_file_that_is_there_is_never_overwritten),
        TEST(what_is_no_store_cannot_be_backed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
