/* SPDX-License-Identifier: MIT
 *
 * Damage: a store's files are changed as broken disks change files, at a thousand places drawn from
 * a seed, and each time processes of their own look at it:
 *
 *     a start     every record as it was (the place was not in use), or refused, or exit 5 by the
 *                 guard. Never a record that was not put, never one left out, never anything else
 *     a check     reads to the end, or says that nothing can be read
 *     a salvage   what it keeps is as it was, byte by byte, and is taken by a start. If the journal
 *                 is damaged: exactly what the store held after an earlier batch
 *
 *     damage_test [PLACES [SEED]]
 *
 * Not looked at: the list of free pages, beyond its form. One that names a page in use makes the
 * next commit write there, a start that takes up a journal too; a start then finds what is missing.
 *
 * The store is one that was closed in good order, and one whose broker was killed, so that its last
 * batches stand in the journal. Records lie in both tables, small and cut into pieces, overwritten
 * and deleted over many commits, so that every kind of page is there: branches, leaves, overflow,
 * free ones. */
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

enum end { CLOSED, KILLED, ENDS };
enum how { FLIP, ZERO_512, ZERO_PAGE, CUT, HOWS };

static const char *const how_names[HOWS] = {"a bit flipped", "512 bytes zeroed", "a page zeroed",
                                            "cut off"};

struct scene {
    struct shelf *shelf;
    struct bytes whole[SHELF_FILES];
    size_t used[SHELF_FILES]; /* what lies behind is the reserve, or older batches */
    struct shelf_record *held[COMMITS + 1]; /* the model after each batch */
    uint32_t held_count[COMMITS + 1];
    enum shelf_file damaged;
    uint32_t known; /* records that the last look was given, all of them as they were */
    struct rng rng;
    uint64_t tally[HOWS][3]; /* same, refused, guarded */
    uint64_t salvaged[2];    /* whole, in part */
    uint64_t beyond;         /* saving */
    uint64_t of_journal;     /* damages of it that were refused */
};

/* ---- the store ------------------------------------------------------------------------------- */

static void hold(struct scene *scene, uint32_t batch) {
    const struct shelf *shelf = scene->shelf;
    scene->held[batch] = malloc(shelf->model_count * sizeof *shelf->model);
    memcpy(scene->held[batch], shelf->model, shelf->model_count * sizeof *shelf->model);
    scene->held_count[batch] = shelf->model_count;
}

static void fill(struct scene *scene) {
    struct shelf *shelf = scene->shelf;
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
        hold(scene, i + 1);
    }
}

static size_t used_of(const struct bytes *file) {
    size_t used = file->size;
    while (used > 0 && file->data[used - 1] == 0) {
        used--;
    }
    return used;
}

/* Sectors that were written since the journal was made: the check is followed by an epoch. */
static size_t used_of_journal(const struct bytes *journal) {
    size_t used = 512;
    for (size_t at = 512; at < journal->size; at += 512) {
        used = journal->data[at + 8] != 0 ? at + 512 : used;
    }
    return used;
}

static void files_read(struct scene *scene) {
    shelf_files_read(scene->shelf, scene->whole);
    scene->used[SHELF_DATA] = used_of(&scene->whole[SHELF_DATA]);
    scene->used[SHELF_JOURNAL] = used_of_journal(&scene->whole[SHELF_JOURNAL]);
}

