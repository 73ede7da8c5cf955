/* SPDX-License-Identifier: MIT
 *
 * Scenarios of a broker's start: its settings, its sockets, its engine's first steps. */
#include "tests/failure/scenarios.h"

#include "broker/core/engine.h"
#include "broker/http/http.h"
#include "broker/net/payload.h"
#include "broker/net/router.h"
#include "broker/options.h"
#include "common/err.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static wherry_err read_options(int count, const char *const *arguments) {
    struct options *options = calloc(1, sizeof *options);
    if (options == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory");
    }
    enum flags_outcome outcome = options_parse(options, count, (char **)(uintptr_t)arguments);
    if (outcome == FLAGS_GO) {
        options_fini(options);
    }
    free(options);
    return outcome == FLAGS_GO ? WHERRY_OK : err_set(WHERRY_E_INVALID, "a setting was refused");
}

static wherry_err play_options(struct stage *stage) {
    const char *arguments[] = {"wherry-broker", "--store",  "memory:",           "--queue",
                               "mail:max=10",   "--listen", "tcp://127.0.0.1:*", NULL};
    (void)stage;
    return read_options(7, arguments);
}

static void set_config(struct stage *stage) {
    FILE *file = fopen(stage->path, "w");
    assert_non_null(file);
    fputs("store = memory:\nqueue = mail:max=10\nqueue = video:max=5,bytes=1G\ngrace = 3\n", file);
    assert_int_equal(fclose(file), 0);
}

static wherry_err play_config(struct stage *stage) {
    const char *arguments[] = {"wherry-broker", "--config", stage->path, NULL};
    return read_options(3, arguments);
}

static wherry_err play_http(struct stage *stage) {
    struct http *http = NULL;
    (void)stage;
    wherry_err err = http_open("127.0.0.1:0", &http);
    http_close(&http);
    return err;
}

static wherry_err router(const char *endpoint) {
    struct router *router = NULL;
    wherry_err err = router_open(&(struct router_config){.endpoints = &endpoint,
                                                         .endpoint_count = 1,
                                                         .payload_max = 1 << 20},
                                 &router);
    router_close(&router, 0);
    return err;
}

static wherry_err play_router_tcp(struct stage *stage) {
    (void)stage;
    return router("tcp://127.0.0.1:*");
}

static wherry_err play_router_ipc(struct stage *stage) {
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s", stage->path);
    return router(endpoint);
}

static wherry_err play_payloads(struct stage *stage) {
    static const uint8_t bytes[5000];
    (void)stage;
    struct payload_store *payloads = payload_store_create();
    for (size_t size = 1; size <= sizeof bytes; size *= 2) {
        struct payload payload = payload_copy(payloads, (struct span){bytes, size});
        if (size % 3 == 1) {
            payload_free(payloads, payload.handle);
        }
    }
    payload_store_destroy(&payloads);
    return WHERRY_OK;
}

static wherry_err play_engine(struct stage *stage) {
    struct engine_config config = {0};
    struct effects effects;
    const struct now now = {1, 1};
    (void)stage;
    engine_config_init(&config);
    config.epoch = 5;
    struct engine *engine = engine_create(&config);
    effects_init(&effects);
    engine_restored(engine, now, &effects);
    wherry_err err = engine_queue_set(engine, span_of_text("mail"), 10, 1000, now, &effects);
    engine_step(engine, &(struct event){.kind = EVENT_TICK}, now, &effects);
    effects_fini(&effects);
    engine_destroy(&engine);
    return err;
}

const struct failure_scenario broker_scenarios[] = {
    {"flags are read", NULL, play_options, NULL, .may_stop = true},
    {"a configuration is read", set_config, play_config, NULL, .may_stop = true},
    {"HTTP is opened", NULL, play_http, NULL, .may_stop = true},
    {"a tcp endpoint is opened", NULL, play_router_tcp, NULL, .may_stop = true},
    {"an ipc endpoint is opened", NULL, play_router_ipc, NULL, .may_stop = true},
    {"payloads are kept", NULL, play_payloads, NULL, .may_stop = true},
    {"an engine takes its first steps", NULL, play_engine, NULL, .may_stop = true},
    {.name = NULL},
};
