/* SPDX-License-Identifier: MIT
 *
 * HTTP for operators: /healthz (the core loop turns), /readyz (can it serve? names the failing
 * part), /metrics (Prometheus).
 *
 *     HTTP thread (libmicrohttpd) ── asks: eventfd ──> core thread: http_answer(fill)
 *                                 <── condition ──────────┘
 *
 * The HTTP thread never looks at the core's state; it asks, and waits at most two seconds. So
 * /healthz fails exactly when the core loop hangs. */
#ifndef WHERRY_HTTP_H
#define WHERRY_HTTP_H

#include "broker/http/metrics.h"

struct http;

/* address: "ADDR:PORT", checked by endpoint_check_http; port 0: any. OK; BUSY, SYSTEM: text. */
wherry_err http_open(const char *address, struct http **out);
void http_close(struct http **http);

/* "ADDR:PORT" as bound. */
const char *http_address(const struct http *http);

/* Readable when the HTTP thread waits for an answer. */
int http_fd(const struct http *http);
/* Core thread: fills in the picture and wakes whoever asked. */
void http_answer(struct http *http, void (*fill)(void *context, struct metrics *out),
                 void *context);

#endif
