/* SPDX-License-Identifier: MIT
 *
 * A session with a hand-driven broker: every message is looked at and answered by the test
 * itself. */
#ifndef CLIENT_FAKE_H
#define CLIENT_FAKE_H

#include "client/session.h"
#include "common/bounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FAKE_TASKS = 70000, FAKE_TEXT = 160, FAKE_ITEMS = 4096 };

struct fake_task { /* the owner of a task or a call */
    struct task_id id;
    struct task_id key;
    int finished;
    int accepted;
    int answered;
    int moved;
    wherry_err err;
    char text[FAKE_TEXT];
    char payload[FAKE_TEXT];
    size_t payload_size;
};

struct fake {
    struct session *session;
    int64_t now_us;
    uint64_t random;
    uint64_t epoch;
    bool keeps;
    struct wire_out out; /* the last message of the session */
    struct wire_out in;  /* the next one of the broker */
    uint64_t session_id; /* of the last hello */
    bool resume;
    struct fake_task *tasks;
    size_t finished_order[FAKE_ITEMS];
    size_t finished_count;
    int released;
};

struct fake_submit { /* a SUBMIT, read */
    struct wire_submit head;
    struct wire_submit_item items[FAKE_ITEMS];
    size_t count;
};

int fake_setup(void **state);
int fake_setup_window_16(void **state);
int fake_teardown(void **state);

/* The next message of the session must be of `type`; it stays in fake->out. */
void fake_expect(struct fake *fake, enum wire_type type);
void fake_expect_nothing(struct fake *fake);
struct fake_submit *fake_expect_submit(struct fake *fake); /* valid until the next one */
void fake_give(struct fake *fake);                         /* fake->in to the session */

void fake_connect(struct fake *fake);   /* opened, hello, HELLO_OK */
void fake_reconnect(struct fake *fake); /* the same with a resumed session */
void fake_hello_ok(struct fake *fake);
void fake_accept(struct fake *fake, uint16_t slot, uint64_t first, uint64_t count);
void fake_park(struct fake *fake, uint16_t slot, uint64_t first, uint64_t count);
/* The next message must be RENUMBER; returns how many numbers it names, the first in *out. */
uint32_t fake_expect_renumber(struct fake *fake, struct wire_renumbering *out);
void fake_answer(struct fake *fake, uint16_t slot, uint64_t number, wherry_err err,
                 const char *text);
void fake_result(struct fake *fake, uint16_t slot, uint64_t number, uint32_t status,
                 const char *payload);
void fake_results(struct fake *fake, uint16_t slot, uint64_t first, uint64_t count);
void fake_lost(struct fake *fake, uint64_t epoch, bool keeps);
void fake_advance(struct fake *fake, int64_t us); /* time passes, tick */

extern const struct session_lane fake_lane; /* queue "default", function "f" */
struct fake_task *fake_task(struct fake *fake, size_t index);
wherry_err fake_submit_to(struct fake *fake, size_t index, const struct session_lane *lane,
                          const char *payload);
void fake_submit(struct fake *fake, size_t index, const char *payload); /* must succeed */
uint16_t fake_slot(void);                                               /* of "default" */

#endif
