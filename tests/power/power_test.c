/* SPDX-License-Identifier: MIT
 *
 * Loss of power, at every moment of a store's life: a store is filled, changed, emptied, closed and
 * opened while each write and sync is recorded (disk.h); then for thousands of moments a file is
 * made as the disk may have kept it, and opened. It must hold exactly what the store held after one
 * of its batches: not before the last one that was acknowledged, not after the last one that was
 * handed over, and nothing in between.
 *
 *     power_test [STATES [SEED]]
 *
 * With a rule switched off (common/plant.h) the same must find wrong states: without the sync, and
 * when a batch is acknowledged before it is committed. */
#include "common/entropy.h"
#include "common/plant.h"
#include "tests/power/disk.h"
#include "tests/unit/broker/store/shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATES = 5000, COMMITS = 160, OPENS = 5, PLANT_STATES = 300, GUARDED = 5, NOTICED = 42,
       SANITIZED = 1 /* LMDB read beyond a page that was never written */ };

enum plant plant_active = PLANT_NONE;

struct scene {
    struct shelf *shelf;
    struct rng rng;
    uint64_t next_task;
    uint64_t batch;                         /* over all opens */
    struct shelf_record *held[COMMITS + 1]; /* the model after each batch */
    uint32_t held_count[COMMITS + 1];
    uint64_t wrong;
    char why[256]; /* the first one */
};

/* ---- the life of a store --------------------------------------------------------------------- */

static uint64_t draw(struct scene *scene, uint64_t below) {
    return rng_next(&scene->rng) % below;
}

static void change_some(struct scene *scene) {
    bool is_large = draw(scene, 20) == 0; /* too large for the journal */
    uint64_t count = is_large ? 3 : 1 + draw(scene, 30);
    uint64_t taken = scene->next_task > 60 ? draw(scene, 25) : 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t size = draw(scene, 100) == 0 ? 66000 + (uint32_t)draw(scene, 70000)
                        : is_large           ? 60000
                                             : (uint32_t)draw(scene, 900);
        shelf_put(scene->shelf, RECORD_TASK, (uint16_t)draw(scene, 3), scene->next_task++,
                  (struct shelf_size){90, size});
    }
    for (uint64_t i = 0; i < taken; i++) { /* most have this slot or are not there: both are fine */
        shelf_delete(scene->shelf, RECORD_TASK, (uint16_t)draw(scene, 3),
                     scene->next_task - 60 + draw(scene, 60));
    }
    shelf_put(scene->shelf, RECORD_SESSION, 0, 1 + draw(scene, 8),
              (struct shelf_size){100 + (uint32_t)draw(scene, 300), 0});
}

static void hold(struct scene *scene) {
    size_t size = scene->shelf->model_count * sizeof *scene->shelf->model;
    scene->held[scene->batch] = malloc(size + 1);
    if (size > 0) {
        memcpy(scene->held[scene->batch], scene->shelf->model, size);
    }
    scene->held_count[scene->batch] = scene->shelf->model_count;
}

/* In batches over all opens; the store counts those of one. */
static uint64_t acknowledged(void *context) {
    const struct scene *scene = context;
    return scene->batch - (store_committed(scene->shelf->store) < scene->shelf->committed + 1);
}

static void live(struct scene *scene) {
    for (uint32_t i = 0; i < COMMITS; i++) {
        if (i > 0 && i % (COMMITS / OPENS) == 0) {
            disk_watch(-1, NULL, NULL);
            shelf_reopen(scene->shelf);
            disk_watch(store_fd(scene->shelf->store), acknowledged, scene);
        }
        change_some(scene);
        scene->batch++;
        hold(scene);
        disk_note_submitted(scene->batch);
        shelf_commit(scene->shelf);
    }
}

static void scene_record(struct scene *scene) {
    char data[128];
    char journal[128];
    shelf_in_memory();
    scene->shelf = shelf_open("lmdb:", "?reserve=1M&map=256M");
    scene->next_task = 1;
    hold(scene);
    shelf_path(scene->shelf, SHELF_DATA, data, sizeof data);
    shelf_path(scene->shelf, SHELF_JOURNAL, journal, sizeof journal);
    disk_record((const char *[]){data, journal});
    disk_watch(store_fd(scene->shelf->store), acknowledged, scene);
    live(scene);
    disk_stop();
    store_close(&scene->shelf->store);
}

static void scene_close(struct scene *scene) {
    for (size_t i = 0; i <= COMMITS; i++) {
        free(scene->held[i]);
    }
    disk_forget();
    shelf_close(&scene->shelf);
}

/* ---- what is left of it ---------------------------------------------------------------------- */

struct reading {
    const struct shelf_record *model;
    uint32_t count;
    uint32_t at;
};