/* One of them is `bytes`. */
static void files_write(const struct scene *scene, enum shelf_file file, struct span bytes) {
    struct span files[SHELF_FILES] = {bytes_span(&scene->whole[SHELF_DATA]),
                                      bytes_span(&scene->whole[SHELF_JOURNAL])};
    files[file] = bytes;
    shelf_files_write(scene->shelf, files);
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

static wherry_err look_at_any(void *context, const struct store_change *found) {
    struct scene *scene = context;
    (void)found;
    scene->known++;
    return WHERRY_OK;
}

/* What stands before a damage of the journal is of an older batch. */
static store_each *look_of(const struct scene *scene) {
    return scene->damaged == SHELF_JOURNAL ? look_at_any : look_each;
}

static void look_damage(void *context, const struct store_damaged *told) {
    (void)context;
    if (told->what == NULL || told->what[0] == '\0') {
        _exit(WRONG + 2);
    }
}

static int look_check(struct scene *scene) {
    struct store_verified found;
    const struct store_verify how = {look_of(scene), look_damage, scene};
    scene->known = 0;
    if (store_check(scene->shelf->url, &how, &found) != WHERRY_OK) {
        return REFUSED;
    }
    bool all = scene->known == scene->shelf->model_count;
    return found.damages > 0 ? REFUSED : all ? SAME : WRONG + 3;
}

struct reading {
    const struct scene *scene;
    uint32_t batch;
    uint32_t at;
};

static wherry_err read_one(void *context, const struct store_change *found) {
    struct reading *reading = context;
    const struct scene *scene = reading->scene;
    bool same = reading->at < scene->held_count[reading->batch] &&
                shelf_is(&scene->held[reading->batch][reading->at], found);
    reading->at += same;
    return same ? WHERRY_OK : WHERRY_E_END;
}

/* The whole content is that after one of its batches. */
static bool is_of_one_batch(const struct scene *scene, struct store *store) {
    for (uint32_t i = 0; i <= COMMITS; i++) {
        uint32_t batch = COMMITS - i;
        struct reading reading = {scene, batch, 0};
        if (store_scan(store, read_one, &reading) == WHERRY_OK &&
            reading.at == scene->held_count[batch]) {
            return true;
        }
    }
    return false;
}

/* Saved, it is what a start takes: all of it, or less, and nothing else. */
static int look_salvage(struct scene *scene) {
    struct store_verified found;
    struct store *store = NULL;
    const struct store_verify how = {look_of(scene), look_damage, scene};
    scene->known = 0;
    if (store_salvage(scene->shelf->url, &how, &found) != WHERRY_OK) {
        return REFUSED;
    }
    uint32_t kept = scene->known;
    scene->known = 0;
    bool taken = store_open(scene->shelf->url, &store) == WHERRY_OK &&
                 store_scan(store, how.each, scene) == WHERRY_OK;
    if (!taken && !found.salvaged) {
        return REFUSED; /* the list of free pages: a start wrote where it should not */
    }
    if (!taken || scene->known != kept) {
        return WRONG + 4;
    }
    if (scene->damaged == SHELF_JOURNAL && !is_of_one_batch(scene, store)) {
        return WRONG + 5;
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

/* Of LMDB's file, one in ten lies in the first two pages, on which all depends. */
static size_t place_draw(struct scene *scene, enum shelf_file file) {
    return file == SHELF_DATA && rng_next(&scene->rng) % 10 == 0
               ? rng_next(&scene->rng) % 300 + 4096 * (rng_next(&scene->rng) % 2)
               : rng_next(&scene->rng) % scene->used[file];
}

/* Returns how much of them is left. */
static size_t damage(struct scene *scene, struct bytes *bytes, enum how how, size_t at) {
    size_t page = at / 4096 * 4096;
    switch (how) {
    case FLIP:
        bytes->data[at] ^= (uint8_t)(1u << (rng_next(&scene->rng) % 8));
        break;
    case ZERO_512:
        memset(bytes->data + at / 512 * 512, 0, 512);
        break;
    case ZERO_PAGE:
        memset(bytes->data + page, 0, 4096);
        break;
    case CUT:
        return at;
    case HOWS:
        break;
    }
    return bytes->size;
}

struct place {
    enum shelf_file file;
    enum how how;
    size_t at;
};

static void expect(bool fits, const char *look, int got, struct place place) {
    if (!fits) {
        fail_msg("%s at %zu of %s: the %s ended with %d", how_names[place.how], place.at,
                 place.file == SHELF_DATA ? "data.mdb" : "the journal", look, got);
    }
}

static void look_at(struct scene *scene, struct place place, struct span left) {
    scene->damaged = place.file;
    files_write(scene, place.file, left);
    int checked = look_in_child(scene, look_check);
    expect(checked == SAME || checked == REFUSED || checked == GUARDED, "check", checked, place);
    int started = look_in_child(scene, look_start);
    expect(started == SAME || started == REFUSED || started == GUARDED, "start", started, place);
    scene->tally[place.how][started == SAME ? 0 : started == REFUSED ? 1 : 2]++;
    scene->of_journal += place.file == SHELF_JOURNAL && started == REFUSED;
    files_write(scene, place.file, left); /* a start writes */
    int salvaged = look_in_child(scene, look_salvage);
    expect(salvaged == SAME || salvaged == REFUSED || salvaged == GUARDED ||
               salvaged == GUARDED + 1,
           "salvage", salvaged, place);
    scene->salvaged[salvaged != SAME] += salvaged == SAME || salvaged == GUARDED + 1;
    scene->beyond += salvaged == REFUSED || salvaged == GUARDED;
}

static void one_place(struct scene *scene, enum end end) {
    struct place place = {.file = end == KILLED && rng_next(&scene->rng) % 3 == 0};
    struct bytes bytes = BYTES_EMPTY;
    place.how = rng_next(&scene->rng) % 2 == 0 ? FLIP : rng_next(&scene->rng) % HOWS;
    place.at = place_draw(scene, place.file);
    bytes_append(&bytes, scene->whole[place.file].data, scene->whole[place.file].size);
    size_t left = damage(scene, &bytes, place.how, place.at);
    look_at(scene, place, (struct span){bytes.data, left});
    bytes_free(&bytes);
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

static void places_of(struct scene *scene, enum end end, uint64_t count) {
    if (end == KILLED) {
        shelf_kill(scene->shelf);
    } else {
        store_close(&scene->shelf->store);
    }
    files_read(scene);
    for (uint64_t i = 0; i < count; i++) {
        one_place(scene, end);
    }
    tally_print(scene, count);
    assert_true(scene->salvaged[1] > 0);
    shelf_files_free(scene->whole);
}

static void damaged_in(enum end end) {
    shelf_in_memory();
    struct scene scene = {.shelf = shelf_open("lmdb:", "?reserve=1M&map=64M")};
    printf("seed %llu\n", (unsigned long long)seed);
    rng_init(&scene.rng, seed);
    fill(&scene);
    places_of(&scene, end, places / ENDS);
    assert_true(end == CLOSED || places < 100 || scene.of_journal > 0);
    for (uint32_t i = 0; i <= COMMITS; i++) {
        free(scene.held[i]);
    }
    shelf_close(&scene.shelf);
}

static void damage_is_refused_or_salvaged_and_never_misread(void **state) {
    (void)state;
    damaged_in(CLOSED);
}

static void so_it_is_when_the_broker_was_killed(void **state) {
    (void)state;
    damaged_in(KILLED);
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
        cmocka_unit_test(so_it_is_when_the_broker_was_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
