/* SPDX-License-Identifier: MIT
 *
 * Hello: the first message on a connection; decides who speaks on it from then on. */
#ifndef WHERRY_HELLO_H
#define WHERRY_HELLO_H

#include "broker/core/effect.h"

struct engine;

/* Checks versions and sizes, then hands on to sessions, hosts or children. */
void hello_receive(struct engine *engine, route_id route, const struct event_hello *hello);

void hello_ok(struct engine *engine, struct effects *sink, route_id route, uint64_t session);
/* `text` must live as long as the program. */
void hello_refuse(struct engine *engine, route_id route, wherry_err err, const char *text);

#endif
