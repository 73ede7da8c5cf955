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
    bool at_once; /* WRITE: it is on the disk when it returns */
    uint64_t at;  /* place in the file, or the batch */
    size_t size;
    uint8_t *bytes;
};

static struct {
    pthread_mutex_t lock;
    bool on;
    bool lies;
    dev_t device;
    ino_t file;
    int event_fd;
    uint64_t (*acknowledged)(void *context);
    void *context;
    struct operation *log;
    uint64_t count;
    /* replaying */
    struct bytes durable;
    struct bytes state;
    uint64_t next;     /* operation not yet in `durable` or pending */
    uint64_t unsynced; /* the first one that may be pending */
    uint64_t least;
    uint64_t most;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .event_fd = -1};

#define SEEN __attribute__((visibility("default")))

/* ---- recording ------------------------------------------------------------------------------- */

static bool is_ours(int fd) {
    struct stat status;
    return disk.on && fstat(fd, &status) == 0 && status.st_dev == disk.device &&
           status.st_ino == disk.file;
}

static void note(struct operation operation) {
    pthread_mutex_lock(&disk.lock);
    if (disk.on && disk.count < OPERATIONS_MAX) {
        disk.log[disk.count++] = operation;
    }
    pthread_mutex_unlock(&disk.lock);
}

static void note_write(int fd, const struct iovec *parts, int count, uint64_t at) {
    struct operation operation = {.kind = WRITE, .at = at};
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
    if (is_ours(fd)) {
        struct iovec part = {(void *)(uintptr_t)data, size};
        note_write(fd, &part, 1, (uint64_t)at);
    }
    return syscall(SYS_pwrite64, fd, data, size, at);
}

SEEN ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (is_ours(fd)) {
        note_write(fd, parts, count, (uint64_t)lseek(fd, 0, SEEK_CUR));
    }
    return syscall(SYS_writev, fd, parts, count);
}

SEEN ssize_t write(int fd, const void *data, size_t size) {
    if (disk.on && fd == disk.event_fd) {
        note((struct operation){.kind = ACKNOWLEDGED, .at = disk.acknowledged(disk.context)});
    }
    assert_false(is_ours(fd));
    return syscall(SYS_write, fd, data, size);
}

SEEN int fallocate(int fd, int mode, off_t from, off_t size) {
    if (is_ours(fd)) {
        note((struct operation){.kind = GROW, .at = (uint64_t)(from + size)});
    }
    return (int)syscall(SYS_fallocate, fd, mode, from, size);
}

static int sync_and_note(int fd, long call) {
    int rc = (int)syscall(call, fd);
    if (rc == 0 && !disk.lies && is_ours(fd)) {
        note((struct operation){.kind = SYNC});
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

void disk_record(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    assert_true(bytes_reserve(&disk.durable, (size_t)status.st_size));
    disk.durable.size = (size_t)status.st_size;
    assert_int_equal(pread(fd, disk.durable.data, disk.durable.size, 0), disk.durable.size);
    close(fd);
    disk.device = status.st_dev;
    disk.file = status.st_ino;
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
    disk.count = disk.next = disk.unsynced = disk.least = disk.most = 0;
    bytes_free(&disk.durable);
    bytes_free(&disk.state);
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
    if (operation->kind == WRITE) {
        image_write(&disk.durable, operation, 0, operation->size);
    } else if (operation->kind == GROW) {
        image_grow(&disk.durable, operation->at);
    }
}

static bool is_pending(const struct operation *operation) {
    return (operation->kind == WRITE && !operation->at_once) || operation->kind == GROW;
}

static void durable_sync(uint64_t end) {
    for (uint64_t i = disk.unsynced; i < end; i++) {
        if (is_pending(&disk.log[i])) {
            durable_take(&disk.log[i]);
        }
    }
    disk.unsynced = end;
}

static void advance(uint64_t operation) {
    for (; disk.next < operation; disk.next++) {
        const struct operation *at = &disk.log[disk.next];
        if (at->kind == SYNC) {
            durable_sync(disk.next);
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
            image_write(&disk.state, write, from, end - from);
        }
        from = end;
    }
}

static void state_perhaps(const struct operation *operation, struct rng *rng) {
    uint64_t fate = rng_next(rng) % 4;
    if (operation->kind == GROW && fate < 2) {
        image_grow(&disk.state, operation->at);
    } else if (operation->kind == WRITE && fate < 2) {
        image_write(&disk.state, operation, 0, operation->size);
    } else if (operation->kind == WRITE && fate == 2) {
        state_tear(operation, rng);
    }
}

struct span disk_crash(uint64_t operation, struct rng *rng, uint64_t *least, uint64_t *most) {
    advance(operation);
    bytes_clear(&disk.state);
    bytes_append(&disk.state, disk.durable.data, disk.durable.size);
    for (uint64_t i = disk.unsynced; i < operation; i++) {
        if (is_pending(&disk.log[i])) {
            state_perhaps(&disk.log[i], rng);
        }
    }
    if (operation < disk.count && disk.log[operation].kind == WRITE) { /* under way */
        state_perhaps(&disk.log[operation], rng);
    }
    *least = disk.least;
    *most = disk.most;
    return bytes_span(&disk.state);
}
