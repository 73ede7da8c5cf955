/* SPDX-License-Identifier: MIT
 *
 * What is the LMDB store's own: its URL, its lock, its formats, damage that it finds, a disk that
 * is full or fails. The calls that LMDB writes and syncs with pass through this program, which can
 * make them fail; what lies on disk is changed through LMDB itself. */
#include "broker/store/lmdb/folder.h"
#include "broker/store/lmdb/format.h"
#include "broker/store/lmdb/url.h"
#include "common/clock.h"
#include "tests/unit/broker/store/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct shelf_size SMALL = {80, 100};

/* ---- the disk -------------------------------------------------------------------------------- */

static atomic_int write_fails; /* errno; 0: it works */
static atomic_int allocate_fails;
static atomic_int sync_fails;

#define SEEN __attribute__((visibility("default")))

static long disk(long result, int fails) {
    if (fails != 0) {
        errno = fails;
        return -1;
    }
    return result;
}

SEEN ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    int fails = write_fails;
    return disk(fails != 0 ? 0 : syscall(SYS_pwrite64, fd, data, size, at), fails);
}

SEEN ssize_t writev(int fd, const struct iovec *parts, int count) {
    int fails = write_fails;
    return disk(fails != 0 ? 0 : syscall(SYS_writev, fd, parts, count), fails);
}

SEEN int fallocate(int fd, int mode, off_t from, off_t size) {
    int fails = write_fails != 0 ? write_fails : allocate_fails;
    return (int)disk(fails != 0 ? 0 : syscall(SYS_fallocate, fd, mode, from, size), fails);
}

SEEN int fdatasync(int fd) {
    int fails = sync_fails;
    return (int)disk(fails != 0 ? 0 : syscall(SYS_fdatasync, fd), fails);
}

/* ---- fixtures -------------------------------------------------------------------------------- */

static void disk_works(void) {
    write_fails = 0;
    allocate_fails = 0;
    sync_fails = 0;
}

static int setup(void **state) {
    disk_works();
    *state = shelf_open("lmdb:", "?reserve=1M");
    return 0;
}

static int teardown(void **state) {
    disk_works();
    shelf_close((struct shelf **)state);
    return 0;
}

/* Three tasks of slot 1, the last one large, committed and closed. */
static struct shelf *shelf_with_tasks(void **state) {
    struct shelf *shelf = *state;
    shelf_put(shelf, RECORD_TASK, 1, 1, SMALL);
    shelf_put(shelf, RECORD_TASK, 1, 2, SMALL);
    shelf_put(shelf, RECORD_TASK, 1, 3, (struct shelf_size){80, 150000});
    shelf_commit(shelf);
    return shelf;
}

/* Changes what lies under a key behind the store's back, as a broken disk would: `flip` is the byte
 * of the value to change, −1: delete the key. Then opens the store again. */
