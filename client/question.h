/* SPDX-License-Identifier: MIT
 *
 * A question put to the broker (CALL), from the stack of whoever waits for its answer.
 *
 *     struct question question;
 *     err = question_ask(connection, WIRE_STATUS, body, timeout_ms, &question);
 *     err = question_wait(&question, deadline_us);     OK: question.answer is the body
 *     question_end(&question);                         in any case */
#ifndef WHERRY_CLIENT_QUESTION_H
#define WHERRY_CLIENT_QUESTION_H

#include "client/connection.h"

enum { QUESTION_TEXT_SIZE = 256 };

struct question {
    struct owner owner;
    atomic_uint word;
    struct wherry_connection *connection;
    uint64_t call; /* 0: none is open */
    wherry_err err;
    char text[QUESTION_TEXT_SIZE];
    struct wire_part answer;
};

wherry_err question_ask(struct wherry_connection *connection, enum wire_verb verb, struct span body,
                        int64_t timeout_ms, struct question *out);
wherry_err question_wait(struct question *question, int64_t deadline_us);
void question_end(struct question *question);
/* Gives the question up, but it is still put: its answer goes nowhere. */
void question_disown(struct question *question);

/* All three in one; on OK the answer is `*out`, to be released by the caller. */
wherry_err question_answer(struct wherry_connection *connection, enum wire_verb verb,
                           struct span body, int64_t timeout_ms, struct wire_part *out);
/* The same for an answer that is one number. */
wherry_err question_number(struct wherry_connection *connection, enum wire_verb verb,
                           struct span body, int64_t timeout_ms, uint64_t *out);
/* For one that is one text, or one map, as a new value. */
wherry_err question_text(struct wherry_connection *connection, enum wire_verb verb,
                         struct span body, int64_t timeout_ms, wherry_value **out);
wherry_err question_value(struct wherry_connection *connection, enum wire_verb verb,
                          struct span body, int64_t timeout_ms, wherry_value **out);

#endif
