/* SPDX-License-Identifier: MIT
 *
 * Pools are those of the queues that the broker knows: a pool serves the queue of its name. One
 * that ends between the two questions is left out. */
#include "client/cli/ask.h"

#include "client/cli/convert.h"

#include <string.h>

enum { ASK_MS = 5000 };

int ask_broker(wherry_connection *connection, const char *pool, json_t **out) {
    wherry_value *value = NULL;
    wherry_err err = pool == NULL ? wherry_status(connection, ASK_MS, &value)
                                  : wherry_pool_show(connection, pool, ASK_MS, &value);
    int code = CLI_DONE;
    if (err != WHERRY_OK) {
        code = cli_fail(pool == NULL ? "status" : pool, err, NULL);
    } else if ((*out = json_from_value(value)) == NULL) {
        code = cli_fail("the broker's answer", WHERRY_E_NO_MEMORY, "no memory");
    }
    wherry_value_release(&value);
    return code;
}

json_t *ask_find(const json_t *list, const char *key, const char *text) {
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, i, item) {
        const char *found = json_string_value(json_object_get(item, key));
        if (found != NULL && strcmp(found, text) == 0) {
            return item;
        }
    }
    return NULL;
}

/* Calls `add` for each host of each pool. */
static int hosts_each(wherry_connection *connection, json_t *rows,
                      void (*add)(json_t *rows, const json_t *pool, const json_t *host)) {
    json_t *status = NULL;
    size_t i;
    json_t *queue;
    int code = ask_broker(connection, NULL, &status);
    json_array_foreach(json_object_get(status, "queues"), i, queue) {
        wherry_value *value = NULL;
        const char *name = json_string_value(json_object_get(queue, "name"));
        wherry_err err = wherry_pool_show(connection, name, ASK_MS, &value);
        if (err != WHERRY_OK && err != WHERRY_E_UNKNOWN) {
            code = cli_fail(name, err, NULL);
            break;
        }
        json_t *pool = err == WHERRY_OK ? json_from_value(value) : NULL;
        size_t j;
        json_t *host;
        json_array_foreach(json_object_get(pool, "hosts"), j, host) {
            add(rows, pool, host);
        }
        json_decref(pool);
        wherry_value_release(&value);
    }
    json_decref(status);
    return code;
}

static void host_add(json_t *rows, const json_t *pool, const json_t *host) {
    json_int_t running = 0;
    size_t i;
    json_t *child;
    json_t *row = json_copy((json_t *)(uintptr_t)host);
    json_array_foreach(json_object_get(host, "children"), i, child) {
        const char *state = json_string_value(json_object_get(child, "state"));
        running += state != NULL && strcmp(state, "running") == 0;
    }
    json_object_del(row, "children");
    json_object_set(row, "pool", json_object_get(pool, "name"));
    json_object_set_new(row, "running", json_integer(running));
    json_array_append_new(rows, row);
}

static void processes_add(json_t *rows, const json_t *pool, const json_t *host) {
    size_t i;
    json_t *child;
    json_array_foreach(json_object_get(host, "children"), i, child) {
        json_t *row = json_copy(child);
        json_object_set(row, "pool", json_object_get(pool, "name"));
        json_object_set(row, "host", json_object_get(host, "host"));
        json_object_set(row, "host_id", json_object_get(host, "id"));
        json_object_set(row, "host_state", json_object_get(host, "state"));
        json_array_append_new(rows, row);
    }
}

static int rows_of(wherry_connection *connection, json_t **out,
                   void (*add)(json_t *rows, const json_t *pool, const json_t *host)) {
    *out = json_array();
    int code = hosts_each(connection, *out, add);
    if (code != CLI_DONE) {
        json_decref(*out);
        *out = NULL;
    }
    return code;
}

int ask_hosts(wherry_connection *connection, json_t **out) {
    return rows_of(connection, out, host_add);
}

int ask_processes(wherry_connection *connection, json_t **out) {
    return rows_of(connection, out, processes_add);
}
