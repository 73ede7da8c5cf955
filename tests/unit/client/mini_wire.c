/* SPDX-License-Identifier: MIT
 *
 * What the mini broker answers; see mini.h. */
#include "mini_internal.h"

#include "common/call.h"
#include "common/value.h"
#include "common/wire/body.h"
#include "common/wire/cursor.h"

#include <stdlib.h>
#include <string.h>

#include <zmq.h>

/* ---- sending -------------------------------------------------------------------------------- */

static void mini_send_to(struct mini *mini, const uint8_t *route, size_t route_size) {
    zmq_send(mini->router, route, route_size, ZMQ_SNDMORE);
    zmq_send(mini->router, mini->out.body.data, mini->out.body.size,
             mini->out.part_count > 0 ? ZMQ_SNDMORE : 0);
    for (size_t i = 0; i < mini->out.part_count; i++) {
        zmq_send(mini->router, mini->out.parts[i].data, mini->out.parts[i].size,
                 i + 1 < mini->out.part_count ? ZMQ_SNDMORE : 0);
    }
    wire_out_clear(&mini->out);
}

static void mini_send(struct mini *mini) {
    mini_send_to(mini, mini->route, mini->route_size);
}

static void mini_answer_hello(struct mini *mini, const struct wire_message *message) {
    static const uint8_t store[16] = "mini broker 1234";
    struct wire_hello hello;
    assert_int_equal(wire_get_hello(message, &hello), WHERRY_OK);
    bool known = false;
    for (size_t i = 0; i < mini->session_count; i++) {
        known = known || mini->sessions[i] == hello.session;
    }
    if (hello.resume && !known) {
        struct wire_session_lost lost = {mini->epoch, {store, 16}, false};
        wire_put_session_lost(&mini->out, &lost);
        mini_send(mini);
        return;
    }
    if (!known && mini->session_count < 64) {
        mini->sessions[mini->session_count++] = hello.session;
    }
    struct wire_hello_ok ok = {
        .epoch = mini->epoch,
        .version = 1,
        .store = {store, 16},
        .session = hello.session,
        .beat_ms = mini->beat_ms,
        .payload_max = 8 << 20,
    };
    wire_put_hello_ok(&mini->out, &ok);
    mini_send(mini);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static void mini_finish(struct mini *mini, const struct mini_task *task, uint32_t status,
                        struct span payload) {
    wire_result_begin(&mini->out, mini->epoch, task->slot);
    wire_result_item(&mini->out, task->number, status,
                     (struct wire_part){payload.data, payload.size, NULL, NULL});
    wire_result_end(&mini->out);
    mini_send_to(mini, task->route, task->route_size);
}

static void mini_fail(struct mini *mini, const struct mini_task *task) {
    struct bytes packed = BYTES_EMPTY;
    struct wire_failure failure = {
        .code = WHERRY_E_TASK_FAILED,
        .text = span_of_text("ValueError: no"),
        .host = span_of_text("mini"),
        .pid = 42,
    };
    wire_put_failure(&packed, &failure);
    mini_finish(mini, task, WIRE_FAILED, bytes_span(&packed));
    bytes_free(&packed);
}

/* The first item of a packed list, or nil. */
static struct span mini_first(struct span list) {
    static const uint8_t nil = 0xc0;
    struct cursor cursor = cursor_of(list);
    uint32_t count = 0;
    cursor_array(&cursor, &count);
    const uint8_t *from = cursor.at;
    if (count == 0 || !cursor_skip(&cursor, WIRE_DEPTH_MAX)) {
        return (struct span){&nil, 1};
    }
    return (struct span){from, (size_t)(cursor.at - from)};
}

static uint32_t mini_count(struct span list) {
    struct cursor cursor = cursor_of(list);
    uint32_t count = 0;
    cursor_array(&cursor, &count);
    return count;
}

static void mini_noop(struct mini *mini, const struct mini_task *task, const struct call *call) {
    struct bytes packed = BYTES_EMPTY;
    if (call->kind == CALL_CHUNK) {
        uint32_t count = mini_count(call->args);
        uint8_t head[3] = {0xdc, (uint8_t)(count >> 8), (uint8_t)count};
        bytes_append(&packed, head, 3);
        for (uint32_t i = 0; i < count; i++) {
            bytes_append(&packed, "\xc0", 1);
        }
    } else {
        bytes_append(&packed, "\xc0", 1);
    }
    mini_finish(mini, task, WIRE_DONE, bytes_span(&packed));
    bytes_free(&packed);
}

static void mini_run(struct mini *mini, const struct mini_task *task, struct span function) {
    struct call call;
    assert_int_equal(call_decode(bytes_span(&task->payload), &call), WHERRY_OK);
    bool bad = call.kind == CALL_ONE || memmem(call.args.data, call.args.size, "bad", 3) != NULL;
    if (call.kind == CALL_CHUNK) {
        pthread_mutex_lock(&mini->mutex);
        uint32_t count = mini_count(call.args);
        mini->largest_chunk = count > mini->largest_chunk ? count : mini->largest_chunk;
        pthread_mutex_unlock(&mini->mutex);
    }
    if (span_equal(function, span_of_text("noop"))) {
        mini_noop(mini, task, &call);
    } else if (span_equal(function, span_of_text("fail")) && bad) {
        mini_fail(mini, task);
    } else if (call.kind == CALL_CHUNK) {
        mini_finish(mini, task, WIRE_DONE, call.args);
    } else {
        mini_finish(mini, task, WIRE_DONE, mini_first(call.args));
    }
}

static void mini_hold(struct mini *mini, const struct mini_task *task, bool behind) {
    struct mini_task *kept = malloc(sizeof *kept);
    *kept = *task;
    kept->behind = behind;
    kept->following = mini->held;
    mini->held = kept;
}

void mini_let_go(struct mini *mini, bool behind_only) {
    struct mini_task **at = &mini->held;
    while (*at != NULL) {
        struct mini_task *task = *at;
        if (behind_only && !task->behind) {
            at = &task->following;
            continue;
        }
        *at = task->following;
        mini_run(mini, task, span_of_text("echo"));
        bytes_free(&task->payload);
        free(task);
    }
}

static void mini_refuse(struct mini *mini, const struct mini_task *task, wherry_err err) {
    struct wire_answered answered = {
        mini->epoch, task->slot, task->number, err,
        span_of_text(err == WHERRY_E_FULL ? "queue is full" : "too many results")};
    wire_put_answered(&mini->out, &answered);
    mini_send(mini);
}

/* The refusal that the function stands for, or OK. */
static wherry_err mini_refusal(struct span function) {
    if (span_equal(function, span_of_text("full"))) {
        return WHERRY_E_FULL;
    }
    return span_equal(function, span_of_text("results_full")) ? WHERRY_E_RESULTS_FULL : WHERRY_OK;
}

static void mini_accept(struct mini *mini, const struct wire_submit *submit, uint64_t first,
                        uint64_t count) {
    if ((submit->flags & SUBMIT_WANT_ACK) != 0 && mini_refusal(submit->function) == WHERRY_OK) {
        struct wire_run run = {first, count};
        wire_put_numbers(&mini->out, WIRE_ACCEPTED, mini->epoch, submit->slot, &run, 1);
        mini_send(mini);
    }
}

static void mini_item(struct mini *mini, const struct wire_submit *submit,
                      const struct wire_submit_item *item) {
    struct mini_task task = {.slot = submit->slot, .number = item->number};
    memcpy(task.route, mini->route, mini->route_size);
    task.route_size = mini->route_size;
    bytes_append(&task.payload, item->payload.data, item->payload.size);
    bool hold = span_equal(submit->function, span_of_text("hold"));
    bool reverse = span_equal(submit->function, span_of_text("reverse"));
    if (hold || reverse) {
        mini_hold(mini, &task, reverse);
    } else if (mini_refusal(submit->function) != WHERRY_OK) {
        mini_refuse(mini, &task, mini_refusal(submit->function));
        bytes_free(&task.payload);
    } else {
        mini_run(mini, &task, submit->function);
        bytes_free(&task.payload);
    }
    pthread_mutex_lock(&mini->mutex);
    mini->submitted++;
    mini->resubmitted += item->has_origin ? 1 : 0;
    pthread_cond_broadcast(&mini->changed);
    pthread_mutex_unlock(&mini->mutex);
}

static void mini_submit(struct mini *mini, const struct wire_message *message) {
    struct wire_submit submit;
    assert_int_equal(wire_get_submit(message, &submit), WHERRY_OK);
    struct wire_items items = submit.items;
    struct wire_submit_item item;
    uint64_t first = 0;
    uint64_t count = 0;
    while (wire_next_submit(&items, &item)) {
        first = count == 0 ? item.number : first;
        count++;
    }
    mini_accept(mini, &submit, first, count);
    items = submit.items;
    while (wire_next_submit(&items, &item)) {
        mini_item(mini, &submit, &item);
    }
    if (!span_equal(submit.function, span_of_text("reverse"))) {
        mini_let_go(mini, true);
    }
}

static void mini_cancel(struct mini *mini, const struct wire_message *message) {
    struct wire_cancel cancel;
    assert_int_equal(wire_get_cancel(message, &cancel), WHERRY_OK);
    struct wire_run run;
    while (wire_next_run(&cancel.runs, &run)) {
        struct mini_task **at = &mini->held;
        while (*at != NULL) {
            struct mini_task *task = *at;
            if (task->slot != cancel.slot || task->number < run.first ||
                task->number >= run.first + run.count) {
                at = &task->following;
                continue;
            }
            *at = task->following;
            mini_finish(mini, task, WIRE_CANCELLED, (struct span){NULL, 0});
            bytes_free(&task->payload);
            free(task);
        }
    }
}

/* ---- questions ------------------------------------------------------------------------------ */

static void mini_call(struct mini *mini, const struct wire_message *message) {
    struct wire_call call;
    assert_int_equal(wire_get_call(message, &call), WHERRY_OK);
    struct bytes body = BYTES_EMPTY;
    struct wire_answer answer = {.epoch = mini->epoch, .call = call.call};
    wherry_value *value = NULL;
    if (call.verb == WIRE_POOL_SHOW) {
        wherry_value_build(&value, "{s[{su}{su}]}", "hosts", "processes",
                           (uint64_t)mini->processes - 1, "processes", (uint64_t)1);
    } else if (call.verb == WIRE_STATUS) {
        wherry_value_build(&value, "{su}", "epoch", mini->epoch);
    } else if (call.verb == WIRE_WAITING) {
        body_put_text(&body, span_of_text("no worker offers hold"));
    } else if (call.verb == WIRE_TASK_WAIT) {
        answer.err = WHERRY_E_UNKNOWN;
        answer.text = span_of_text("no such task was ever seen");
    } else {
        body_put_empty(&body);
    }
    if (value != NULL) {
        size_t size = 0;
        const void *data = wherry_value_msgpack(value, &size);
        bytes_append(&body, data, size);
        wherry_value_release(&value);
    }
    wire_put_answer(&mini->out, &answer, (struct wire_part){body.data, body.size, NULL, NULL});
    mini_send(mini);
    bytes_free(&body);
}

void mini_message(struct mini *mini, const struct wire_message *message) {
    enum wire_type type;
    assert_int_equal(wire_type_of(message, &type), WHERRY_OK);
    if (type == WIRE_HELLO) {
        mini_answer_hello(mini, message);
    } else if (type == WIRE_SUBMIT) {
        mini_submit(mini, message);
    } else if (type == WIRE_CANCEL) {
        mini_cancel(mini, message);
    } else if (type == WIRE_CALL) {
        mini_call(mini, message);
    } else if (type == WIRE_BEAT) {
        wire_put_plain(&mini->out, WIRE_BEAT_OK, mini->epoch);
        mini_send(mini);
    }
}
