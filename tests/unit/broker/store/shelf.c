/* SPDX-License-Identifier: MIT
 *
 * Shelf; see shelf.h. */
#include "tests/unit/broker/store/shelf.h"

#include "common/rng.h"

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMIT_WAIT_MS = 30000 };

/* ---- what a record holds --------------------------------------------------------------------- */

/* `number` 0 is the head, 1 the payload. */
static uint8_t *bytes_make(const struct shelf_record *record, uint64_t number, size_t size) {
    struct rng rng;
    uint8_t *bytes = malloc(size + sizeof(uint64_t));
    assert_non_null(bytes);
    rng_init(&rng, (uint64_t)record->seed * 2 + number);
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = rng_next(&rng);
        memcpy(bytes + i, &word, sizeof word);
    }
    return bytes;
}

static void assert_bytes(const struct shelf_record *record, uint64_t number, struct span found,
                         size_t size) {
    uint8_t *expected = bytes_make(record, number, size);
    assert_int_equal(found.size, size);
    assert_memory_equal(found.data, expected, size);
    free(expected);
}

/* ---- the model ------------------------------------------------------------------------------- */

static uint32_t model_find(const struct shelf *shelf, const uint8_t *key) {
    uint32_t low = 0;
    uint32_t high = shelf->model_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (memcmp(shelf->model[middle].key, key, RECORD_KEY_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool model_has(const struct shelf *shelf, uint32_t at, const uint8_t *key) {
    return at < shelf->model_count && memcmp(shelf->model[at].key, key, RECORD_KEY_SIZE) == 0;
}

static void model_put(struct shelf *shelf, const struct shelf_record *record) {
    uint32_t at = model_find(shelf, record->key);
    if (!model_has(shelf, at, record->key)) {
        if (shelf->model_count == shelf->model_capacity) {
            shelf->model_capacity = shelf->model_capacity * 2 + 64;
            shelf->model = realloc(shelf->model, shelf->model_capacity * sizeof *shelf->model);
            assert_non_null(shelf->model);
        }
        memmove(&shelf->model[at + 1], &shelf->model[at],
                (shelf->model_count - at) * sizeof *shelf->model);
        shelf->model_count++;
    }
    shelf->model[at] = *record;
}

static void model_delete(struct shelf *shelf, const uint8_t *key) {
    uint32_t at = model_find(shelf, key);
    if (model_has(shelf, at, key)) {
        shelf->model_count--;
        memmove(&shelf->model[at], &shelf->model[at + 1],
                (shelf->model_count - at) * sizeof *shelf->model);
    }
}

static const char *shelf_root = "/tmp";

void shelf_in_memory(void) {
    shelf_root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : shelf_root;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void shelf_start(struct shelf *shelf) {
    if (store_open(shelf->url, &shelf->store) != WHERRY_OK) {
        fail_msg("%s", wherry_last_error());
    }
    store_identity(shelf->store, &shelf->identity);
    shelf->committed = 0;
}

struct shelf *shelf_open(const char *scheme, const char *settings) {
    struct shelf *shelf = calloc(1, sizeof *shelf);
    assert_non_null(shelf);
    snprintf(shelf->folder, sizeof shelf->folder, "%s/wherry-shelf-%d-XXXXXX", shelf_root,
             (int)getpid());
    assert_non_null(mkdtemp(shelf->folder));
    bool memory = strcmp(scheme, "memory:") == 0;
    snprintf(shelf->url, sizeof shelf->url, "%s%s%s%s", scheme, memory ? "" : shelf->folder,
             memory ? "" : "/store", settings);
    shelf_start(shelf);
    return shelf;
}

static void batch_forget(struct shelf *shelf) {
    for (uint32_t i = 0; i < shelf->batch.change_count; i++) {
        free((void *)(uintptr_t)shelf->batch.changes[i].record.head.data);
        free((void *)(uintptr_t)shelf->batch.changes[i].payload.data);
    }
    store_batch_clear(&shelf->batch);
}

static int path_remove(const char *path, const struct stat *stat, int type, struct FTW *walk) {
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void shelf_remove_of(pid_t pid) {
    char pattern[64];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/wherry-shelf-%d-*", shelf_root, (int)pid);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            nftw(found.gl_pathv[i], path_remove, 8, FTW_DEPTH | FTW_PHYS);
        }
        globfree(&found);
    }
}

void shelf_close(struct shelf **shelf_at) {
    struct shelf *shelf = *shelf_at;
    store_close(&shelf->store);
    batch_forget(shelf);
    store_batch_fini(&shelf->batch);
    nftw(shelf->folder, path_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(shelf->model);
    free(shelf);
    *shelf_at = NULL;
}

void shelf_reopen(struct shelf *shelf) {
    store_close(&shelf->store);
    assert_null(shelf->store);
    shelf_start(shelf);
}

/* ---- files ----------------------------------------------------------------------------------- */

void shelf_path(const struct shelf *shelf, enum shelf_file file, char *path, size_t size) {
    snprintf(path, size, "%s/store/%s", shelf->folder, file == SHELF_DATA ? "data.mdb" : "journal");
}

static void file_read(const char *path, struct bytes *out) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    assert_true(bytes_reserve(out, (size_t)status.st_size));
    out->size = (size_t)status.st_size;
    assert_int_equal(pread(fd, out->data, out->size, 0), out->size);
    close(fd);
}

/* In place: making room for it anew costs more. */
static void file_write(const char *path, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.size), bytes.size);
    assert_int_equal(ftruncate(fd, (off_t)bytes.size), 0);
    close(fd);
}

void shelf_files_read(const struct shelf *shelf, struct bytes files[SHELF_FILES]) {
    char path[128];
    for (int i = 0; i < SHELF_FILES; i++) {
        files[i] = BYTES_EMPTY;
        shelf_path(shelf, (enum shelf_file)i, path, sizeof path);
        file_read(path, &files[i]);
    }
}

void shelf_files_write(const struct shelf *shelf, const struct span files[SHELF_FILES]) {
    char path[128];
    for (int i = 0; i < SHELF_FILES; i++) {
        shelf_path(shelf, (enum shelf_file)i, path, sizeof path);
        file_write(path, files[i]);
    }
}

void shelf_files_free(struct bytes files[SHELF_FILES]) {
    for (int i = 0; i < SHELF_FILES; i++) {
        bytes_free(&files[i]);
    }
}

void shelf_kill(struct shelf *shelf) {
    struct bytes files[SHELF_FILES];
    shelf_files_read(shelf, files);
    store_close(&shelf->store);
    shelf_files_write(shelf, (struct span[]){bytes_span(&files[0]), bytes_span(&files[1])});
    shelf_files_free(files);
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct store_change *shelf_add(struct shelf *shelf, enum record_kind kind, uint16_t slot,
                                      uint64_t number) {
    struct store_change *change = store_batch_add(&shelf->batch);
    *change = (struct store_change){.is_delete = true};
    uint8_t *key = change->record.key;
    key[0] = (uint8_t)kind;
    key[2] = (uint8_t)(slot >> 8);
    key[3] = (uint8_t)slot;
    for (int i = 0; i < 8; i++) {
        key[4 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return change;
}

void shelf_put(struct shelf *shelf, enum record_kind kind, uint16_t slot, uint64_t number,
               struct shelf_size size) {
    struct store_change *change = shelf_add(shelf, kind, slot, number);
    struct shelf_record record = {.size = size, .seed = ++shelf->seed};
    memcpy(record.key, change->record.key, RECORD_KEY_SIZE);
    model_put(shelf, &record);
    change->is_delete = false;
    change->record.head = (struct span){bytes_make(&record, 0, size.head), size.head};
    change->payload = (struct span){bytes_make(&record, 1, size.payload), size.payload};
}

void shelf_delete(struct shelf *shelf, enum record_kind kind, uint16_t slot, uint64_t number) {
    model_delete(shelf, shelf_add(shelf, kind, slot, number)->record.key);
}

void shelf_begin_commit(struct shelf *shelf) {
    shelf->batch.number = shelf->committed + 1;
    store_commit(shelf->store, &shelf->batch);
}

wherry_err shelf_end_commit(struct shelf *shelf) {
    struct pollfd wait = {.fd = store_fd(shelf->store), .events = POLLIN};
    while (store_committed(shelf->store) < shelf->batch.number) {
        uint64_t count = 0;
        if (store_failed(shelf->store) != WHERRY_OK) {
            return WHERRY_E_SYSTEM;
        }
        assert_int_equal(poll(&wait, 1, COMMIT_WAIT_MS), 1);
        assert_int_equal(read(wait.fd, &count, sizeof count), sizeof count);
    }
    assert_int_equal(store_committed(shelf->store), shelf->batch.number);
    shelf->committed = shelf->batch.number;
    batch_forget(shelf);
    return WHERRY_OK;
}

void shelf_commit(struct shelf *shelf) {
    shelf_begin_commit(shelf);
    assert_int_equal(shelf_end_commit(shelf), WHERRY_OK);
}

static bool bytes_equal(const struct shelf_record *record, uint64_t number, struct span found,
                        size_t size) {
    uint8_t *expected = bytes_make(record, number, size);
    bool equal = found.size == size && (size == 0 || memcmp(found.data, expected, size) == 0);
    free(expected);
    return equal;
}

bool shelf_is(const struct shelf_record *record, const struct store_change *found) {
    return memcmp(record->key, found->record.key, RECORD_KEY_SIZE) == 0 &&
           bytes_equal(record, 0, found->record.head, record->size.head) &&
           bytes_equal(record, 1, found->payload, record->size.payload);
}

bool shelf_has(const struct shelf *shelf, const struct store_change *found) {
    uint32_t at = model_find(shelf, found->record.key);
    return at < shelf->model_count && shelf_is(&shelf->model[at], found);
}

/* ---- scans ----------------------------------------------------------------------------------- */

struct comparison {
    struct shelf *shelf;
    uint32_t at;
};

static wherry_err compare_one(void *context, const struct store_change *found) {
    struct comparison *comparison = context;
    assert_true(comparison->at < comparison->shelf->model_count);
    const struct shelf_record *record = &comparison->shelf->model[comparison->at++];
    assert_memory_equal(found->record.key, record->key, RECORD_KEY_SIZE);
    assert_bytes(record, 0, found->record.head, record->size.head);
    assert_bytes(record, 1, found->payload, record->size.payload);
    return WHERRY_OK;
}

void shelf_expect(struct shelf *shelf) {
    struct comparison comparison = {shelf, 0};
    if (store_scan(shelf->store, compare_one, &comparison) != WHERRY_OK) {
        fail_msg("%s", wherry_last_error());
    }
    uint32_t expected = shelf->identity.keeps ? shelf->model_count : 0;
    assert_int_equal(comparison.at, expected);
    assert_int_equal(shelf->identity.records, expected);
}

static wherry_err look_away(void *context, const struct store_change *found) {
    (void)context;
    (void)found;
    return WHERRY_OK;
}

const char *shelf_expect_damage(struct shelf *shelf) {
    assert_int_equal(store_scan(shelf->store, look_away, NULL), WHERRY_E_PROTOCOL);
    return wherry_last_error();
}
