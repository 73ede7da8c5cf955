/* SPDX-License-Identifier: MIT
 *
 * The flags of wherry-broker. Everything that can be judged without touching the machine is judged
 * here, before a socket is opened: a wrong flag is exit 2, whatever else is wrong is exit 5. */
#include "broker/options.h"

#include "broker/config.h"
#include "broker/home.h"
#include "broker/limit.h"
#include "broker/net/endpoint.h"
#include "broker/store/store.h"
#include "common/err.h"
#include "common/log.h"
#include "common/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAG_CONFIG,
    FLAG_CHECK_CONFIG,
    FLAG_EXAMPLE_CONFIG,
    FLAG_BACKUP,
    FLAG_CHECK,
    FLAG_SALVAGE,
    FLAG_SETTINGS, /* the first that may stand in a configuration file */
    FLAG_LISTEN = FLAG_SETTINGS,
    FLAG_HTTP,
    FLAG_STORE,
    FLAG_MEMORY_LIMIT,
    FLAG_QUEUE,
    FLAG_GRACE,
    FLAG_INSECURE,
    FLAG_LOG,
    FLAG_TABLE_SIZE,
};

/* ---- what a value may be -------------------------------------------------------------------- */

static bool read_queue(const char *text, struct options_queue *queue) {
    size_t name_size = strcspn(text, ":");
    queue->name = (struct span){(const uint8_t *)text, name_size};
    if (!name_ok(queue->name)) {
        err_set(WHERRY_E_INVALID, "a queue's name is 1 to 128 of A-Z a-z 0-9 . _ { } -");
        return false;
    }
    if (text[name_size] != ':') {
        err_set(WHERRY_E_INVALID, "bounds are written NAME:max=1000 or NAME:max=1000,bytes=64M");
        return false;
    }
    char why[CAPACITY_WHY];
    bool ok = capacity_read(text + name_size + 1, &queue->bounds, why);
    return ok || err_set(WHERRY_E_INVALID, "%s", why) == WHERRY_OK;
}

static bool check_queue(const char *text) {
    struct options_queue unused = {0};
    return read_queue(text, &unused);
}

/* Who can reach it is judged when --insecure is known. */
static bool check_endpoint(const char *text) {
    return endpoint_check(text, true) == WHERRY_OK;
}

static bool check_http(const char *text) {
    return strcmp(text, "off") == 0 || endpoint_check_http(text, true) == WHERRY_OK;
}

static bool check_store(const char *text) {
    return store_check_url(text) == WHERRY_OK;
}

