/* SPDX-License-Identifier: MIT
 *
 * Broker and worker as most tests want them: on endpoints that nobody else uses, started when they
 * are ready. Ports are chosen by the system and read from the log line `msg=listening`. */
#include "tests/support/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAGS_MAX = 64 };

static void flags_gather(struct sandbox *box, va_list list, const char **out, size_t count) {
    const char *next = va_arg(list, const char *);
    for (; next != NULL; next = va_arg(list, const char *)) {
        if (count == FLAGS_MAX) {
            sandbox_fail(box, "more than %d flags", FLAGS_MAX);
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

struct broker *broker_start(struct sandbox *box, ...) {
    struct broker *broker = sandbox_keep(box, calloc(1, sizeof *broker));
    snprintf(broker->endpoint, sizeof broker->endpoint, "ipc://%.40s/broker", box->folder);
    const char *flags[FLAGS_MAX + 1] = {"--listen", broker->endpoint, "--listen",
                                        "tcp://127.0.0.1:*", "--http", "127.0.0.1:0"};
    va_list list;
    va_start(list, box);
    flags_gather(box, list, flags, 6);
    va_end(list);
    broker->program = program_start_with(box, "wherry-broker", flags, NULL, NULL);
    broker_read_addresses(broker);
    return broker;
}

void broker_restart(struct broker *broker) {
    struct sandbox *box = broker->program->box;
    char http[32];
    if (program_running(broker->program)) {
        program_kill(broker->program);
    }
    snprintf(http, sizeof http, "127.0.0.1:%u", (unsigned)broker->http_port);
    broker->program =
        program_start(box, "wherry-broker", "--listen", broker->endpoint, "--listen",
                      broker->tcp_endpoint, "--http", http, NULL);
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
