/* SPDX-License-Identifier: MIT
 *
 * Damage: a store's file is changed as broken disks change files, at a thousand places drawn from a
 * seed, and each time processes of their own look at it:
 *
 *     a start     every record as it was (the place was not in use), or refused, or exit 5 by the
 *                 guard. Never a record that was not put, never one left out, never anything else
 *     a check     reads to the end, or says that nothing can be read
 *     a salvage   what it keeps is as it was, byte by byte, and is taken by a start
 *
 *     damage_test [PLACES [SEED]]
 *
 * Not looked at: the list of free pages, beyond its form. One that names a page in use makes the
 * next commit write there; a start then finds what is missing.
 *
 * Records lie in both tables, small and cut into pieces, overwritten and deleted over many commits,
 * so that every kind of page is there: branches, leaves, overflow, free ones. */
#include "common/entropy.h"
#include "common/rng.h"
#include "tests/unit/broker/store/shelf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PLACES = 1000,
    COMMITS = 60,
    SECONDS = 60, /* for one look: then it hangs */
    GUARDED = 5,
    SAME = 0,
    REFUSED = 10,
    WRONG = 20,
};

enum how { FLIP, ZERO_512, ZERO_PAGE, CUT, HOWS };

static const char *const how_names[HOWS] = {"a bit flipped", "512 bytes zeroed", "a page zeroed",
                                            "cut off"};

struct scene {
    struct shelf *shelf;
    uint8_t *whole; /* the file */
    size_t size;
    size_t used;    /* what lies behind is the reserve */
    uint32_t known; /* records that the last look was given, all of them as they were */
    struct rng rng;
    uint64_t tally[HOWS][3]; /* same, refused, guarded */
    uint64_t salvaged[2];    /* whole, in part */
    uint64_t beyond;         /* saving */
};

/* ---- the store ------------------------------------------------------------------------------- */

static void path_of(const struct scene *scene, char *path, size_t size) {
    snprintf(path, size, "%s/store/data.mdb", scene->shelf->folder);
}

static void fill(struct shelf *shelf) {
    uint64_t next = 1;
    for (uint32_t i = 0; i < COMMITS; i++) {
        for (uint32_t j = 0; j < 20; j++) {
            uint32_t payload = j == 7 && i % 6 == 0 ? 150000 : 60 + 37 * ((i * j) % 40);
            shelf_put(shelf, RECORD_TASK, (uint16_t)(1 + j % 3), next++,
                      (struct shelf_size){90, payload});
        }
        shelf_put(shelf, RECORD_SESSION, 0, 1 + i % 12, (struct shelf_size){200 + i, 0});
        shelf_put(shelf, RECORD_QUEUE, (uint16_t)(i % 3), 1 + i % 3, (struct shelf_size){60, 0});
        shelf_put(shelf, RECORD_HOST, 0, 5 + i % 4, (struct shelf_size){20, 0});
        for (uint64_t gone = next - 20; i % 3 == 1 && gone < next - 8; gone++) {
            shelf_delete(shelf, RECORD_TASK, (uint16_t)(1 + (gone - 1) % 20 % 3), gone);
        }
        shelf_commit(shelf);
    }
}

