/* SPDX-License-Identifier: MIT
 *
 * The recorder; see disk.h. The calls by which LMDB and the store change a file are this program's
 * own: they do what they should, and take a note. */
#include "tests/power/disk.h"

#include "tests/unit/common/testing.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SECTOR = 512, OPERATIONS_MAX = 1 << 20 };

enum kind { WRITE, SYNC, GROW, SUBMITTED, ACKNOWLEDGED };

struct operation {
    enum kind kind;
    int file;
    bool at_once; /* WRITE: it is on the disk when it returns */
    uint64_t at;  /* place in the file, or the batch */
    size_t size;
    uint8_t *bytes;
};

struct file {
    dev_t device;
    ino_t inode;
    /* replaying */
    struct bytes durable;
    struct bytes state;
    uint64_t unsynced; /* the first operation that may be pending */
};

static struct {
    pthread_mutex_t lock;
    bool on;
    bool lies;
    struct file files[DISK_FILES];
    int event_fd;
    uint64_t (*acknowledged)(void *context);
    void *context;
    struct operation *log;
    uint64_t count;
    /* replaying */
    uint64_t next; /* operation not yet in `durable` or pending */
    uint64_t least;
    uint64_t most;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .event_fd = -1};

#define SEEN __attribute__((visibility("default")))

/* ---- recording ------------------------------------------------------------------------------- */

/* −1: none of ours. */
static int file_of(int fd) {
    struct stat status;
    if (!disk.on || fstat(fd, &status) != 0) {
        return -1;
    }
    for (int i = 0; i < DISK_FILES; i++) {
        if (status.st_dev == disk.files[i].device && status.st_ino == disk.files[i].inode) {
            return i;
        }
    }
    return -1;
}

static void note(struct operation operation) {
    pthread_mutex_lock(&disk.lock);
    if (disk.on && disk.count < OPERATIONS_MAX) {
        disk.log[disk.count++] = operation;
    }
    pthread_mutex_unlock(&disk.lock);
}

static void note_write(int fd, int file, const struct iovec *parts, int count, uint64_t at) {
    struct operation operation = {.kind = WRITE, .file = file, .at = at};
    operation.at_once = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    for (int i = 0; i < count; i++) {
        operation.size += parts[i].iov_len;
    }
    operation.bytes = malloc(operation.size + 1);
    size_t filled = 0;
    for (int i = 0; i < count; i++) {
        memcpy(operation.bytes + filled, parts[i].iov_base, parts[i].iov_len);
        filled += parts[i].iov_len;
    }
    note(operation);
}

SEEN ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    int file = file_of(fd);
    if (file >= 0) {
        struct iovec part = {(void *)(uintptr_t)data, size};
        note_write(fd, file, &part, 1, (uint64_t)at);
    }
    return syscall(SYS_pwrite64, fd, data, size, at);
}

SEEN ssize_t writev(int fd, const struct iovec *parts, int count) {
    int file = file_of(fd);
    if (file >= 0) {
        note_write(fd, file, parts, count, (uint64_t)lseek(fd, 0, SEEK_CUR));
    }
    return syscall(SYS_writev, fd, parts, count);
}

SEEN ssize_t write(int fd, const void *data, size_t size) {
    if (disk.on && fd == disk.event_fd) {
        note((struct operation){.kind = ACKNOWLEDGED, .at = disk.acknowledged(disk.context)});
    }
    assert_true(file_of(fd) < 0);
    return syscall(SYS_write, fd, data, size);
}

SEEN int fallocate(int fd, int mode, off_t from, off_t size) {
    int file = file_of(fd);
    if (file >= 0) {
        note((struct operation){.kind = GROW, .file = file, .at = (uint64_t)(from + size)});
    }
    return (int)syscall(SYS_fallocate, fd, mode, from, size);
}

static int sync_and_note(int fd, long call) {
    int rc = (int)syscall(call, fd);
    int file = file_of(fd);
    if (rc == 0 && !disk.lies && file >= 0) {
        note((struct operation){.kind = SYNC, .file = file});
    }
    return rc;
}

SEEN int fdatasync(int fd) {
    return sync_and_note(fd, SYS_fdatasync);
}

SEEN int fsync(int fd) {
    return sync_and_note(fd, SYS_fsync);
}

void disk_note_submitted(uint64_t batch) {
    note((struct operation){.kind = SUBMITTED, .at = batch});
}

void disk_watch(int event_fd, uint64_t (*acknowledged)(void *context), void *context) {
    disk.acknowledged = acknowledged;
    disk.context = context;
    disk.event_fd = event_fd;
}

static void file_record(struct file *file, const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    assert_true(bytes_reserve(&file->durable, (size_t)status.st_size));
    file->durable.size = (size_t)status.st_size;
    assert_int_equal(pread(fd, file->durable.data, file->durable.size, 0), file->durable.size);
    close(fd);
    file->device = status.st_dev;
    file->inode = status.st_ino;
}

