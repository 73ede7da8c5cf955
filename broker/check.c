/* SPDX-License-Identifier: MIT
 *
 * The offline check; see check.h. Each record goes into an engine that nobody will ever step, so
 * that what a start would refuse is refused here, too. Its payload stays where it is. */
#include "broker/check.h"

#include "broker/core/engine.h"
#include "broker/restore.h"
#include "broker/store/store.h"
#include "common/err.h"
#include "common/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMED_MAX = 1000 };

struct check {
    struct engine *engine;
    uint64_t damages;
};

static const char *const kinds[] = {
    [RECORD_STORE] = "row",  [RECORD_QUEUE] = "queues", [RECORD_SESSION] = "sessions",
    [RECORD_HOST] = "hosts", [RECORD_TASK] = "tasks",
};

static wherry_err check_each(void *context, const struct store_change *found) {
    struct check *check = context;
    struct record record = found->record;
    record.payload = (struct payload){0};
    return engine_restore(check->engine, &record) == WHERRY_OK ? WHERRY_OK
                                                               : restore_refuse(&record);
}

static void record_print(const struct store_damaged *told) {
    struct task_id id;
    char text[ID_TEXT_SIZE];
    printf("damaged: %s", told->name);
    if (told->key[0] == RECORD_TASK && record_task_id(told->head, &id)) {
        task_id_to_text(id, text);
        printf(", id %s", text);
    }
    printf(": %s\n", told->what);
}

static void check_damage(void *context, const struct store_damaged *told) {
    struct check *check = context;
    if (++check->damages > NAMED_MAX) {
        return;
    }
    if (told->name == NULL) {
        printf("damaged: %s\n", told->what);
    } else {
        record_print(told);
    }
}

static void uuid_print(const uint8_t *uuid) {
    printf("store ");
    for (size_t i = 0; i < 16; i++) {
        printf("%02x", uuid[i]);
    }
}

static void found_print(const struct check *check, const struct store_verified *found) {
    if (check->damages > NAMED_MAX) {
        printf("damaged: and %" PRIu64 " more\n", check->damages - NAMED_MAX);
    }
    uuid_print(found->uuid);
    printf(", epoch %" PRIu64 ", %" PRIu64 " bytes\n", found->epoch, found->bytes);
    for (size_t kind = RECORD_QUEUE; kind < sizeof kinds / sizeof *kinds; kind++) {
        printf("%-9s %" PRIu64 " whole", kinds[kind], found->found[kind]);
        if (found->found[kind] != found->expected[kind]) {
            printf(", should be %" PRIu64, found->expected[kind]);
        }
        printf("\n");
    }
    if (found->waiting > 0) {
        printf("journal   %" PRIu64 " records changed since, which the next start takes up\n",
               found->waiting);
    }
    printf(found->damages == 0 ? "nothing is damaged\n" : "%" PRIu64 " damages\n", found->damages);
    if (found->salvaged) {
        printf("made anew of what is whole; the damaged file is %s\n", found->kept);
    }
}

enum check_exit check_run(const char *url, bool salvage) {
    struct store_verified found;
    struct engine_config config = {0};
    engine_config_init(&config);
    config.epoch = UINT64_MAX; /* above every one that is stored */
    config.keeps = true;
    struct check check = {.engine = engine_create(&config)};
    const struct store_verify how = {check_each, check_damage, &check};
    wherry_err err = salvage ? store_salvage(url, &how, &found) : store_check(url, &how, &found);
    engine_destroy(&check.engine);
    if (err != WHERRY_OK) {
        fprintf(stderr, "wherry-broker: %s\n", wherry_last_error());
        return CHECK_UNREADABLE;
    }
    found_print(&check, &found);
    if (fflush(stdout) != 0) {
        return CHECK_UNREADABLE;
    }
    return found.damages == 0 ? CHECK_WHOLE : CHECK_DAMAGED;
}
