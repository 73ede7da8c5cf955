/* SPDX-License-Identifier: MIT
 *
 * The link's I/O thread; see link.h.
 *
 * Sleep without a lost wake-up: the thread says `asleep`, then collects once more, then polls. Who
 * appends before that collect is seen by it (both hold the owner's mutex); who appends after it
 * finds `asleep` set and writes the eventfd. So a busy link costs its callers no system call at
 * all.
 *
 * ZMQ_FD is polled as it is, because zmq_poll() asks the kernel twice for each socket and sleep. It
 * tells edges: a receive that finds nothing arms it, and any later send may take the edge up again.
 * So what touched the socket since is remembered (socket.c), and asked about before a sleep.
 *
 * Driving. Whoever holds `turn` drives: it alone touches the socket. A caller that drives is woken
 * by the socket itself, with no other thread in between. The I/O thread looks each millisecond
 * whether the caller is away and was away the last time, too; then it takes the turn, and gives it
 * back when `wanted`. When the caller drives without an end and nothing happens, the thread rests
 * until it is rung. An edge is never lost with the turn: everybody begins with a receive.
 *
 * Between a caller's visits nobody drives: the link is vacant. Who leaves says so, then collects
 * once more, so that an append is seen by it or finds `vacant` set; who appends to a vacant link
 * sends by itself, and the second time without a drive in between it calls the I/O thread.
 *
 * Why one driver at a time: a caller's zmq_send() eats the edge of ZMQ_FD that another thread polls
 * for, and open-loop runs then stall for seconds (reference measurements). Why no spinning: it
 * displaces libzmq's own thread and costs more than it saves. */
#include "common/link/link.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/link/address.h"
#include "common/link/socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LINK_TURN_MESSAGES = 64,      /* received before sending gets its turn */
    LINK_ROOM_FOR_BODY = 1 << 20, /* frame 0 beside a payload of the largest size */
    LINK_LOST_DELAY_US = 20000,   /* a lost connection is opened anew after this */
    LINK_LOST_DELAY_MAX_US = 1000000, /* doubled up to this while nobody says anything */
    LINK_AWAY_MS = 1,             /* a caller that is away longer has its link driven for it */
    LINK_CALM_LOOKS = 20,         /* with nothing new: the I/O thread rests */
    LINK_VISITS = 2,              /* without a drive between them: the I/O thread drives */
};

struct link {
    struct link_ops ops;
    void *context;
    struct link_options options;
    struct addresses addresses;
    size_t address; /* index of the one in use */
    void *zmq_context;
    struct link_socket socket;
    pthread_t thread;
    int wake_fd;
    int linger_ms;
    atomic_bool asleep;
    atomic_bool stopping;
    pthread_mutex_t turn; /* its holder drives */
    atomic_bool wanted;   /* the caller waits for the turn */
    atomic_uint visits;   /* of the caller, twice: odd while it drives */
    atomic_bool resting;  /* the I/O thread sleeps until rest_fd is written */
    atomic_bool yielded;  /* the caller wants the I/O thread to drive at once */
    atomic_bool vacant;   /* nobody drives: the caller left, the I/O thread waits for its return */
    int rest_fd;
    int visited;    /* driver: callers that sent by themselves since the last drive */
    bool started;   /* driver: the first connection was told of */
    bool sent;      /* driver: since the last collect began */
    bool reopening; /* driver: no socket until reopen_at_us */
    int64_t reopen_at_us;
    int64_t lost_delay_us; /* driver: until the next lost connection is opened anew */
};

static void link_ring(int fd) {
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    (void)written; /* EAGAIN: the counter is at its top, the thread is woken already */
}

static void link_ring_read(int fd) {
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0) {
        CHECK(errno == EAGAIN || errno == EINTR);
    }
}

/* ---- a turn --------------------------------------------------------------------------------- */

static void link_start(struct link *link) {
    link->ops.opened(link->context, link);
}

static void link_reopen_now(struct link *link) {
    link->reopening = false;
    link->address = (link->address + 1) % link->addresses.count;
    wherry_err err =
        link_socket_open(&link->socket, link->zmq_context, link->addresses.items[link->address], 0);
    if (err != WHERRY_OK) {
        link_reopen(link, 1000000); /* out of descriptors, for example: try again */
        return;
    }
    link_start(link);
}