static void file_read(struct scene *scene) {
    char path[128];
    struct stat status;
    path_of(scene, path, sizeof path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    scene->size = (size_t)status.st_size;
    scene->whole = malloc(scene->size);
    assert_int_equal(read(fd, scene->whole, scene->size), scene->size);
    close(fd);
    for (scene->used = scene->size; scene->used > 0 && scene->whole[scene->used - 1] == 0;) {
        scene->used--;
    }
}

static void file_write(const struct scene *scene, const uint8_t *bytes, size_t size) {
    char path[128];
    path_of(scene, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

/* ---- looks, each in a process of its own ----------------------------------------------------- */

static wherry_err look_each(void *context, const struct store_change *found) {
    struct scene *scene = context;
    if (!shelf_has(scene->shelf, found)) {
        _exit(WRONG);
    }
    scene->known++;
    return WHERRY_OK;
}

/* As a start reads it. */
static int look_start(struct scene *scene) {
    struct store *store = NULL;
    scene->known = 0;
    if (store_open(scene->shelf->url, &store) != WHERRY_OK) {
        return REFUSED;
    }
    wherry_err err = store_scan(store, look_each, scene);
    store_close(&store);
    if (err != WHERRY_OK) {
        return REFUSED;
    }
    return scene->known == scene->shelf->model_count ? SAME : WRONG + 1;
}

static void look_damage(void *context, const struct store_damaged *told) {
    (void)context;
    if (told->what == NULL || told->what[0] == '\0') {
        _exit(WRONG + 2);
    }
}

static int look_check(struct scene *scene) {
    struct store_verified found;
    const struct store_verify how = {look_each, look_damage, scene};
    scene->known = 0;
    if (store_check(scene->shelf->url, &how, &found) != WHERRY_OK) {
        return REFUSED;
    }
    bool all = scene->known == scene->shelf->model_count;
    return found.damages > 0 ? REFUSED : all ? SAME : WRONG + 3;
}

/* Saved, it is what a start takes: all of it, or less, and nothing else. */
static int look_salvage(struct scene *scene) {
    struct store_verified found;
    struct store *store = NULL;
    const struct store_verify how = {look_each, look_damage, scene};
    scene->known = 0;
    if (store_salvage(scene->shelf->url, &how, &found) != WHERRY_OK) {
        return REFUSED;
    }
    uint32_t kept = scene->known;
    scene->known = 0;
    if (store_open(scene->shelf->url, &store) != WHERRY_OK ||
        store_scan(store, look_each, scene) != WHERRY_OK || scene->known != kept) {
        return WRONG + 4;
    }
    store_close(&store);
    return kept == scene->shelf->model_count ? SAME : GUARDED + 1;
}

static int look_in_child(struct scene *scene, int (*look)(struct scene *scene)) {
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(SECONDS);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, STDERR_FILENO);
        _exit(look(scene));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* One in ten lies in the first two pages, on which all depends. */
static size_t place_draw(struct scene *scene) {
    return rng_next(&scene->rng) % 10 == 0
               ? rng_next(&scene->rng) % 300 + 4096 * (rng_next(&scene->rng) % 2)
               : rng_next(&scene->rng) % scene->used;
}

static size_t damage(struct scene *scene, uint8_t *bytes, enum how how, size_t at) {
    size_t page = at / 4096 * 4096;
    switch (how) {
    case FLIP:
        bytes[at] ^= (uint8_t)(1u << (rng_next(&scene->rng) % 8));
        break;
    case ZERO_512:
        memset(bytes + at / 512 * 512, 0, 512);
        break;
    case ZERO_PAGE:
        memset(bytes + page, 0, 4096);
        break;
    case CUT:
        return at;
    case HOWS:
        break;
    }
    return scene->size;
}

static void expect(bool fits, const char *look, int got, enum how how, size_t at) {
    if (!fits) {
        fail_msg("%s at %zu: the %s ended with %d", how_names[how], at, look, got);
    }
}

static void one_place(struct scene *scene, uint8_t *bytes) {
    enum how how = rng_next(&scene->rng) % 2 == 0 ? FLIP : rng_next(&scene->rng) % HOWS;
    size_t at = place_draw(scene);
    memcpy(bytes, scene->whole, scene->size);
    size_t size = damage(scene, bytes, how, at);
    file_write(scene, bytes, size);
    int checked = look_in_child(scene, look_check);
    expect(checked == SAME || checked == REFUSED || checked == GUARDED, "check", checked, how, at);
    int started = look_in_child(scene, look_start);
    expect(started == SAME || started == REFUSED || started == GUARDED, "start", started, how, at);
    scene->tally[how][started == SAME ? 0 : started == REFUSED ? 1 : 2]++;
    file_write(scene, bytes, size); /* a start writes */
    int salvaged = look_in_child(scene, look_salvage);
    expect(salvaged == SAME || salvaged == REFUSED || salvaged == GUARDED ||
               salvaged == GUARDED + 1,
           "salvage", salvaged, how, at);
    scene->salvaged[salvaged != SAME] += salvaged == SAME || salvaged == GUARDED + 1;
    scene->beyond += salvaged == REFUSED || salvaged == GUARDED;
}

static void tally_print(const struct scene *scene, uint64_t places) {
    for (size_t how = 0; how < HOWS; how++) {
        printf("%-26s as it was %4llu, refused %4llu, ended by the guard %4llu\n", how_names[how],
               (unsigned long long)scene->tally[how][0], (unsigned long long)scene->tally[how][1],
               (unsigned long long)scene->tally[how][2]);
    }
    printf("%llu places: salvaged whole %llu, in part %llu; nothing readable %llu\n",
           (unsigned long long)places, (unsigned long long)scene->salvaged[0],
           (unsigned long long)scene->salvaged[1], (unsigned long long)scene->beyond);
}

static uint64_t places = PLACES;
static uint64_t seed;

static void damage_is_refused_or_salvaged_and_never_misread(void **state) {
    (void)state;
    shelf_in_memory();
    struct scene scene = {.shelf = shelf_open("lmdb:", "?reserve=1M&map=64M")};
    printf("seed %llu\n", (unsigned long long)seed);
    rng_init(&scene.rng, seed);
    fill(scene.shelf);
    store_close(&scene.shelf->store);
    file_read(&scene);
    uint8_t *bytes = malloc(scene.size);
    for (uint64_t i = 0; i < places; i++) {
        one_place(&scene, bytes);
    }
    tally_print(&scene, places);
    assert_true(scene.salvaged[1] > 0);
    free(bytes);
    free(scene.whole);
    shelf_close(&scene.shelf);
}

int main(int argc, char **argv) {
    seed = entropy_u64();
    if (argc > 1) {
        places = strtoull(argv[1], NULL, 10);
    }
    if (argc > 2) {
        seed = strtoull(argv[2], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_refused_or_salvaged_and_never_misread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