static void shelf_damage(struct shelf *shelf, const char *table, const void *key_bytes,
                         size_t key_size, int flip) {
    char folder[80];
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    MDB_val key = {key_size, (void *)(uintptr_t)key_bytes};
    MDB_val value;
    store_close(&shelf->store);
    snprintf(folder, sizeof folder, "%s/store", shelf->folder);
    assert_int_equal(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 4);
    mdb_env_set_mapsize(env, 1 << 30);
    assert_int_equal(mdb_env_open(env, folder, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    assert_int_equal(mdb_get(txn, dbi, &key, &value), 0);
    uint8_t *copy = malloc(value.mv_size);
    memcpy(copy, value.mv_data, value.mv_size);
    value.mv_data = copy;
    if (flip >= 0) {
        copy[flip] ^= 1;
        assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    } else {
        assert_int_equal(mdb_del(txn, dbi, &key, NULL), 0);
    }
    uint8_t row_key = 0; /* the row goes along with each transaction */
    MDB_val row = {1, &row_key};
    if (mdb_dbi_open(txn, "objects", 0, &dbi) == 0 && mdb_get(txn, dbi, &row, &value) == 0 &&
        key_size > 1) {
        struct lmdb_row read;
        uint32_t version;
        uint8_t bytes[FORMAT_ROW_SIZE];
        assert_int_equal(format_row_read((struct span){value.mv_data, value.mv_size}, &read,
                                         &version), FORMAT_OK);
        read.transaction = mdb_txn_id(txn);
        format_row_write(&read, bytes);
        value = (MDB_val){sizeof bytes, bytes};
        assert_int_equal(mdb_put(txn, dbi, &row, &value, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    free(copy);
}

static void shelf_open_again(struct shelf *shelf) {
    if (store_open(shelf->url, &shelf->store) != WHERRY_OK) {
        fail_msg("%s", wherry_last_error());
    }
}

static void assert_refused(struct shelf *shelf, wherry_err err, const char *says) {
    assert_int_equal(store_open(shelf->url, &shelf->store), err);
    if (strstr(wherry_last_error(), says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", wherry_last_error(), says);
    }
    assert_non_null(strstr(wherry_last_error(), shelf->folder));
}

static void assert_damage(struct shelf *shelf, const char *says) {
    shelf_open_again(shelf);
    const char *text = shelf_expect_damage(shelf);
    if (strstr(text, says) == NULL || strstr(text, shelf->folder) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    }
}

static const uint8_t task_2[] = {RECORD_TASK, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
static const uint8_t task_3_piece_2[] = {RECORD_TASK, 0, 0, 1, 0, 0, 0, 0,
                                         0,           0, 0, 3, 0, 0, 0, 2};

/* ---- where it lies --------------------------------------------------------------------------- */

static void urls_name_a_folder_and_settings(void **state) {
    (void)state;
    struct lmdb_url url;
    assert_int_equal(lmdb_url_read("lmdb:/a/b", &url), WHERRY_OK);
    assert_string_equal(url.folder, "/a/b");
    assert_int_equal(url.reserve_bytes, 256 << 20);
    assert_int_equal(url.map_bytes, UINT64_C(1) << 40);
    assert_int_equal(lmdb_url_read("lmdb:x?map=1G&reserve=16M", &url), WHERRY_OK);
    assert_string_equal(url.folder, "x");
    assert_int_equal(url.reserve_bytes, 16 << 20);
    assert_int_equal(url.map_bytes, 1 << 30);
}

static void urls_that_are_no_urls_are_refused(void **state) {
    static const char *const wrong[] = {"lmdb:", "lmdb:?map=1G", "lmdb:x?map=1", "lmdb:x?reserve=",
                                        "lmdb:x?size=1G", "lmdb:x?map=1G,reserve=1M", "lmdbx:a"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(store_check_url(wrong[i]), WHERRY_E_INVALID);
        assert_true(strlen(wherry_last_error()) > 20);
    }
    assert_int_equal(store_check_url("lmdb:x"), WHERRY_OK);
}

static void network_file_systems_are_known(void **state) {
    (void)state;
    assert_int_equal(folder_trust(0x6969), FOLDER_NETWORK);
    assert_int_equal(folder_trust(0xff534d42), FOLDER_NETWORK);
    assert_int_equal(folder_trust(0x01021994), FOLDER_VANISHES);
    assert_int_equal(folder_trust(0x65735546), FOLDER_UNKNOWN);
    assert_int_equal(folder_trust(0xef53), FOLDER_TRUSTED); /* ext4 */
}

static void a_folder_serves_one_broker_at_a_time(void **state) {
    struct shelf *shelf = *state;
    struct store *second = NULL;
    assert_int_equal(store_open(shelf->url, &second), WHERRY_E_BUSY);
    assert_non_null(strstr(wherry_last_error(), "used by another process"));
    assert_null(second);
    shelf_reopen(shelf);
}

static void folders_are_made_private(void **state) {
    struct shelf *shelf = *state;
    struct stat stat_out;
    char path[128];
    store_close(&shelf->store);
    snprintf(shelf->url, sizeof shelf->url, "lmdb:%s/store/deep/er?reserve=1M", shelf->folder);
    shelf_open_again(shelf);
    snprintf(path, sizeof path, "%s/store/deep/er", shelf->folder);
    assert_int_equal(stat(path, &stat_out), 0);
    assert_int_equal(stat_out.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/store/deep/er/data.mdb", shelf->folder);
    assert_int_equal(stat(path, &stat_out), 0);
    assert_int_equal(stat_out.st_mode & 0777, 0600);
}

static void what_cannot_be_a_folder_is_refused(void **state) {
    struct shelf *shelf = *state;
    store_close(&shelf->store);
    snprintf(shelf->url, sizeof shelf->url, "lmdb:%s/store/data.mdb/x", shelf->folder);
    assert_refused(shelf, WHERRY_E_SYSTEM, "Not a directory");
}

/* Half of what the machine gives a process; with a sanitizer there is far less. */
static void a_map_is_as_large_as_may_be(void **state) {
    struct shelf *shelf = *state;
    store_close(&shelf->store);
    snprintf(shelf->url, sizeof shelf->url, "lmdb:%s/store?reserve=1M&map=65536G", shelf->folder);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_store_that_was_half_made_is_made_again(void **state) {
    struct shelf *shelf = *state;
    char path[128];
    store_close(&shelf->store);
    snprintf(path, sizeof path, "%s/store/data.mdb", shelf->folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/store/data.mdb.new", shelf->folder);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "torn", 4), 4);
    close(fd);
    shelf_open_again(shelf);
    assert_int_equal(access(path, F_OK), -1);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_file_that_is_no_store_is_refused_and_kept(void **state) {
    struct shelf *shelf = *state;
    struct stat before;
    char path[128];
    store_close(&shelf->store);
    snprintf(path, sizeof path, "%s/store/data.mdb", shelf->folder);
    int fd = open(path, O_TRUNC | O_WRONLY);
    for (int i = 0; i < 4096; i++) {
        assert_int_equal(write(fd, "somebody's diary", 16), 16);
    }
    close(fd);
    assert_refused(shelf, WHERRY_E_PROTOCOL, "not an LMDB file");
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(before.st_size, 65536);
}

/* ---- formats and damage ---------------------------------------------------------------------- */

static void an_unknown_format_is_refused_by_its_number(void **state) {
    struct shelf *shelf = *state;
    shelf_damage(shelf, "objects", "\0", 1, 11); /* version 2 -> 3 */
    assert_refused(shelf, WHERRY_E_PROTOCOL, "has format 3; this broker reads format 2");
}

static void a_damaged_row_is_refused(void **state) {
    struct shelf *shelf = *state;
    shelf_damage(shelf, "objects", "\0", 1, 40);
    assert_refused(shelf, WHERRY_E_PROTOCOL, "its row does not fit its check");
}

static void any_changed_byte_of_a_record_is_found_and_named(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    int size = FORMAT_RECORD_HEAD + 180;
    for (int at = 0; at < size; at++) {
        shelf_damage(shelf, "tasks", task_2, sizeof task_2, at);
        assert_damage(shelf, "task 2 of slot 1");
        shelf_damage(shelf, "tasks", task_2, sizeof task_2, at);
        shelf_open_again(shelf);
    }
    store_close(&shelf->store);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_record_that_vanished_is_missed(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    shelf_damage(shelf, "tasks", task_2, sizeof task_2, -1);
    assert_damage(shelf, "there are 2 records, and there should be 3");
}

static void a_piece_that_vanished_is_missed(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    shelf_damage(shelf, "tasks", task_3_piece_2, sizeof task_3_piece_2, -1);
    assert_damage(shelf, "task 3 of slot 1: a piece of it is missing");
}

static void a_changed_piece_is_found(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    shelf_damage(shelf, "tasks", task_3_piece_2, sizeof task_3_piece_2, 1000);
    assert_damage(shelf, "task 3 of slot 1: a piece of it does not fit");
}

static wherry_err look_away(void *context, const struct store_change *record) {
    (void)context;
    (void)record;
    return WHERRY_OK;
}

static void damage_keep(void *context, const struct store_damaged *told) {
    snprintf(context, 128, "%s", told->what);
}

/* LMDB would take new pages from there, and find no room for them in its map. */
static void a_last_page_far_behind_the_end_is_found_and_salvaged(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    struct store_verified found;
    char what[128] = "";
    char path[128];
    const struct store_verify how = {look_away, damage_keep, what};
    const uint8_t far = 0x10; /* 2^20 pages of mm_last_pg, little endian, of both meta pages */
    shelf_path(shelf, SHELF_DATA, path, sizeof path);
    store_close(&shelf->store);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, &far, 1, 138), 1);
    assert_int_equal(pwrite(fd, &far, 1, 4096 + 138), 1);
    close(fd);
    assert_int_equal(store_salvage(shelf->url, &how, &found), WHERRY_OK);
    assert_non_null(strstr(what, "the last page is said to be far behind the end"));
    assert_true(found.salvaged);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

/* ---- a disk that fails ----------------------------------------------------------------------- */

static void assert_final(struct shelf *shelf) {
    assert_int_equal(shelf_end_commit(shelf), WHERRY_E_SYSTEM);
    assert_int_equal(store_failed(shelf->store), WHERRY_E_SYSTEM);
    assert_int_equal(store_committed(shelf->store), shelf->committed);
}

static void a_failed_sync_is_final(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    shelf_delete(shelf, RECORD_TASK, 1, 9); /* changes nothing in the model */
    sync_fails = EIO;
    shelf_begin_commit(shelf);
    assert_final(shelf);
    sync_fails = 0;
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_failed_write_is_final(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    shelf_delete(shelf, RECORD_TASK, 1, 9);
    write_fails = EIO;
    shelf_begin_commit(shelf);
    assert_final(shelf);
    write_fails = 0;
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

/* The descriptor tells; within a second. */
static void wait_for_space(struct shelf *shelf, bool has_space) {
    struct pollfd wait = {.fd = store_fd(shelf->store), .events = POLLIN};
    int64_t until_us = clock_mono_us() + 1000000;
    while (store_has_space(shelf->store) != has_space) {
        uint64_t count = 0;
        assert_true(clock_mono_us() < until_us);
        assert_int_equal(poll(&wait, 1, 1000), 1);
        assert_int_equal(read(wait.fd, &count, sizeof count), sizeof count);
    }
}

static void a_full_disk_holds_a_batch_back_until_there_is_space(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    write_fails = ENOSPC;
    shelf_put(shelf, RECORD_TASK, 1, 4, SMALL);
    shelf_begin_commit(shelf);
    wait_for_space(shelf, false);
    assert_int_equal(store_failed(shelf->store), WHERRY_OK);
    assert_int_equal(store_committed(shelf->store), shelf->committed);
    write_fails = 0;
    assert_int_equal(shelf_end_commit(shelf), WHERRY_OK);
    wait_for_space(shelf, true);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_store_that_waits_for_space_can_be_closed(void **state) {
    struct shelf *shelf = shelf_with_tasks(state);
    shelf_delete(shelf, RECORD_TASK, 1, 9);
    write_fails = ENOSPC;
    shelf_begin_commit(shelf);
    wait_for_space(shelf, false);
    store_close(&shelf->store);
    write_fails = 0;
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void the_end_of_the_map_is_told_in_time(void **state) {
    struct shelf *shelf = *state;
    store_close(&shelf->store);
    snprintf(shelf->url, sizeof shelf->url, "lmdb:%s/store?reserve=16M&map=64M", shelf->folder);
    shelf_reopen(shelf);
    for (uint64_t arrival = 1; store_has_space(shelf->store); arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival, (struct shelf_size){80, 1 << 20});
        shelf_commit(shelf);
        assert_true(arrival < 60);
    }
    for (uint64_t arrival = 101; arrival < 105; arrival++) { /* what was promised still fits */
        shelf_put(shelf, RECORD_TASK, 1, arrival, (struct shelf_size){80, 1 << 20});
        shelf_commit(shelf);
    }
    shelf_reopen(shelf);
    assert_false(store_has_space(shelf->store));
    shelf_expect(shelf);
}

/* The disk is full and stays so; what the store gives back inside is taken into account. */
static void room_inside_a_full_store_is_room(void **state) {
    struct shelf *shelf = *state;
    for (uint64_t arrival = 1; arrival <= 8; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival, (struct shelf_size){80, 1 << 20});
    }
    shelf_commit(shelf);
    store_close(&shelf->store);
    allocate_fails = ENOSPC;
    shelf_reopen(shelf);
    assert_false(store_has_space(shelf->store));
    for (uint64_t arrival = 1; arrival <= 8; arrival++) {
        shelf_delete(shelf, RECORD_TASK, 1, arrival);
    }
    shelf_commit(shelf);
    wait_for_space(shelf, true);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_name_a_folder_and_settings),
        cmocka_unit_test(urls_that_are_no_urls_are_refused),
        cmocka_unit_test(network_file_systems_are_known),
        TEST(a_folder_serves_one_broker_at_a_time),
        TEST(folders_are_made_private),
        TEST(what_cannot_be_a_folder_is_refused),
        TEST(a_map_is_as_large_as_may_be),
        TEST(a_store_that_was_half_made_is_made_again),
        TEST(a_file_that_is_no_store_is_refused_and_kept),
        TEST(an_unknown_format_is_refused_by_its_number),
        TEST(a_damaged_row_is_refused),
        TEST(a_last_page_far_behind_the_end_is_found_and_salvaged),
        TEST(any_changed_byte_of_a_record_is_found_and_named),
        TEST(a_record_that_vanished_is_missed),
        TEST(a_piece_that_vanished_is_missed),
        TEST(a_changed_piece_is_found),
        TEST(a_failed_sync_is_final),
        TEST(a_failed_write_is_final),
        TEST(a_full_disk_holds_a_batch_back_until_there_is_space),
        TEST(a_store_that_waits_for_space_can_be_closed),
        TEST(the_end_of_the_map_is_told_in_time),
        TEST(room_inside_a_full_store_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
