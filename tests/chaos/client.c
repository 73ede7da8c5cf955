/* SPDX-License-Identifier: MIT
 *
 * The client of the chaos tests: submits as fast as its window allows, writes down what it is told,
 * and sometimes cancels. Killed at any moment, it leaves a journal of what it knew.
 *
 *     chaos-client submit ADDRESS JOURNAL NAME SEED    until SIGTERM; then waits for all outcomes
 *     chaos-client collect ADDRESS JOURNAL IDS         asks for the outcomes of the ids in a file,
 *                                                      one a line: what killed clients had kept
 *
 * Exit 0: every outcome was told, whatever it was. 3: one did not come within a minute. 1: a result
 * was not what the function must answer, or a call failed that may not. */
#include "common/rng.h"
#include "tests/chaos/journal.h"
#include "wherry.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64, PACE_MS = 10, OUTCOME_MS = 60000, LARGE = 150000 };

struct call {
    wherry_async *async; /* NULL: a free place */
    char id[27];
    bool accepted;
    int64_t sum; /* what the function must find */
};

struct driver {
    wherry_connection *connection;
    wherry_pool *pool;
    struct rng rng;
    int journal;
    const char *name;
    struct call calls[WINDOW];
    uint8_t bytes[LARGE];
};

static volatile sig_atomic_t stopping;

static void stop(int signal_number) {
    (void)signal_number;
    stopping = 1;
}

static void die(const char *what) {
    fprintf(stderr, "chaos-client: %s: %s\n", what, wherry_last_error());
    exit(1);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static int64_t sum_of(const uint8_t *bytes, size_t size) {
    int64_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (sum * 31 + bytes[i]) & INT64_C(0xffffffff);
    }
    return sum;
}

/* sum −1: not known here. */
static void tell_outcome(int journal, wherry_async *async, const char *id, int64_t sum) {
    const wherry_value *value = NULL;
    const char *token = "-";
    int64_t found = 0;
    wherry_err err = wherry_async_get(async, 0, &value);
    if (err == WHERRY_OK && wherry_value_read(value, "[si]", &token, &found) != WHERRY_OK) {
        die("a result of the wrong shape");
    }
    if (err == WHERRY_OK && sum >= 0 && found != sum) {
        die("the function did not get the bytes that were submitted");
    }
    journal_say(journal, "result %s %d %s", id, (int)err, token);
}

static void call_look(struct driver *driver, struct call *call) {
    if (!call->accepted && wherry_async_accepted(call->async, 0) == WHERRY_OK) {
        call->accepted = true;
        journal_say(driver->journal, "accepted %s", call->id);
    }
    if (wherry_async_ready(call->async)) {
        tell_outcome(driver->journal, call->async, call->id, call->sum);
        wherry_async_release(&call->async);
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void call_submit(struct driver *driver, struct call *call) {
    wherry_call_options options = {.size = sizeof options};
    uint64_t mode = rng_below(&driver->rng, 4);
    size_t size = rng_chance(&driver->rng, 10000) ? LARGE : rng_below(&driver->rng, 300);
    options.keep = mode < 2;
    options.max_attempts = mode == 0 ? 1 : 0;
    driver->bytes[0] = (uint8_t)rng_next(&driver->rng);
    wherry_err err =
        wherry_pool_apply_async(driver->pool, "chaos", &options, &call->async, "iy",
                                (int64_t)rng_below(&driver->rng, 6), driver->bytes, size);
    if (err != WHERRY_OK) {
        die("submit");
    }
    snprintf(call->id, sizeof call->id, "%s", wherry_async_id(call->async));
    call->accepted = false;
    call->sum = sum_of(driver->bytes, size);
    journal_say(driver->journal, "submit %s %c %s", call->id,
                mode == 0   ? 'o'
                : mode == 1 ? 'k'
                            : 'n',
                driver->name);
}

static void call_cancel(struct driver *driver, struct call *call) {
    wherry_task_was was = WHERRY_TASK_ENDED;
    journal_say(driver->journal, "cancel %s", call->id);
    if (wherry_task_cancel(driver->connection, call->id, OUTCOME_MS, &was) == WHERRY_OK) {
        journal_say(driver->journal, "cancelled %s %d", call->id, (int)was);
    }
}

/* Looks at all; false: none is open. */
static bool driver_look(struct driver *driver) {
    struct call *open = NULL;
    for (size_t i = 0; i < WINDOW; i++) {
        struct call *call = &driver->calls[i];
        if (call->async != NULL) {
            call_look(driver, call);
            open = call->async != NULL ? call : open;
        }
    }
    if (open != NULL) {
        wherry_async_wait(open->async, PACE_MS);
    }
    return open != NULL;
}

static void driver_submit(struct driver *driver) {
    while (!stopping) {
        for (size_t i = 0; i < WINDOW; i++) {
            if (driver->calls[i].async == NULL) {
                call_submit(driver, &driver->calls[i]);
            }
        }
        struct call *call = &driver->calls[rng_below(&driver->rng, WINDOW)];
        if (call->accepted && call->async != NULL && rng_chance(&driver->rng, 100000)) {
            call_cancel(driver, call);
        }
        driver_look(driver);
    }
    for (int waited_ms = 0; driver_look(driver); waited_ms += PACE_MS) {
        if (waited_ms > OUTCOME_MS) {
            fprintf(stderr, "chaos-client: outcomes are missing\n");
            exit(3);
        }
    }
}

static void driver_collect(struct driver *driver, const char *path) {
    char id[64];
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(id, sizeof id, file) != NULL) {
        wherry_async *async = NULL;
        id[strcspn(id, "\n")] = '\0';
        if (wherry_task_attach(driver->connection, id, &async) != WHERRY_OK ||
            wherry_async_wait(async, OUTCOME_MS) != WHERRY_OK) {
            die(id);
        }
        tell_outcome(driver->journal, async, id, -1);
        wherry_async_release(&async);
    }
    if (file != NULL) {
        fclose(file);
    }
}

int main(int argc, char **argv) {
    static struct driver driver; /* large */
    const wherry_connect_options options = {.size = sizeof options,
                                            .connect_timeout_ms = OUTCOME_MS};
    if (argc < 5) {
        return 2;
    }
    signal(SIGTERM, stop);
    fprintf(stderr, "ready to be stopped\n");
    driver.journal = journal_open(argv[3]);
    driver.name = argv[4];
    rng_init(&driver.rng, argc > 5 ? strtoull(argv[5], NULL, 10) : 1);
    for (size_t i = 0; i < LARGE; i++) {
        driver.bytes[i] = (uint8_t)(i * 7);
    }
    if (wherry_connect(argv[2], &options, &driver.connection) != WHERRY_OK ||
        wherry_pool_open(driver.connection, NULL, &driver.pool) != WHERRY_OK) {
        die("connect");
    }
    if (strcmp(argv[1], "collect") == 0) {
        driver_collect(&driver, argv[4]);
    } else {
        driver_submit(&driver);
    }
    wherry_pool_close(driver.pool);
    wherry_pool_release(&driver.pool);
    wherry_connection_release(&driver.connection);
    return 0;
}
