/* SPDX-License-Identifier: MIT
 *
 * The broker in a thread; see mini.h. */
#include "mini.h"

#include "common/call.h"
#include "common/value.h"
#include "common/wire/body.h"
#include "common/wire/cursor.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

enum { MINI_ROUTE_MAX = 64, MINI_LIMIT_S = 20 };

struct mini_task {
    uint8_t route[MINI_ROUTE_MAX];
    size_t route_size;
    uint16_t slot;
    uint64_t number;
    struct task_id id;
    bool behind; /* "reverse": waits for the tasks behind it only */
    struct bytes payload;
    struct mini_task *following;
};

struct mini {
    void *context;
    void *router;
    void *control; /* PAIR: commands from the test */
    void *control_far;
    char endpoint[64];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex */
    uint64_t submitted;
    uint64_t resubmitted;
    size_t largest_chunk;
    /* the thread's */
    uint32_t processes;
    uint32_t beat_ms;
    uint64_t epoch;
    bool silent;
    uint64_t sessions[64];
    size_t session_count;
    struct mini_task *held;
    struct wire_out out;
    const uint8_t *route;
    size_t route_size;
};

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

static void mini_let_go(struct mini *mini, bool behind_only) {
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

static void mini_full(struct mini *mini, const struct mini_task *task) {
    struct wire_answered answered = {mini->epoch, task->slot, task->number, WHERRY_E_FULL,
                                     span_of_text("queue is full")};
    wire_put_answered(&mini->out, &answered);
    mini_send(mini);
}

static void mini_accept(struct mini *mini, const struct wire_submit *submit, uint64_t first,
                        uint64_t count) {
    if ((submit->flags & SUBMIT_WANT_ACK) != 0 &&
        !span_equal(submit->function, span_of_text("full"))) {
        struct wire_run run = {first, count};
        wire_put_accepted(&mini->out, mini->epoch, submit->slot, &run, 1);
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
    } else if (span_equal(submit->function, span_of_text("full"))) {
        mini_full(mini, &task);
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

/* ---- the thread ----------------------------------------------------------------------------- */

static void mini_message(struct mini *mini, const struct wire_message *message) {
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

static void mini_receive(struct mini *mini) {
    zmq_msg_t frames[WIRE_FRAMES_MAX + 1];
    struct wire_message message = {.count = 0};
    size_t count = 0;
    bool more = true;
    while (more) {
        zmq_msg_init(&frames[count]);
        if (zmq_msg_recv(&frames[count], mini->router, 0) < 0) {
            break;
        }
        more = zmq_msg_more(&frames[count]) != 0;
        if (count > 0) {
            message.frames[message.count++] =
                (struct span){zmq_msg_data(&frames[count]), zmq_msg_size(&frames[count])};
        }
        count++;
    }
    mini->route = zmq_msg_data(&frames[0]);
    mini->route_size = zmq_msg_size(&frames[0]);
    if (!mini->silent) {
        mini_message(mini, &message);
    }
    for (size_t i = 0; i < count; i++) {
        zmq_msg_close(&frames[i]);
    }
}

static void mini_forget(struct mini *mini) {
    while (mini->held != NULL) {
        struct mini_task *task = mini->held;
        mini->held = task->following;
        bytes_free(&task->payload);
        free(task);
    }
}

static void mini_bind(struct mini *mini) {
    int zero = 0;
    for (int i = 0; i < 5000; i++) {
        mini->router = zmq_socket(mini->context, ZMQ_ROUTER);
        zmq_setsockopt(mini->router, ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(mini->router, ZMQ_SNDHWM, &zero, sizeof zero);
        if (zmq_bind(mini->router, mini->endpoint) == 0) {
            return;
        }
        assert_int_equal(errno, EADDRINUSE);
        zmq_close(mini->router);
        usleep(2000);
    }
    fail_msg("cannot bind %s", mini->endpoint);
}

static bool mini_command(struct mini *mini) {
    char command = 0;
    zmq_recv(mini->control_far, &command, 1, 0);
    if (command == 'r') {
        mini_let_go(mini, false);
    } else if (command == 's' || command == 't') {
        mini->silent = command == 's';
    } else if (command == 'n') {
        zmq_close(mini->router);
        mini_forget(mini);
        mini->epoch++;
        mini->session_count = 0;
        mini_bind(mini);
    }
    if (command != 'q') {
        zmq_send(mini->control_far, "", 0, 0);
    }
    return command != 'q';
}

static void *mini_thread(void *argument) {
    struct mini *mini = argument;
    bool running = true;
    while (running) {
        zmq_pollitem_t items[] = {{mini->router, 0, ZMQ_POLLIN, 0},
                                  {mini->control_far, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, -1) < 0) {
            continue;
        }
        if (items[0].revents != 0) {
            mini_receive(mini);
        }
        if (items[1].revents != 0) {
            running = mini_command(mini);
        }
    }
    mini_forget(mini);
    return NULL;
}

struct mini *mini_start_with(uint32_t processes, uint32_t beat_ms) {
    struct mini *mini = calloc(1, sizeof *mini);
    mini->context = zmq_ctx_new();
    mini->processes = processes;
    mini->beat_ms = beat_ms;
    mini->epoch = 10;
    pthread_mutex_init(&mini->mutex, NULL);
    pthread_cond_init(&mini->changed, NULL);
    wire_out_init(&mini->out);
    snprintf(mini->endpoint, sizeof mini->endpoint, "tcp://127.0.0.1:*");
    mini_bind(mini);
    size_t size = sizeof mini->endpoint;
    zmq_getsockopt(mini->router, ZMQ_LAST_ENDPOINT, mini->endpoint, &size);
    mini->control = zmq_socket(mini->context, ZMQ_PAIR);
    mini->control_far = zmq_socket(mini->context, ZMQ_PAIR);
    zmq_bind(mini->control, "inproc://control");
    zmq_connect(mini->control_far, "inproc://control");
    assert_int_equal(pthread_create(&mini->thread, NULL, mini_thread, mini), 0);
    return mini;
}

struct mini *mini_start(uint32_t processes) {
    return mini_start_with(processes, 2000);
}

const char *mini_endpoint(const struct mini *mini) {
    return mini->endpoint;
}

static void mini_tell(struct mini *mini, char command) {
    zmq_send(mini->control, &command, 1, 0);
    if (command != 'q') {
        zmq_recv(mini->control, &command, 1, 0);
    }
}

void mini_release(struct mini *mini) {
    mini_tell(mini, 'r');
}

void mini_restart(struct mini *mini) {
    mini_tell(mini, 'n');
}

void mini_silence(struct mini *mini, bool silent) {
    mini_tell(mini, silent ? 's' : 't');
}

uint64_t mini_submitted(struct mini *mini) {
    pthread_mutex_lock(&mini->mutex);
    uint64_t count = mini->submitted;
    pthread_mutex_unlock(&mini->mutex);
    return count;
}

uint64_t mini_resubmitted(struct mini *mini) {
    pthread_mutex_lock(&mini->mutex);
    uint64_t count = mini->resubmitted;
    pthread_mutex_unlock(&mini->mutex);
    return count;
}

size_t mini_largest_chunk(struct mini *mini) {
    pthread_mutex_lock(&mini->mutex);
    size_t count = mini->largest_chunk;
    pthread_mutex_unlock(&mini->mutex);
    return count;
}

void mini_wait_submitted(struct mini *mini, uint64_t count) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += MINI_LIMIT_S;
    pthread_mutex_lock(&mini->mutex);
    while (mini->submitted < count) {
        assert_int_equal(pthread_cond_timedwait(&mini->changed, &mini->mutex, &limit), 0);
    }
    pthread_mutex_unlock(&mini->mutex);
}

void mini_stop(struct mini **mini) {
    struct mini *dying = *mini;
    *mini = NULL;
    mini_tell(dying, 'q');
    pthread_join(dying->thread, NULL);
    zmq_close(dying->control);
    zmq_close(dying->control_far);
    zmq_close(dying->router);
    zmq_ctx_term(dying->context);
    wire_out_fini(&dying->out);
    free(dying);
}