static void wrong(struct scene *scene, uint64_t operation, const char *what) {
    if (scene->wrong++ == 0) {
        snprintf(scene->why, sizeof scene->why, "power lost at operation %llu: %s",
                 (unsigned long long)operation, what);
    }
}

static wherry_err read_one(void *context, const struct store_change *found) {
    struct reading *reading = context;
    bool same = reading->at < reading->count && shelf_is(&reading->model[reading->at], found);
    reading->at += same;
    return same ? WHERRY_OK : WHERRY_E_END;
}

/* The whole content is that of batch `number`. */
static bool holds(const struct scene *scene, struct store *store, uint64_t number) {
    struct reading reading = {scene->held[number], scene->held_count[number], 0};
    return store_scan(store, read_one, &reading) == WHERRY_OK && reading.at == reading.count;
}

static void look(struct scene *scene, uint64_t operation, const struct span *files, uint64_t least,
                 uint64_t most) {
    struct store *store = NULL;
    shelf_files_write(scene->shelf, files);
    if (store_open(scene->shelf->url, &store) != WHERRY_OK) {
        wrong(scene, operation, wherry_last_error());
        return;
    }
    bool found = false;
    for (uint64_t number = most + 1; number-- > least && !found;) {
        found = holds(scene, store, number);
    }
    if (!found) {
        wrong(scene, operation, "it holds what the store never held, or had no more to hold");
    }
    store_close(&store);
}

static void scene_crash(struct scene *scene, uint64_t states) {
    struct disk_counts counts;
    disk_count(&counts);
    for (uint64_t i = 0; i < states; i++) {
        uint64_t least = 0;
        uint64_t most = 0;
        uint64_t operation = i * counts.operations / states;
        struct span files[DISK_FILES];
        disk_crash(operation, &scene->rng, files, &least, &most);
        look(scene, operation, files, least, most);
    }
    printf("%llu states of %llu writes (%llu KiB) and %llu syncs: %llu wrong%s%s\n",
           (unsigned long long)states, (unsigned long long)counts.writes,
           (unsigned long long)counts.written_bytes >> 10, (unsigned long long)counts.syncs,
           (unsigned long long)scene->wrong, scene->wrong > 0 ? ", the first: " : "", scene->why);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static uint64_t states = STATES;
static uint64_t seed;

static uint64_t wrong_states(enum plant plant, uint64_t count) {
    struct scene scene = {0};
    rng_init(&scene.rng, seed);
    plant_active = plant;
    scene_record(&scene);
    plant_active = PLANT_NONE;
    scene_crash(&scene, count);
    scene_close(&scene);
    return scene.wrong;
}

static void what_was_acknowledged_survives_and_batches_are_whole(void **state) {
    (void)state;
    printf("seed %llu\n", (unsigned long long)seed);
    assert_int_equal(wrong_states(PLANT_NONE, states), 0);
}

/* In a process of its own: what the store's guard finds ends it with code 5. */
static bool is_noticed(enum plant plant, bool disk_lies) {
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        disk_lie(disk_lies);
        bool noticed = wrong_states(plant, PLANT_STATES) > 0;
        fflush(NULL);
        _exit(noticed ? NOTICED : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    shelf_remove_of(child);
    assert_true(WIFEXITED(status));
    bool quiet = WEXITSTATUS(status) == 0;
    assert_true(quiet || WEXITSTATUS(status) == NOTICED || WEXITSTATUS(status) == GUARDED ||
                WEXITSTATUS(status) == SANITIZED);
    return !quiet;
}

static void a_store_that_does_not_sync_is_noticed(void **state) {
    (void)state;
    assert_true(is_noticed(PLANT_STORE_UNSYNCED, false));
}

static void a_store_that_does_not_sync_its_last_page_is_noticed(void **state) {
    (void)state;
    assert_true(is_noticed(PLANT_STORE_META_UNSYNCED, false));
}

static void a_store_that_acknowledges_too_early_is_noticed(void **state) {
    (void)state;
    assert_true(is_noticed(PLANT_STORE_EARLY, false));
}

static void a_disk_that_only_says_that_it_synced_is_noticed(void **state) {
    (void)state;
    assert_true(is_noticed(PLANT_NONE, true));
}

static void the_true_store_is_not(void **state) {
    (void)state;
    assert_false(is_noticed(PLANT_NONE, false));
}

int main(int argc, char **argv) {
    seed = entropy_u64();
    if (argc > 1) {
        states = strtoull(argv[1], NULL, 10);
    }
    if (argc > 2) {
        seed = strtoull(argv[2], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_and_batches_are_whole),
        cmocka_unit_test(a_store_that_does_not_sync_is_noticed),
        cmocka_unit_test(a_store_that_does_not_sync_its_last_page_is_noticed),
        cmocka_unit_test(a_store_that_acknowledges_too_early_is_noticed),
        cmocka_unit_test(a_disk_that_only_says_that_it_synced_is_noticed),
        cmocka_unit_test(the_true_store_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
