/* SPDX-License-Identifier: MIT
 *
 * What an operator does about a damaged store, with the real broker: it refuses to start and says
 * which record is wrong; --check names all of them; --salvage goes on without. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TASKS = 20, DAMAGED = 7 };

struct scene {
    char folder[SANDBOX_PATH_SIZE];
    char url[SANDBOX_PATH_SIZE + 16];
    char ids[TASKS][27];
    struct broker *broker;
};

/* A broker that was stopped in good order, with tasks that say "needle-N". */
static void scene_fill(struct sandbox *box, struct scene *scene) {
    snprintf(scene->folder, sizeof scene->folder, "%s", sandbox_path(box, "store"));
    snprintf(scene->url, sizeof scene->url, "lmdb:%s", scene->folder);
    char small[sizeof scene->url + 16];
    snprintf(small, sizeof small, "%s?reserve=1M", scene->url);
    scene->broker = broker_start(box, "--store", small, NULL);
    for (size_t i = 0; i < TASKS; i++) {
        char argument[32];
        snprintf(argument, sizeof argument, "needle-%zu-", i);
        struct program *program =
            program_run(box, 0, "wherry", "submit", "--broker", scene->broker->endpoint,
                        "wherry.echo", argument, NULL);
        snprintf(scene->ids[i], sizeof scene->ids[i], "%s", program_stdout(program));
    }
    assert_int_equal(program_stop(scene->broker->program), 0);
}

/* Every copy of these bytes in the file: LMDB leaves old ones behind. */
static void file_spoil(const struct scene *scene, const char *needle) {
    char path[SANDBOX_PATH_SIZE + 16];
    struct stat status;
    snprintf(path, sizeof path, "%s/data.mdb", scene->folder);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    char *bytes = malloc((size_t)status.st_size);
    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, (size_t)status.st_size, 0), status.st_size);
    size_t found = 0;
    char *end = bytes + status.st_size;
    for (char *at = bytes; (at = memmem(at, (size_t)(end - at), needle, strlen(needle))) != NULL;
         at++) {
        found++;
        assert_int_equal(pwrite(fd, "X", 1, at - bytes), 1);
    }
    assert_true(found > 0);
    free(bytes);
    close(fd);
}

static void a_damaged_task_is_named_and_the_others_go_on(void **state) {
    struct sandbox *box = *state;
    struct scene scene;
    char named[64];
    scene_fill(box, &scene);
    struct program *whole = program_run(box, 0, "wherry-broker", "--check", scene.url, NULL);
    assert_non_null(strstr(program_stdout(whole), "tasks     20 whole\n"));
    assert_non_null(strstr(program_stdout(whole), "nothing is damaged\n"));

    snprintf(named, sizeof named, "needle-%d-", DAMAGED);
    file_spoil(&scene, named);
    struct program *refused =
        program_run(box, 5, "wherry-broker", "--listen", sandbox_endpoint(box, "refused"), "--http",
                    "off", "--store", scene.url, NULL);
    assert_non_null(strstr(program_stderr(refused), "is damaged: task "));
    assert_non_null(strstr(program_stderr(refused), "--salvage"));

    snprintf(named, sizeof named, "id %s: it does not fit its check", scene.ids[DAMAGED]);
    struct program *checked = program_run(box, 1, "wherry-broker", "--check", scene.url, NULL);
    assert_non_null(strstr(program_stdout(checked), named));
    assert_non_null(strstr(program_stdout(checked), "tasks     19 whole, should be 20\n"));
    struct program *saved = program_run(box, 1, "wherry-broker", "--salvage", scene.url, NULL);
    assert_non_null(strstr(program_stdout(saved), "data.mdb.damaged-1"));
    program_run(box, 0, "wherry-broker", "--check", scene.url, NULL);

    broker_restart(scene.broker);
    worker_start(box, scene.broker->endpoint, "--processes", "1", NULL);
    for (size_t i = 0; i < TASKS; i++) {
        program_run(box, i == DAMAGED ? 7 : 0, "wherry", "result", "--broker",
                    scene.broker->endpoint, scene.ids[i], NULL);
    }
}

static void a_store_in_use_is_not_looked_at(void **state) {
    struct sandbox *box = *state;
    char url[SANDBOX_PATH_SIZE + 32];
    snprintf(url, sizeof url, "lmdb:%s", sandbox_path(box, "store"));
    broker_start(box, "--store", url, NULL);
    struct program *busy = program_run(box, 5, "wherry-broker", "--check", url, NULL);
    assert_non_null(strstr(program_stderr(busy), "used by another process"));
    program_run(box, 5, "wherry-broker", "--salvage", url, NULL);
}

static void where_there_is_no_store_none_is_made(void **state) {
    struct sandbox *box = *state;
    char url[SANDBOX_PATH_SIZE + 32];
    snprintf(url, sizeof url, "lmdb:%s", sandbox_path(box, "nowhere"));
    program_run(box, 5, "wherry-broker", "--check", url, NULL);
    assert_int_not_equal(access(sandbox_path(box, "nowhere"), F_OK), 0);
    program_run(box, 5, "wherry-broker", "--check", "memory:", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_task_is_named_and_the_others_go_on),
        TEST(a_store_in_use_is_not_looked_at),
        TEST(where_there_is_no_store_none_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