/* True if anything came. */
static bool link_drain(struct link *link) {
    bool some = false;
    for (int i = 0; i < LINK_TURN_MESSAGES && link->socket.zmq != NULL; i++) {
        if (!link_socket_receive(&link->socket)) {
            break;
        }
        some = true;
        link->lost_delay_us = LINK_LOST_DELAY_US;
        link->ops.received(link->context, link, &link->socket.message);
    }
    link_socket_received_clear(&link->socket);
    return some;
}

static void link_collect(struct link *link) {
    link->sent = false;
    if (link_ready(link)) {
        link->ops.collect(link->context, link);
    }
}

static long link_poll_ms(const struct link *link, int64_t wake_us, int64_t now_us) {
    if (link->reopening && link->reopen_at_us < wake_us) {
        wake_us = link->reopen_at_us;
    }
    if (wake_us == INT64_MAX) {
        return -1;
    }
    int64_t wait_us = wake_us - now_us;
    return wait_us <= 0 ? 0 : (long)((wait_us + 999) / 1000);
}

/* Something may accept each connection and hang up, as a proxy does whose broker is down. */
static void link_lost(struct link *link) {
    int64_t delay_us = link->lost_delay_us;
    link_reopen(link, delay_us);
    link->lost_delay_us =
        2 * delay_us < LINK_LOST_DELAY_MAX_US ? 2 * delay_us : LINK_LOST_DELAY_MAX_US;
}

/* Sleeps until the socket, a caller or the owner's descriptor has something, or for timeout_ms. */
static void link_poll(struct link *link, long timeout_ms) {
    enum { WAKE, EXTRA, SOCKET, MONITOR, COUNT }; /* poll() passes over a descriptor of −1 */
    struct link_socket *socket = &link->socket;
    struct pollfd items[COUNT] = {
        [WAKE] = {link->wake_fd, POLLIN, 0},
        [EXTRA] = {link->options.extra_fd, POLLIN, 0},
        [SOCKET] = {socket->zmq != NULL ? socket->fd : -1, POLLIN, 0},
        [MONITOR] = {socket->monitor != NULL ? socket->monitor_fd : -1, POLLIN, 0},
    };
    if (poll(items, COUNT, (int)timeout_ms) <= 0) {
        return;
    }
    if (items[WAKE].revents != 0) {
        link_ring_read(link->wake_fd);
    }
    if (items[EXTRA].revents != 0) {
        link->options.extra(link->context, link);
    }
    if (items[MONITOR].revents != 0 && link_socket_lost(socket)) {
        link_lost(link);
    }
}

static void link_sleep(struct link *link, long timeout_ms) {
    if (timeout_ms != 0 && !link_socket_may_sleep(&link->socket)) {
        timeout_ms = 0;
    }
    link_poll(link, timeout_ms);
}

/* One turn: receive, tell the time, send; sleep only when there is nothing to do, at most until
 * until_us. What was sent may have set a deadline, so that tick is asked again before any sleep. */
static void link_turn(struct link *link, int64_t until_us) {
    if (!link->started) { /* by whoever drives first */
        link->started = true;
        link_start(link);
    }
    bool some = link_drain(link);
    int64_t now_us = clock_mono_us();
    int64_t wake_us = link->ops.tick(link->context, link, now_us);
    if (link->reopening && now_us >= link->reopen_at_us) {
        link_reopen_now(link);
    }
    if (some) {
        link_collect(link);
        return;
    }
    atomic_store(&link->asleep, true);
    link_collect(link);
    if (!link->sent && !atomic_load(&link->stopping)) {
        link_sleep(link, link_poll_ms(link, wake_us < until_us ? wake_us : until_us, now_us));
    }
    atomic_store(&link->asleep, false);
}

/* ---- the I/O thread ------------------------------------------------------------------------- */

/* Drives until the caller wants to. */
static void link_serve(struct link *link) {
    pthread_mutex_lock(&link->turn);
    atomic_store(&link->vacant, false);
    while (!atomic_load(&link->stopping) && !atomic_load(&link->wanted)) {
        link_turn(link, INT64_MAX);
    }
    pthread_mutex_unlock(&link->turn);
}

