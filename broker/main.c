/* SPDX-License-Identifier: MIT
 *
 * wherry-broker: wires engine, store, net and HTTP together, in this order:
 *
 *     flags -> store -> engine -> HTTP, router -> scan, queue settings -> loop -> everything
 *     backwards
 *
 * HTTP and router open before the scan: /readyz and every peer that comes are told how far it is,
 * and an endpoint that is taken is known at once. Nobody is served before its end. */
#include "broker/check.h"
#include "broker/net/accept.h"
#include "broker/net/loop.h"
#include "broker/options.h"
#include "broker/restore.h"
#include "common/entropy.h"
#include "common/err.h"
#include "common/log.h"
#include "common/notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_UNUSABLE = 5, LINGER_MS = 1000, FILES_MIN = 64 };

struct house {
    struct options options;
    struct store *store;
    struct store_identity identity;
    struct payload_store *payloads;
    struct engine *engine;
    struct border *border;
    struct router *router;
    struct http *http;
    struct loop *loop;
    struct effects effects; /* of the time before the loop */
};

/* Each peer is a descriptor; the soft limit of 1,024 is there for programs that use select().
 * False: too few even to start, where libzmq would abort. */
static bool raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return true;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < FILES_MIN) {
        fprintf(stderr,
                "wherry-broker: %llu open files are too few, %d are the least; raise the "
                "limit (ulimit -n)\n",
                (unsigned long long)limit.rlim_cur, FILES_MIN);
    }
    return limit.rlim_cur >= FILES_MIN;
}

static void engine_open(struct house *house) {
    struct engine_config config = {0};
    engine_config_init(&config);
    config.epoch = house->identity.epoch;
    memcpy(config.store_uuid, house->identity.uuid, sizeof config.store_uuid);
    config.keeps = house->identity.keeps;
    config.seed = entropy_u64();
    config.memory_bytes_max = house->options.memory_limit_bytes < PAYLOAD_BYTES_MAX
                                  ? house->options.memory_limit_bytes
                                  : PAYLOAD_BYTES_MAX;
    uint64_t fits = house->identity.commit_bytes_max;
    config.payload_max = fits != 0 && fits < WIRE_PAYLOAD_MAX ? (uint32_t)fits : WIRE_PAYLOAD_MAX;
    config.batch_bytes_max =
        fits != 0 && fits < config.batch_bytes_max ? (uint32_t)fits : config.batch_bytes_max;
    house->engine = engine_create(&config);
}

static wherry_err store_ready(struct house *house) {
    if (house->options.store == NULL) {
        return err_set(WHERRY_E_SYSTEM, "there is no place for the store: none of STATE_DIRECTORY, "
                                        "XDG_STATE_HOME and HOME names one; say --store lmdb:DIR, "
                                        "or --store memory: to keep nothing");
    }
    return store_open(house->options.store, &house->store);
}

static wherry_err house_open(struct house *house) {
    wherry_err err = store_ready(house);
    if (err != WHERRY_OK) {
        return err;
    }
    store_identity(house->store, &house->identity);
    house->payloads = payload_store_create();
    house->border = border_create(
        &(struct border_config){.epoch = house->identity.epoch, .store = house->payloads});
    engine_open(house);
    if (house->options.http != NULL) {
        err = http_open(house->options.http, &house->http);
    }
    if (err == WHERRY_OK) {
        err = router_open(&(struct router_config){.endpoints = house->options.listen,
                                                  .endpoint_count = house->options.listen_count,
                                                  .payload_max = WIRE_PAYLOAD_MAX},
                          &house->router);
    }
    if (err == WHERRY_OK) {
        err = restore_engine(&(struct restore_config){.engine = house->engine,
                                                      .store = house->store,
                                                      .payloads = house->payloads,
                                                      .border = house->border,
                                                      .router = house->router,
                                                      .http = house->http,
                                                      .options = &house->options},
                             &house->effects);
    }
    return err;
}

static void house_close(struct house *house) {
    http_close(&house->http);
    router_close(&house->router, LINGER_MS);
    store_close(&house->store); /* it may still read what a batch points to */
    engine_destroy(&house->engine);
    loop_destroy(&house->loop);
    border_destroy(&house->border);
    payload_store_destroy(&house->payloads);
    effects_fini(&house->effects);
}

static void house_announce(const struct house *house) {
    if (!house->identity.keeps) {
        log_event(LOG_WARN, "store is memory: nothing survives a restart");
    }
    for (size_t i = 0; router_endpoint(house->router, i) != NULL; i++) {
        log_event(LOG_INFO, "listening", log_text("endpoint", router_endpoint(house->router, i)));
    }
    log_event(LOG_INFO, "ready", log_text("version", WHERRY_VERSION),
              log_text("http", house->http != NULL ? http_address(house->http) : "off"),
              log_number("pid", getpid()), log_number("epoch", (int64_t)house->identity.epoch));
    notify_send("READY=1\nSTATUS=serving %s", router_endpoint(house->router, 0));
}

static int house_run(struct house *house) {
    house->loop = loop_create(&(struct loop_config){
        .engine = house->engine,
        .border = house->border,
        .payloads = house->payloads,
        .router = house->router,
        .store = house->store,
        .http = house->http,
        .grace_ms = house->options.grace_ms,
        .memory_limit_bytes = house->options.memory_limit_bytes,
    });
    loop_carry_out(house->loop, &house->effects);
    house_announce(house);
    int exit_code = loop_run(house->loop);
    log_event(LOG_INFO, "stopped", log_number("exit", exit_code));
    return exit_code;
}

static int backup_run(const struct options *options) {
    struct store_backup told;
    if (options->store == NULL ||
        store_backup(options->store, options->backup, &told) != WHERRY_OK) {
        fprintf(stderr, "wherry-broker: %s\n",
                options->store != NULL ? wherry_last_error() : "no store: name it with --store");
        return EXIT_UNUSABLE;
    }
    printf("records=%llu bytes=%llu\n", (unsigned long long)told.records,
           (unsigned long long)told.bytes);
    return fflush(stdout) == 0 ? 0 : EXIT_UNUSABLE;
}

/* What it is asked for instead of serving; −1: nothing. */
static int errand_run(const struct options *options) {
    if (options->backup != NULL) {
        return backup_run(options);
    }
    if (options->check != NULL || options->salvage != NULL) {
        bool salvage = options->salvage != NULL;
        return check_run(salvage ? options->salvage : options->check, salvage);
    }
    return -1;
}

int main(int argc, char **argv) {
    static struct house house; /* large: the queue settings */
    log_open("wherry-broker");
    enum flags_outcome outcome = options_parse(&house.options, argc, argv);
    if (outcome != FLAGS_GO) {
        return outcome == FLAGS_SHOWN ? 0 : EXIT_USAGE;
    }
    int errand = errand_run(&house.options);
    if (errand >= 0) {
        options_fini(&house.options);
        return errand;
    }
    if (!raise_file_limit()) {
        return EXIT_UNUSABLE;
    }
    accept_guard();
    loop_block_signals();
    effects_init(&house.effects);
    int exit_code = EXIT_UNUSABLE;
    if (house_open(&house) == WHERRY_OK) {
        exit_code = house_run(&house);
    } else {
        fprintf(stderr, "wherry-broker: %s\n", wherry_last_error());
    }
    house_close(&house);
    options_fini(&house.options);
    return exit_code;
}
