/* SPDX-License-Identifier: MIT
 *
 * Scenarios of the client library beside a real broker and a real worker. A lost connection is no
 * failure: the call is repeated and succeeds. Without memory a call says NO_MEMORY. */
#include "tests/failure/scenarios.h"

#include <wherry.h>

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 20000 };

struct caller {
    wherry_connection *connection;
    wherry_pool *pool;
};

static wherry_err connect_to(struct stage *stage, struct caller *caller) {
    *caller = (struct caller){0};
    wherry_err err = wherry_connect(stage->broker, NULL, &caller->connection);
    return err != WHERRY_OK ? err : wherry_pool_open(caller->connection, NULL, &caller->pool);
}

static void leave(struct caller *caller) {
    wherry_pool_release(&caller->pool);
    wherry_connection_release(&caller->connection);
}

static void set_connected(struct stage *stage) {
    static struct caller caller;
    assert_int_equal(connect_to(stage, &caller), WHERRY_OK);
    stage->more = &caller;
}

static wherry_err play_connect(struct stage *stage) {
    struct caller caller;
    wherry_err err = connect_to(stage, &caller);
    leave(&caller);
    return err;
}

static wherry_err play_connect_nobody(struct stage *stage) {
    const wherry_connect_options options = {.size = sizeof options, .connect_timeout_ms = 50};
    wherry_connection *connection = NULL;
    char address[160];
    snprintf(address, sizeof address, "ipc://%s", stage->path);
    wherry_err err = wherry_connect(address, &options, &connection);
    wherry_connection_release(&connection);
    return err;
}

static wherry_err play_apply(struct stage *stage) {
    struct caller *caller = stage->more;
    wherry_value *value = NULL;
    wherry_err err =
        wherry_pool_apply(caller->pool, "wherry.echo", NULL, &value, "s", "an argument");
    wherry_value_release(&value);
    return err;
}

static wherry_err play_apply_large(struct stage *stage) {
    struct caller *caller = stage->more;
    static uint8_t bytes[100000];
    wherry_value *value = NULL;
    wherry_err err =
        wherry_pool_apply(caller->pool, "wherry.echo", NULL, &value, "y", bytes, sizeof bytes);
    wherry_value_release(&value);
    return err;
}

static wherry_err play_async(struct stage *stage) {
    struct caller *caller = stage->more;
    wherry_async *calls[20] = {NULL};
    wherry_err err = WHERRY_OK;
    for (size_t i = 0; i < 20 && err == WHERRY_OK; i++) {
        err =
            wherry_pool_apply_async(caller->pool, "wherry.echo", NULL, &calls[i], "i", (int64_t)i);
    }
    for (size_t i = 0; i < 20 && err == WHERRY_OK; i++) {
        err = wherry_async_get(calls[i], PATIENCE_MS, NULL);
    }
    for (size_t i = 0; i < 20; i++) {
        wherry_async_release(&calls[i]);
    }
    return err;
}

static wherry_items items_of(const wherry_value *list) {
    return (wherry_items){.list = list};
}

static wherry_err play_map(struct stage *stage) {
    struct caller *caller = stage->more;
    wherry_value *list = NULL;
    wherry_value *out = NULL;
    wherry_err err = wherry_value_build(&list, "[iiiiii]", (int64_t)1, (int64_t)2, (int64_t)3,
                                        (int64_t)4, (int64_t)5, (int64_t)6);
    if (err == WHERRY_OK) {
        err = wherry_pool_map(caller->pool, "wherry.echo", items_of(list), 2, NULL, &out);
    }
    wherry_value_release(&out);
    wherry_value_release(&list);
    return err;
}

static wherry_err play_imap(struct stage *stage) {
    struct caller *caller = stage->more;
    wherry_value *list = NULL;
    wherry_iterator *iterator = NULL;
    wherry_err err = wherry_value_build(&list, "[iii]", (int64_t)1, (int64_t)2, (int64_t)3);
    if (err == WHERRY_OK) {
        err = wherry_pool_imap(caller->pool, "wherry.echo", items_of(list), 1, NULL, &iterator);
    }
    while (err == WHERRY_OK) {
        wherry_value *value = NULL;
        err = wherry_iterator_next(iterator, PATIENCE_MS, &value);
        wherry_value_release(&value);
    }
    wherry_iterator_release(&iterator);
    wherry_value_release(&list);
    return err == WHERRY_E_END ? WHERRY_OK : err;
}

static wherry_err play_terminate(struct stage *stage) {
    struct caller *caller = stage->more;
    wherry_async *call = NULL;
    wherry_err err = wherry_pool_apply_async(caller->pool, "wherry.sleep", NULL, &call, "d", 60.0);
    if (err == WHERRY_OK) {
        err = wherry_pool_terminate(caller->pool);
    }
    if (err == WHERRY_OK) {
        err = wherry_async_get(call, PATIENCE_MS, NULL);
    }
    wherry_async_release(&call);
    return err == WHERRY_E_CANCELLED ? WHERRY_OK : err;
}

static wherry_err play_status(struct stage *stage) {
    struct caller *caller = stage->more;
    wherry_value *status = NULL;
    wherry_err err = wherry_status(caller->connection, PATIENCE_MS, &status);
    wherry_value_release(&status);
    return err;
}

/* The connection is still good for something. */
static bool goes_on(struct stage *stage) {
    struct caller fresh;
    bool well = connect_to(stage, &fresh) == WHERRY_OK;
    struct stage again = {.broker = stage->broker, .more = &fresh};
    well = well && play_apply(&again) == WHERRY_OK;
    leave(&fresh);
    if (stage->more != NULL) {
        leave(stage->more);
    }
    return well;
}

const struct failure_scenario client_scenarios[] = {
    {"a client connects", NULL, play_connect, goes_on, .needs_broker = true, .may_stop = true},
    {"a client finds nobody", NULL, play_connect_nobody, NULL, .may_stop = true},
    {"a call is made", set_connected, play_apply, goes_on, .needs_broker = true, .may_stop = true},
    {"a large call is made", set_connected, play_apply_large, goes_on, .needs_broker = true,
     .may_stop = true},
    {"twenty calls are made", set_connected, play_async, goes_on, .needs_broker = true,
     .may_stop = true},
    {"a map is made", set_connected, play_map, goes_on, .needs_broker = true, .may_stop = true},
    {"an imap is made", set_connected, play_imap, goes_on, .needs_broker = true, .may_stop = true},
    {"a pool is terminated", set_connected, play_terminate, goes_on, .needs_broker = true,
     .may_stop = true},
    {"the broker's state is asked for", set_connected, play_status, goes_on, .needs_broker = true,
     .may_stop = true},
    {.name = NULL},
};
