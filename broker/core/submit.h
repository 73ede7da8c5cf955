/* SPDX-License-Identifier: MIT
 *
 * Submit: the way into a queue. Each number is accepted at most once: what was answered is
 * recognised and answered again, what is parked keeps its place, what cannot be taken is refused
 * and that is remembered. */
#ifndef WHERRY_SUBMIT_H
#define WHERRY_SUBMIT_H

#include "broker/core/event.h"

struct engine;

void submit_receive(struct engine *engine, uint32_t session, const struct event_submit *submit);
/* All answers of a stream up to here were received. */
void submit_acknowledge(struct engine *engine, uint32_t stream, uint64_t acked);
/* Tells what was accepted and not yet told. */
void submit_tell(struct engine *engine, uint32_t stream);
/* Answers an error, and remembers it until `acked`. `text` must live as long as the program. */
void submit_refuse(struct engine *engine, uint32_t stream, uint64_t number, wherry_err err,
                   const char *text);
/* The same, remembered over restarts, too. */
void submit_refuse_for_good(struct engine *engine, uint32_t stream, uint64_t number, wherry_err err,
                            const char *text);

/* The parked request `from` lives on as `to`: remembered, told. */
void submit_renumber(struct engine *engine, uint32_t stream, uint64_t from, uint64_t to);

/* Answers an error and remembers nothing. */
void submit_answer(struct engine *engine, uint32_t stream, uint64_t number, wherry_err err,
                   const char *text);
/* Takes an admitted item in. */
void submit_accept(struct engine *engine, uint32_t lane, uint32_t stream,
                   const struct event_submit_item *item);

/* A restored task: the same record as submit makes. Returns its index. */
struct submit_task {
    uint32_t stream;
    uint32_t lane;
    uint64_t number;
    uint64_t arrival;
    struct payload payload;
};
uint32_t submit_make_task(struct engine *engine, const struct submit_task *from);

#endif