/* A look at the caller after a while, or after its next visit if the last looks were all the same.
 */
static unsigned link_look(struct link *link, unsigned seen, unsigned calm) {
    bool rest = calm >= LINK_CALM_LOOKS;
    atomic_store(&link->resting, rest);
    rest = rest && atomic_load(&link->visits) == seen && !atomic_load(&link->yielded) &&
           !atomic_load(&link->stopping);
    struct pollfd item = {link->rest_fd, POLLIN, 0};
    if (poll(&item, 1, rest ? -1 : LINK_AWAY_MS) > 0) {
        link_ring_read(link->rest_fd);
    }
    return atomic_load(&link->visits);
}

/* Returns when the caller has been away for a while, or yields. */
static void link_rest(struct link *link) {
    unsigned calm = 0;
    unsigned seen = atomic_load(&link->visits);
    while (!atomic_load(&link->stopping) && !atomic_exchange(&link->yielded, false)) {
        unsigned now = link_look(link, seen, calm);
        if (now == seen && now % 2 == 0) {
            break;
        }
        calm = now == seen ? calm + 1 : 0;
        seen = now;
    }
    atomic_store(&link->resting, false);
}

static void *link_run(void *argument) {
    struct link *link = argument;
    while (!atomic_load(&link->stopping)) {
        link_serve(link);
        link_rest(link);
    }
    pthread_mutex_lock(&link->turn);
    link_collect(link);
    link_socket_close(&link->socket, link->linger_ms);
    pthread_mutex_unlock(&link->turn);
    return NULL;
}

/* ---- a caller that drives ------------------------------------------------------------------- */

static void link_enter(struct link *link) {
    if (pthread_mutex_trylock(&link->turn) != 0) {
        atomic_store(&link->wanted, true);
        link_ring(link->wake_fd);
        pthread_mutex_lock(&link->turn);
        atomic_store(&link->wanted, false);
    }
    atomic_store(&link->vacant, false);
    atomic_fetch_add(&link->visits, 1);
}

static void link_leave(struct link *link) {
    atomic_fetch_add(&link->visits, 1);
    pthread_mutex_unlock(&link->turn);
    if (atomic_load(&link->resting) && atomic_exchange(&link->resting, false)) {
        link_ring(link->rest_fd);
    }
}

void link_drive(struct link *link, bool (*enough)(void *argument), void *argument,
                int64_t until_us) {
    link_enter(link);
    while (!enough(argument) && !atomic_load(&link->stopping)) { /* perhaps it came before */
        link_turn(link, until_us);
    }
    link->visited = 0;
    atomic_store(&link->vacant, true);
    link_collect(link);
    link_leave(link);
}

void link_pass(struct link *link, bool receive) {
    link_enter(link);
    atomic_store(&link->vacant, true);
    link_collect(link);
    if (receive) {
        link_drain(link);
    }
    link_leave(link);
}