static bool check_level(const char *text) {
    return log_is_level(text) ||
           err_set(WHERRY_E_INVALID, "a level is error, warn, info or debug") == WHERRY_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct flag table[FLAG_TABLE_SIZE] = {
    [FLAG_CONFIG] = {.name = "config",
                     .letter = 'c',
                     .argument = "FILE",
                     .environment = "WHERRY_BROKER_CONFIG",
                     .help = "settings, written `name = value`; flags go before them"},
    [FLAG_CHECK_CONFIG] = {.name = "check-config",
                           .argument = "FILE",
                           .help = "say what is wrong with a configuration file, and exit"},
    [FLAG_EXAMPLE_CONFIG] = {.name = "example-config",
                             .kind = FLAG_SWITCH,
                             .help = "print one with every setting and its default, and exit"},
    [FLAG_BACKUP] = {.name = "backup",
                     .argument = "FILE",
                     .help = "copy the store, which a broker may be using, into a new file, and\n"
                             "exit (wherry backup FILE does it by this)"},
    [FLAG_CHECK] = {.name = "check",
                    .argument = "URL",
                    .check = check_store,
                    .help = "read a store that nobody serves, name all that is damaged, and exit:\n"
                            "0 nothing, 1 something, 5 it cannot be read"},
    [FLAG_SALVAGE] = {.name = "salvage",
                      .argument = "URL",
                      .check = check_store,
                      .help = "the same, and make it anew without what is damaged; the damaged\n"
                              "file is kept beside it"},
    [FLAG_LISTEN] = {.name = "listen",
                     .letter = 'l',
                     .argument = "ENDPOINT",
                     .repeatable = true,
                     .fallback = "tcp://127.0.0.1:7380",
                     .check = check_endpoint,
                     .help = "tcp://HOST:PORT or ipc:///PATH to listen on; port * takes any\n"},
    [FLAG_HTTP] = {.name = "http",
                   .argument = "ADDR:PORT|off",
                   .fallback = "127.0.0.1:7381",
                   .check = check_http,
                   .help = "serves /healthz, /readyz and /metrics; port 0 takes any\n"},
    [FLAG_STORE] = {.name = "store",
                    .argument = "URL",
                    .check = check_store,
                    .example = "lmdb:/var/lib/wherry",
                    .help = "where tasks are kept: lmdb:DIR, a folder on a local disk, or\n"
                            "memory:, which keeps nothing across a restart (default: lmdb:\n"
                            "$STATE_DIRECTORY, $XDG_STATE_HOME/wherry, ~/.local/state/wherry)"},
    [FLAG_MEMORY_LIMIT] = {.name = "memory-limit",
                           .argument = "SIZE",
                           .kind = FLAG_SIZE,
                           .min = 1 << 20,
                           .example = "2G",
                           .help = "most memory for payloads, e.g. 2G\n"
                                   "(default: 60 % of the machine or of this cgroup)"},
    [FLAG_QUEUE] = {.name = "queue",
                    .argument = "NAME:max=N,bytes=SIZE",
                    .repeatable = true,
                    .check = check_queue,
                    .example = "mail:max=10000,bytes=1G",
                    .help = "bounds of a queue in tasks and bytes, either or both"},
    [FLAG_GRACE] = {.name = "grace",
                    .argument = "SECONDS",
                    .kind = FLAG_SECONDS,
                    .max = 86400000,
                    .fallback = "10",
                    .help = "how long SIGTERM waits for work that is out"},
    [FLAG_INSECURE] = {.name = "insecure",
                       .kind = FLAG_SWITCH,
                       .help = "allow endpoints that other machines can reach, without keys"},
    [FLAG_LOG] = {.name = "log",
                  .argument = "error|warn|info|debug",
                  .check = check_level,
                  .example = "info",
                  .help = "how much is told (default: $WHERRY_LOG, else info)"},
};

static enum flags_outcome read_file(struct flags *flags);

static const struct flags_program program = {
    .name = "wherry-broker",
    .synopsis = "[FLAG…]",
    .summary = "Holds the queues, hands tasks to workers, keeps results until they are fetched.",
    .flags = table,
    .flag_count = FLAG_TABLE_SIZE,
    .more = read_file,
    .examples = "  wherry-broker\n"
                "  wherry-broker --listen ipc:///run/wherry/broker --listen tcp://127.0.0.1:7380\n"
                "  wherry-broker --queue mail:max=10000 --queue video:max=50,bytes=2G\n"
                "  wherry-broker --listen tcp://0.0.0.0:7380 --insecure\n"
                "  wherry-broker --check lmdb:/var/lib/wherry\n"
                "  wherry-broker --example-config >broker.conf\n"
                "  wherry-broker --config broker.conf\n",
    .see_also = "wherry(1), wherry-worker(1)",
    .after = "Signals: SIGTERM drains, a second one ends at once, SIGUSR1 dumps the state.\n"
             "Exit codes: 0 clean, 1 --check or --salvage found damage, 2 wrong flags, 5 endpoint\n"
             "taken or store unusable, 8 forced\n",
};

/* ---- reading --------------------------------------------------------------------------------- */

static enum flags_outcome read_file(struct flags *flags) {
    const char *checked = flags_text(flags, FLAG_CHECK_CONFIG);
    const char *path = checked != NULL ? checked : flags_text(flags, FLAG_CONFIG);
    if (flags_on(flags, FLAG_EXAMPLE_CONFIG)) {
        config_print_example(&program, FLAG_SETTINGS);
        return FLAGS_SHOWN;
    }
    return path != NULL ? config_read(flags, FLAG_SETTINGS, path) : FLAGS_GO;
}

static enum flags_outcome refuse(size_t flag, const char *value) {
    return flags_refuse(&program, table[flag].name, value, "%s", wherry_last_error());
}

static enum flags_outcome read_endpoints(struct options *options, const struct flags *flags) {
    bool insecure = flags_on(flags, FLAG_INSECURE);
    options->listen_count = flags_count(flags, FLAG_LISTEN);
    if (options->listen_count > OPTIONS_LISTEN_MAX) {
        return flags_refuse(&program, "listen", NULL, "more than %d endpoints", OPTIONS_LISTEN_MAX);
    }
    for (size_t i = 0; i < options->listen_count; i++) {
        options->listen[i] = flags_text_at(flags, FLAG_LISTEN, i);
        if (endpoint_check(options->listen[i], insecure) != WHERRY_OK) {
            return refuse(FLAG_LISTEN, options->listen[i]);
        }
    }
    const char *http = flags_text(flags, FLAG_HTTP);
    options->http = strcmp(http, "off") != 0 ? http : NULL;
    if (options->http != NULL && endpoint_check_http(http, insecure) != WHERRY_OK) {
        return refuse(FLAG_HTTP, http);
    }
    return FLAGS_GO;
}

static enum flags_outcome read_queues(struct options *options, const struct flags *flags) {
    options->queue_count = flags_count(flags, FLAG_QUEUE);
    if (options->queue_count > OPTIONS_QUEUES_MAX) {
        return flags_refuse(&program, "queue", NULL, "more than %d queues", OPTIONS_QUEUES_MAX);
    }
    for (size_t i = 0; i < options->queue_count; i++) {
        read_queue(flags_text_at(flags, FLAG_QUEUE, i), &options->queues[i]);
    }
    return FLAGS_GO;
}

static enum flags_outcome read_rest(struct options *options, const struct flags *flags) {
    options->backup = flags_text(flags, FLAG_BACKUP);
    options->check = flags_text(flags, FLAG_CHECK);
    options->salvage = flags_text(flags, FLAG_SALVAGE);
    options->store = flags_text(flags, FLAG_STORE);
    if (options->store == NULL && home_store_url(options->home, sizeof options->home)) {
        options->store = options->home;
    }
    options->grace_ms = flags_number(flags, FLAG_GRACE);
    options->memory_limit_bytes = (uint64_t)flags_number(flags, FLAG_MEMORY_LIMIT);
    if (options->memory_limit_bytes == 0) {
        options->memory_limit_bytes = limit_memory_bytes() / 5 * 3;
    }
    if (flags_text(flags, FLAG_LOG) != NULL) {
        log_set_level(flags_text(flags, FLAG_LOG));
    }
    return FLAGS_GO;
}

enum flags_outcome options_parse(struct options *options, int argc, char **argv) {
    struct flags *flags = &options->flags;
    memset(options, 0, sizeof *options);
    enum flags_outcome outcome = flags_parse(flags, &program, argc, argv);
    if (outcome != FLAGS_GO) {
        return outcome;
    }
    outcome = read_endpoints(options, flags);
    if (outcome == FLAGS_GO) {
        outcome = read_queues(options, flags);
    }
    if (outcome == FLAGS_GO) {
        outcome = read_rest(options, flags);
    }
    if (outcome == FLAGS_GO && flags_given(flags, FLAG_CHECK_CONFIG)) {
        printf("%s: nothing is wrong\n", flags_text(flags, FLAG_CHECK_CONFIG));
        outcome = FLAGS_SHOWN;
    }
    if (outcome != FLAGS_GO) {
        options_fini(options);
    }
    return outcome;
}

void options_fini(struct options *options) {
    flags_fini(&options->flags);
}
