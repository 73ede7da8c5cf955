/* SPDX-License-Identifier: MIT
 *
 * Broker and worker as most tests want them: on endpoints that nobody else uses, started when they
 * are ready. Ports are chosen by the system and read from the log line `msg=listening`. */
#include "tests/support/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAGS_MAX = BROKER_FLAGS_MAX + 8 };

static void flags_gather(struct sandbox *box, va_list list, const char **out, size_t count) {
    const char *next = va_arg(list, const char *);
    for (; next != NULL; next = va_arg(list, const char *)) {
        if (count == BROKER_FLAGS_MAX) {
            sandbox_fail(box, "more than %d flags", BROKER_FLAGS_MAX);
        }
        out[count++] = next;
    }
    out[count] = NULL;
}

/* The text behind `key=` in the log's first line that has it. */
static bool log_field(struct program *program, const char *key, char *out, size_t size) {
    char *log = support_read_file(program->err_path);
    const char *at = strstr(log, key);
    if (at != NULL) {
        at += strlen(key);
        snprintf(out, size, "%.*s", (int)strcspn(at, " \n\""), at);
    }
    free(log);
    return at != NULL;
}

static void broker_read_addresses(struct broker *broker) {
    char http[64] = "";
    program_wait_line(broker->program, "msg=ready");
    if (!log_field(broker->program, "endpoint=tcp", broker->tcp_endpoint + 3,
                   sizeof broker->tcp_endpoint - 3)) {
        sandbox_fail(broker->program->box, "the broker names no tcp endpoint");
    }
    memcpy(broker->tcp_endpoint, "tcp", 3);
    if (log_field(broker->program, "http=", http, sizeof http) && strrchr(http, ':') != NULL) {
        broker->http_port = (uint16_t)strtoul(strrchr(http, ':') + 1, NULL, 10);
    }
}

/* The flags must outlive the call of the test that gave them. */
static void broker_keep_flags(struct broker *broker, struct sandbox *box, va_list list) {
    flags_gather(box, list, broker->flags, 0);
    for (size_t i = 0; broker->flags[i] != NULL; i++) {
        broker->flags[i] = sandbox_keep(box, strdup(broker->flags[i]));
    }
}

static bool broker_names_store(const struct broker *broker) {
    for (size_t i = 0; broker->flags[i] != NULL; i++) {
        if (strcmp(broker->flags[i], "--store") == 0) {
            return true;
        }
    }
    return false;
}

/* On memory, unless the test names a store. */
static void broker_run(struct broker *broker, struct sandbox *box, const char *tcp_endpoint,
                       uint16_t http_port) {
    char http[32];
    snprintf(http, sizeof http, "127.0.0.1:%u", (unsigned)http_port);
    const char *flags[FLAGS_MAX + 1] = {"--listen", broker->endpoint, "--listen", tcp_endpoint,
                                        "--http", http};
    memcpy(flags + 6, broker->flags, sizeof broker->flags);
    if (!broker_names_store(broker)) {
        size_t count = 6;
        while (flags[count] != NULL) {
            count++;
        }
        flags[count++] = "--store";
        flags[count] = "memory:";
    }
    broker->program = program_start_with(box, "wherry-broker", flags, NULL, NULL);
}

struct broker *broker_start(struct sandbox *box, ...) {
    struct broker *broker = sandbox_keep(box, calloc(1, sizeof *broker));
    snprintf(broker->endpoint, sizeof broker->endpoint, "ipc://%.40s/broker", box->folder);
    va_list list;
    va_start(list, box);
    broker_keep_flags(broker, box, list);
    va_end(list);
    broker_run(broker, box, "tcp://127.0.0.1:*", 0);
    broker_read_addresses(broker);
    return broker;
}

struct program *broker_begin_restart(struct broker *broker) {
    char tcp_endpoint[SANDBOX_PATH_SIZE];
    if (program_running(broker->program)) {
        program_kill(broker->program);
    }
    snprintf(tcp_endpoint, sizeof tcp_endpoint, "%s", broker->tcp_endpoint);
    broker_run(broker, broker->program->box, tcp_endpoint, broker->http_port);
    return broker->program;
}

void broker_restart(struct broker *broker) {
    broker_begin_restart(broker);
    broker_read_addresses(broker);
}

struct program *worker_start(struct sandbox *box, const char *endpoint, ...) {
    const char *flags[FLAGS_MAX + 1] = {"--broker", endpoint};
    va_list list;
    va_start(list, endpoint);
    flags_gather(box, list, flags, 2);
    va_end(list);
    struct program *program = program_start_with(box, "wherry-worker", flags, NULL, NULL);
    program_wait_line(program, "msg=ready");
    return program;
}