void link_yield(struct link *link) {
    atomic_store(&link->yielded, true);
    link_ring(link->rest_fd);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void link_free(struct link *link) {
    if (link->wake_fd >= 0) {
        close(link->wake_fd);
    }
    if (link->rest_fd >= 0) {
        close(link->rest_fd);
    }
    pthread_mutex_destroy(&link->turn);
    addresses_fini(&link->addresses);
    free(link);
}

static void link_free_open(struct link *link) {
    link_socket_close(&link->socket, 0);
    if (link->zmq_context != NULL) {
        zmq_ctx_term(link->zmq_context);
    }
    link_free(link);
}

static wherry_err link_prepare(struct link *link, const char *addresses) {
    wherry_err err = addresses_parse(addresses, &link->addresses);
    if (err != WHERRY_OK) {
        return err;
    }
    link->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    link->rest_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    link->zmq_context = zmq_ctx_new();
    if (link->wake_fd < 0 || link->rest_fd < 0 || link->zmq_context == NULL) {
        return err_set(WHERRY_E_SYSTEM, "link: %s", strerror(errno));
    }
    return link_socket_open(&link->socket, link->zmq_context, link->addresses.items[0], 0);
}

static wherry_err link_spawn(struct link *link, const char *addresses, struct link **out) {
    wherry_err err = link_prepare(link, addresses);
    if (err != WHERRY_OK) {
        return err;
    }
    *out = link; /* before the thread runs: its callbacks may want it */
    int failure = pthread_create(&link->thread, NULL, link_run, link);
    if (failure != 0) {
        *out = NULL;
        return err_set(WHERRY_E_SYSTEM, "link: no thread: %s", strerror(failure));
    }
    return WHERRY_OK;
}

wherry_err link_open(const char *addresses, const struct link_options *options,
                     const struct link_ops *ops, void *context, struct link **out) {
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "link: out of memory");
    }
    link->ops = *ops;
    link->context = context;
    link->options = *options;
    link->wake_fd = -1;
    link->rest_fd = -1;
    link->lost_delay_us = LINK_LOST_DELAY_US;
    pthread_mutex_init(&link->turn, NULL);
    link->socket.message_max = (int64_t)options->payload_max + LINK_ROOM_FOR_BODY;
    /* libzmq's threads and ours inherit a full mask: signals are the program's. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    wherry_err err = link_spawn(link, addresses, out);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != WHERRY_OK) {
        link_free_open(link);
    }
    return err;
}

void link_stop(struct link *link, int linger_ms) {
    if (atomic_load(&link->stopping)) {
        return;
    }
    link->linger_ms = linger_ms;
    atomic_store(&link->stopping, true);
    link_ring(link->wake_fd);
    link_ring(link->rest_fd);
    pthread_join(link->thread, NULL);
    while (zmq_ctx_term(link->zmq_context) != 0 && errno == EINTR) {
    }
}

void link_close(struct link **link, int linger_ms) {
    if (*link == NULL) {
        return;
    }
    struct link *closing = *link;
    *link = NULL;
    link_stop(closing, linger_ms);
    link_free(closing);
}

void link_abandon(struct link **link) {
    if (*link != NULL) {
        link_free(*link);
        *link = NULL;
    }
}

/* ---- verbs ---------------------------------------------------------------------------------- */

/* Nobody drives: what was appended is sent by who appended it. Whoever goes on without waiting for
 * an answer leaves the rest to the I/O thread. */
static void link_visit(struct link *link) {
    if (pthread_mutex_trylock(&link->turn) != 0) {
        link_yield(link); /* whoever has the turn may be past its last collect */
        return;
    }
    atomic_fetch_add(&link->visits, 1);
    atomic_store(&link->vacant, true);
    link_collect(link);
    bool often = ++link->visited >= LINK_VISITS;
    link_leave(link);
    if (often) {
        link_yield(link);
    }
}

void link_wake(struct link *link) {
    if (atomic_load(&link->asleep) && atomic_exchange(&link->asleep, false)) {
        link_ring(link->wake_fd);
    } else if (atomic_load(&link->vacant) && atomic_exchange(&link->vacant, false)) {
        link_visit(link);
    }
}

void link_alarm(struct link *link) {
    int kept = errno; /* of whom a signal handler interrupts */
    link_ring(link->wake_fd);
    errno = kept;
}

bool link_ready(struct link *link) {
    return link->socket.zmq != NULL && link_socket_flush(&link->socket);
}

bool link_send(struct link *link, struct wire_out *message) {
    bool taken = link_ready(link) && link_socket_send(&link->socket, NULL, message);
    link->sent = link->sent || taken;
    return taken;
}

bool link_send_lent(struct link *link, const struct wire_part *body, struct wire_out *message) {
    bool taken = link_ready(link) && link_socket_send(&link->socket, body, message);
    link->sent = link->sent || taken;
    return taken;
}

bool link_take(struct link *link, int frame, struct wire_part *out) {
    return link_socket_take(&link->socket, frame, out);
}

void link_forget_extra(struct link *link) {
    link->options.extra_fd = -1;
}

void link_reopen(struct link *link, int64_t delay_us) {
    if (link->reopening) {
        return;
    }
    link_socket_close(&link->socket, 0);
    link->reopening = true;
    link->reopen_at_us = clock_mono_us() + delay_us;
}