void disk_record(const char *const paths[DISK_FILES]) {
    for (int i = 0; i < DISK_FILES; i++) {
        file_record(&disk.files[i], paths[i]);
    }
    disk.log = calloc(OPERATIONS_MAX, sizeof *disk.log);
    assert_non_null(disk.log);
    disk.on = true;
}

void disk_lie(bool lies) {
    disk.lies = lies;
}

void disk_stop(void) {
    disk.on = false;
    disk.event_fd = -1;
}

void disk_forget(void) {
    for (uint64_t i = 0; i < disk.count; i++) {
        free(disk.log[i].bytes);
    }
    free(disk.log);
    disk.log = NULL;
    disk.count = disk.next = disk.least = disk.most = 0;
    for (int i = 0; i < DISK_FILES; i++) {
        bytes_free(&disk.files[i].durable);
        bytes_free(&disk.files[i].state);
        disk.files[i] = (struct file){0};
    }
}

void disk_count(struct disk_counts *out) {
    *out = (struct disk_counts){.operations = disk.count};
    for (uint64_t i = 0; i < disk.count; i++) {
        out->writes += disk.log[i].kind == WRITE;
        out->written_bytes += disk.log[i].kind == WRITE ? disk.log[i].size : 0;
        out->syncs += disk.log[i].kind == SYNC;
    }
}

/* ---- crashing -------------------------------------------------------------------------------- */

static void image_grow(struct bytes *image, uint64_t size) {
    if (image->size < size) {
        assert_true(bytes_reserve(image, size - image->size));
        memset(image->data + image->size, 0, size - image->size);
        image->size = size;
    }
}

static void image_write(struct bytes *image, const struct operation *write, size_t from,
                        size_t size) {
    image_grow(image, write->at + from + size);
    memcpy(image->data + write->at + from, write->bytes + from, size);
}

/* It has happened, as far as it can be known. */
static void durable_take(const struct operation *operation) {
    struct bytes *durable = &disk.files[operation->file].durable;
    if (operation->kind == WRITE) {
        image_write(durable, operation, 0, operation->size);
    } else if (operation->kind == GROW) {
        image_grow(durable, operation->at);
    }
}

static bool is_pending(const struct operation *operation) {
    return (operation->kind == WRITE && !operation->at_once) || operation->kind == GROW;
}

static void durable_sync(int file, uint64_t end) {
    for (uint64_t i = disk.files[file].unsynced; i < end; i++) {
        if (disk.log[i].file == file && is_pending(&disk.log[i])) {
            durable_take(&disk.log[i]);
        }
    }
    disk.files[file].unsynced = end;
}

static void advance(uint64_t operation) {
    for (; disk.next < operation; disk.next++) {
        const struct operation *at = &disk.log[disk.next];
        if (at->kind == SYNC) {
            durable_sync(at->file, disk.next);
        } else if (at->kind == WRITE && at->at_once) {
            durable_take(at);
        } else if (at->kind == SUBMITTED) {
            disk.most = at->at;
        } else if (at->kind == ACKNOWLEDGED && at->at > disk.least) {
            disk.least = at->at;
        }
    }
}

static void state_tear(const struct operation *write, struct rng *rng) {
    for (size_t from = 0; from < write->size;) {
        size_t end = ((write->at + from) / SECTOR + 1) * SECTOR - write->at;
        end = end < write->size ? end : write->size;
        if (rng_next(rng) % 2 == 0) {
            image_write(&disk.files[write->file].state, write, from, end - from);
        }
        from = end;
    }
}

static void state_perhaps(const struct operation *operation, struct rng *rng) {
    uint64_t fate = rng_next(rng) % 4;
    if (operation->kind == GROW && fate < 2) {
        image_grow(&disk.files[operation->file].state, operation->at);
    } else if (operation->kind == WRITE && fate < 2) {
        image_write(&disk.files[operation->file].state, operation, 0, operation->size);
    } else if (operation->kind == WRITE && fate == 2) {
        state_tear(operation, rng);
    }
}

static void state_draw(int file, uint64_t operation, struct rng *rng) {
    struct file *on = &disk.files[file];
    bytes_clear(&on->state);
    bytes_append(&on->state, on->durable.data, on->durable.size);
    for (uint64_t i = on->unsynced; i < operation; i++) {
        if (disk.log[i].file == file && is_pending(&disk.log[i])) {
            state_perhaps(&disk.log[i], rng);
        }
    }
}

void disk_crash(uint64_t operation, struct rng *rng, struct span files[DISK_FILES],
                uint64_t *least, uint64_t *most) {
    advance(operation);
    for (int i = 0; i < DISK_FILES; i++) {
        state_draw(i, operation, rng);
    }
    if (operation < disk.count && disk.log[operation].kind == WRITE) { /* under way */
        state_perhaps(&disk.log[operation], rng);
    }
    for (int i = 0; i < DISK_FILES; i++) {
        files[i] = bytes_span(&disk.files[i].state);
    }
    *least = disk.least;
    *most = disk.most;
}
