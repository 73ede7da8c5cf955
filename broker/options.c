/* SPDX-License-Identifier: MIT
 *
 * The flags of wherry-broker. Everything that can be judged without touching the machine is judged
 * here, before a socket is opened: a wrong flag is exit 2, whatever else is wrong is exit 5. */
#include "broker/options.h"

#include "broker/home.h"
#include "broker/limit.h"
#include "broker/net/endpoint.h"
#include "broker/store/store.h"
#include "common/log.h"
#include "common/name.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLAG_LISTEN,
    FLAG_HTTP,
    FLAG_STORE,
    FLAG_MEMORY_LIMIT,
    FLAG_QUEUE,
    FLAG_GRACE,
    FLAG_INSECURE,
    FLAG_LOG,
    FLAG_TABLE_SIZE,
};

static const struct flag table[FLAG_TABLE_SIZE] = {
    [FLAG_LISTEN] = {.name = "listen",
                     .letter = 'l',
                     .argument = "ENDPOINT",
                     .repeatable = true,
                     .fallback = "tcp://127.0.0.1:7380",
                     .help = "tcp://HOST:PORT or ipc:///PATH to listen on; port * takes any\n"},
    [FLAG_HTTP] = {.name = "http",
                   .argument = "ADDR:PORT|off",
                   .fallback = "127.0.0.1:7381",
                   .help = "serves /healthz, /readyz and /metrics; port 0 takes any\n"},
    [FLAG_STORE] = {.name = "store",
                    .argument = "URL",
                    .help = "where tasks are kept: lmdb:DIR, a folder on a local disk, or\n"
                            "memory:, which keeps nothing across a restart (default: lmdb:\n"
                            "$STATE_DIRECTORY, $XDG_STATE_HOME/wherry, ~/.local/state/wherry)"},
    [FLAG_MEMORY_LIMIT] = {.name = "memory-limit",
                           .argument = "SIZE",
                           .kind = FLAG_SIZE,
                           .min = 1 << 20,
                           .help = "most memory for payloads, e.g. 2G\n"
                                   "(default: 60 % of the machine or of this cgroup)"},
    [FLAG_QUEUE] = {.name = "queue",
                    .argument = "NAME:max=N,bytes=B",
                    .repeatable = true,
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
                  .argument = "LEVEL",
                  .help = "error, warn, info or debug (default: $WHERRY_LOG, else info)"},
};

static const struct flags_program program = {
    .name = "wherry-broker",
    .synopsis = "[FLAG…]",
    .summary = "Holds the queues, hands tasks to workers, keeps results until they are fetched.",
    .flags = table,
    .flag_count = FLAG_TABLE_SIZE,
    .examples = "  wherry-broker\n"
                "  wherry-broker --listen ipc:///run/wherry/broker --listen tcp://127.0.0.1:7380\n"
                "  wherry-broker --queue mail:max=10000 --queue video:max=50,bytes=2G\n"
                "  wherry-broker --listen tcp://0.0.0.0:7380 --insecure\n",
    .after = "Signals: SIGTERM drains, a second one ends at once, SIGUSR1 dumps the state.\n"
             "Exit codes: 0 clean, 2 wrong flags, 5 endpoint taken or store unusable, 8 forced\n",
};

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

/* One `max=N` or `bytes=B`. */
static bool read_bound(const char *text, struct options_queue *queue) {
    char *end = NULL;
    int64_t bytes = 0;
    if (strncmp(text, "max=", 4) == 0 && text[4] >= '1' && text[4] <= '9') {
        queue->items_max = strtoull(text + 4, &end, 10);
        return *end == '\0' && queue->items_max <= UINT32_MAX;
    }
    if (strncmp(text, "bytes=", 6) == 0 && flags_read_size(text + 6, &bytes) && bytes > 0) {
        queue->bytes_max = (uint64_t)bytes;
        return true;
    }
    return false;
}

static bool read_bounds(const char *text, struct options_queue *queue) {
    char item[64];
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (size >= sizeof item) {
            return false;
        }
        memcpy(item, text, size);
        item[size] = '\0';
        if (!read_bound(item, queue)) {
            return false;
        }
        text += size + (text[size] == ',');
    }
    return queue->items_max != 0 || queue->bytes_max != 0;
}

static enum flags_outcome read_queues(struct options *options, const struct flags *flags) {
    options->queue_count = flags_count(flags, FLAG_QUEUE);
    if (options->queue_count > OPTIONS_QUEUES_MAX) {
        return flags_refuse(&program, "queue", NULL, "more than %d queues", OPTIONS_QUEUES_MAX);
    }
    for (size_t i = 0; i < options->queue_count; i++) {
        struct options_queue *queue = &options->queues[i];
        const char *text = flags_text_at(flags, FLAG_QUEUE, i);
        size_t name_size = strcspn(text, ":");
        queue->name = (struct span){(const uint8_t *)text, name_size};
        if (!name_ok(queue->name)) {
            return flags_refuse(&program, "queue", text,
                                "a queue's name is 1 to 128 of A-Z a-z 0-9 . _ { } -");
        }
        if (text[name_size] != ':' || !read_bounds(text + name_size + 1, queue)) {
            return flags_refuse(&program, "queue", text,
                                "bounds are written NAME:max=1000 or NAME:max=1000,bytes=64M");
        }
    }
    return FLAGS_GO;
}

static enum flags_outcome read_store(struct options *options, const struct flags *flags) {
    const char *url = flags_text(flags, FLAG_STORE);
    if (url == NULL) {
        options->store = home_store_url(options->home, sizeof options->home) ? options->home : NULL;
        return FLAGS_GO;
    }
    options->store = url;
    return store_check_url(url) == WHERRY_OK ? FLAGS_GO : refuse(FLAG_STORE, url);
}

static enum flags_outcome read_rest(struct options *options, const struct flags *flags) {
    options->grace_ms = flags_number(flags, FLAG_GRACE);
    options->memory_limit_bytes = (uint64_t)flags_number(flags, FLAG_MEMORY_LIMIT);
    if (options->memory_limit_bytes == 0) {
        options->memory_limit_bytes = limit_memory_bytes() / 5 * 3;
    }
    const char *level = flags_text(flags, FLAG_LOG);
    if (level != NULL && !log_set_level(level)) {
        return flags_refuse(&program, "log", level, "a level is error, warn, info or debug");
    }
    return FLAGS_GO;
}

enum flags_outcome options_parse(struct options *options, int argc, char **argv) {
    struct flags flags;
    memset(options, 0, sizeof *options);
    enum flags_outcome outcome = flags_parse(&flags, &program, argc, argv);
    if (outcome != FLAGS_GO) {
        return outcome;
    }
    outcome = read_endpoints(options, &flags);
    if (outcome == FLAGS_GO) {
        outcome = read_queues(options, &flags);
    }
    if (outcome == FLAGS_GO) {
        outcome = read_store(options, &flags);
    }
    if (outcome == FLAGS_GO) {
        outcome = read_rest(options, &flags);
    }
    flags_fini(&flags);
    return outcome;
}
