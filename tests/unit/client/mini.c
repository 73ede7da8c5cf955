/* SPDX-License-Identifier: MIT
 *
 * The mini broker's thread, and the test's commands to it; see mini.h. */
#include "mini_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <zmq.h>

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
        poll(NULL, 0, 2);
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
