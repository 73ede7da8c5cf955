/* SPDX-License-Identifier: MIT
 *
 * Backups of an LMDB store: one moment of it, whatever is committed meanwhile. */
#include "broker/store/lmdb/lmdb.h"
#include "common/err.h"
#include "shelf.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

enum { TEXT_SIZE = 256, GROWING_TRIES = 8 };

struct outcome {
    wherry_err err;
    char text[TEXT_SIZE];
    struct store_backup told;
};

/* The backup by itself, as this program does when it is started with arguments: its outcome goes to
 * descriptor 3. */
static int backup_run(char **argv) {
    uint64_t growth_bytes = strtoull(argv[3], NULL, 10);
    struct outcome outcome = {0};
    outcome.err = growth_bytes == UINT64_MAX
                      ? store_backup(argv[1], argv[2], &outcome.told)
                      : lmdb_backup_within(argv[1], argv[2], growth_bytes, &outcome.told);
    snprintf(outcome.text, TEXT_SIZE, "%s", outcome.err != 0 ? wherry_last_error() : "");
    return write(3, &outcome, sizeof outcome) == sizeof outcome ? 0 : 1;
}

/* LMDB wants another process for it. Returns where the answer comes. */
static int backup_begin(const char *url, const char *file, uint64_t growth_bytes) {
    int ends[2];
    char growth[24];
    snprintf(growth, sizeof growth, "%llu", (unsigned long long)growth_bytes);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = vfork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 3);
        execl("/proc/self/exe", "backup", url, file, growth, NULL);
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

static struct outcome backup_end(int fd) {
    struct outcome outcome;
    assert_int_equal(read(fd, &outcome, sizeof outcome), sizeof outcome);
    close(fd);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    return outcome;
}

static struct outcome backup_to(const char *url, const char *file) {
    return backup_end(backup_begin(url, file, UINT64_MAX));
}

static struct outcome backup(const struct shelf *shelf) {
    return backup_to(shelf->url, file_of(shelf));
}

static bool backup_is_over(int fd) {
    struct pollfd item = {fd, POLLIN, 0};
    return poll(&item, 1, 0) > 0;
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
    uint8_t uuid[16];
    for (uint64_t arrival = 1; arrival <= 50; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival,
                  (struct shelf_size){80, (uint32_t)arrival * 5000});
    }
    shelf_put(shelf, RECORD_QUEUE, 2, 1, (struct shelf_size){40, 0});
    shelf_commit(shelf);
    memcpy(uuid, shelf->identity.uuid, sizeof uuid);
    struct outcome outcome = backup(shelf);
    assert_int_equal(outcome.err, WHERRY_OK);
    assert_int_equal(outcome.told.records, 51);
    assert_true(outcome.told.bytes > 50 * 51 / 2 * 5000);
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
    char copy[160];
    uint8_t uuid[16];
    snprintf(copy, sizeof copy, "%s/copy", shelf->folder);
    assert_int_equal(backup(shelf).err, WHERRY_OK);
    assert_int_equal(backup_to(shelf->url, copy).err, WHERRY_OK);
    start_on_it(shelf);
    memcpy(uuid, shelf->identity.uuid, sizeof uuid);
    assert_int_equal(rename(copy, file_of(shelf)), 0);
    start_on_it(shelf);
    assert_memory_not_equal(uuid, shelf->identity.uuid, sizeof uuid);
}

/* Each batch takes one task away and puts the next: at every moment there are a hundred. */
static void a_backup_is_one_moment_while_batches_are_committed(void **state) {
    struct shelf *shelf = *state;
    uint64_t newest = 100;
    for (uint64_t arrival = 1; arrival <= newest; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival, (struct shelf_size){80, 70000});
    }
    shelf_commit(shelf);
    int running = backup_begin(shelf->url, file_of(shelf), UINT64_C(1) << 30);
    while (!backup_is_over(running) || newest < 150) {
        newest++;
        shelf_put(shelf, RECORD_TASK, 1, newest, (struct shelf_size){80, 70000});
        shelf_delete(shelf, RECORD_TASK, 1, newest - 100);
        shelf_commit(shelf);
    }
    struct outcome outcome = backup_end(running);
    assert_int_equal(outcome.err, WHERRY_OK);
    assert_int_equal(outcome.told.records, 100);
    start_on_it(shelf);
    assert_int_equal(shelf->identity.records, 100);
}

static void grow(struct shelf *shelf, uint64_t *arrival, int count) {
    for (int i = 0; i < count; i++) {
        shelf_put(shelf, RECORD_TASK, 1, ++*arrival, (struct shelf_size){80, 1 << 20});
    }
    shelf_commit(shelf);
}

/* A backup that is quicker than the next batch succeeds: then there is more to copy next time. */
static void a_backup_of_a_store_that_grows_too_much_is_given_up(void **state) {
    struct shelf *shelf = *state;
    struct outcome outcome = {.err = WHERRY_OK};
    uint64_t arrival = 0;
    for (int tries = 0; tries < GROWING_TRIES && outcome.err == WHERRY_OK; tries++) {
        unlink(file_of(shelf));
        grow(shelf, &arrival, 64);
        int running = backup_begin(shelf->url, file_of(shelf), 0);
        while (!backup_is_over(running)) {
            grow(shelf, &arrival, 4);
        }
        outcome = backup_end(running);
    }
    assert_int_equal(outcome.err, WHERRY_E_BUSY);
    assert_non_null(strstr(outcome.text, "given up"));
    assert_true(nothing_is_left_of(file_of(shelf)));
}

static void a_file_that_is_there_is_never_overwritten(void **state) {
    struct shelf *shelf = *state;
    FILE *file = fopen(file_of(shelf), "w");
    fputs("mine", file);
    fclose(file);
    struct outcome outcome = backup(shelf);
    assert_int_equal(outcome.err, WHERRY_E_INVALID);
    assert_non_null(strstr(outcome.text, "is there already"));
    file = fopen(file_of(shelf), "r");
    assert_int_equal(fgetc(file), 'm');
    fclose(file);
    assert_int_equal(backup_to(shelf->url, "/nowhere/backup").err, WHERRY_E_SYSTEM);
}

static void what_is_no_store_cannot_be_backed_up(void **state) {
    struct shelf *shelf = *state;
    assert_int_equal(backup_to("memory:", file_of(shelf)).err, WHERRY_E_INVALID);
    struct outcome outcome = backup_to("lmdb:/nowhere", file_of(shelf));
    assert_int_equal(outcome.err, WHERRY_E_SYSTEM);
    assert_non_null(strstr(outcome.text, "/nowhere"));
    assert_true(nothing_is_left_of(file_of(shelf)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv) {
    if (argc == 4) {
        return backup_run(argv);
    }
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
