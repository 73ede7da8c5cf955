/* SPDX-License-Identifier: MIT
 *
 * The limit that wherry is measured against: the least that any queue built on libzmq must do.
 *
 *     client DEALER ── ROUTER forwarder ROUTER ── DEALER worker (echoes)
 *
 * Three kinds of processes as in wherry, one I/O thread each, high-water marks off. The forwarder
 * reads nothing but the address frame and picks workers in turn. Nothing is stored, leased or
 * acknowledged; a task is `size` bytes, and `batch` of them share one message. The clock runs from
 * the first send to the last answer, workers being connected before. Run beside `wherry bench` by
 * run.sh. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { WORKERS_MAX = 64, ENDPOINT_SIZE = 256, ID_SIZE = 16 };

struct setup {
    const char *mode; /* throughput, latency, payload */
    const char *bind; /* endpoint pattern */
    uint64_t tasks;
    uint64_t batch;
    uint64_t size;
    uint64_t workers;
    uint64_t in_flight; /* messages */
};

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "raw_forwarder: %s: %s\n", what, zmq_strerror(errno));
        exit(1);
    }
}

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *socket_open(void *context, int type) {
    int off = 0;
    void *socket = zmq_socket(context, type);
    require(socket != NULL, "socket");
    zmq_setsockopt(socket, ZMQ_SNDHWM, &off, sizeof off);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &off, sizeof off);
    zmq_setsockopt(socket, ZMQ_LINGER, &off, sizeof off);
    return socket;
}

static void write_endpoint(int pipe_end, void *socket) {
    char endpoint[ENDPOINT_SIZE] = {0};
    size_t size = sizeof endpoint;
    require(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "endpoint");
    require(write(pipe_end, endpoint, sizeof endpoint) == sizeof endpoint, "write");
}

/* Moves the rest of a multipart message on. */
static void forward_rest(void *from, void *to) {
    int more = 1;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        require(zmq_msg_recv(&part, from, 0) >= 0, "receive");
        more = zmq_msg_more(&part);
        require(zmq_msg_send(&part, to, more ? ZMQ_SNDMORE : 0) >= 0, "send");
    }
}

struct forwarder {
    void *front;
    void *back;
    uint8_t ids[WORKERS_MAX][ID_SIZE];
    size_t id_sizes[WORKERS_MAX];
    uint64_t workers;
    uint64_t next;
};

static bool forward_request(struct forwarder *f) {
    uint8_t client[ID_SIZE];
    int size = zmq_recv(f->front, client, sizeof client, ZMQ_DONTWAIT);
    if (size < 0) {
        return false;
    }
    uint64_t worker = f->next++ % f->workers;
    zmq_send(f->back, f->ids[worker], f->id_sizes[worker], ZMQ_SNDMORE);
    zmq_send(f->back, client, (size_t)size, ZMQ_SNDMORE);
    forward_rest(f->front, f->back);
    return true;
}

static bool forward_answer(struct forwarder *f) {
    uint8_t worker[ID_SIZE];
    if (zmq_recv(f->back, worker, sizeof worker, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    forward_rest(f->back, f->front);
    return true;
}

/* Process: tells both endpoints, waits for each worker's hello, says so, forwards until killed. */
static void forwarder_run(const struct setup *setup, int pipe_end) {
    void *context = zmq_ctx_new();
    struct forwarder f = {.front = socket_open(context, ZMQ_ROUTER),
                          .back = socket_open(context, ZMQ_ROUTER)};
    require(zmq_bind(f.front, setup->bind) == 0, "bind");
    require(zmq_bind(f.back, setup->bind) == 0, "bind");
    write_endpoint(pipe_end, f.front);
    write_endpoint(pipe_end, f.back);
    while (f.workers < setup->workers) {
        uint8_t hello;
        int size = zmq_recv(f.back, f.ids[f.workers], ID_SIZE, 0);
        require(size > 0, "receive");
        f.id_sizes[f.workers++] = (size_t)size;
        zmq_recv(f.back, &hello, 1, 0);
    }
    require(write(pipe_end, "r", 1) == 1, "write");
    zmq_pollitem_t items[] = {{f.front, 0, ZMQ_POLLIN, 0}, {f.back, 0, ZMQ_POLLIN, 0}};
    for (;;) {
        require(zmq_poll(items, 2, -1) >= 0, "poll");
        for (int turn = 0; turn < 64 && forward_request(&f); turn++) {
        }
        for (int turn = 0; turn < 64 && forward_answer(&f); turn++) {
        }
    }
}

/* Process: says hello, then sends back what it gets, the client's address frame first. */
static void worker_run(const char *endpoint) {
    void *context = zmq_ctx_new();
    void *socket = socket_open(context, ZMQ_DEALER);
    require(zmq_connect(socket, endpoint) == 0, "connect");
    zmq_send(socket, "h", 1, 0);
    for (;;) {
        forward_rest(socket, socket);
    }
}

static pid_t process_start(void) {
    pid_t pid = fork();
    require(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return pid;
}

static void task_message_send(void *socket, const uint8_t *bytes, size_t size) {
    require(zmq_send(socket, bytes, size, 0) >= 0, "send");
}

/* Returns false when DONTWAIT found nothing. */
static bool answer_receive(void *socket, int flags, size_t size) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, flags) < 0) {
        require(errno == EAGAIN, "receive");
        return false;
    }
    require(zmq_msg_size(&message) == size, "answer of another size");
    zmq_msg_close(&message);
    return true;
}

static void client_stream(void *socket, const struct setup *setup, const uint8_t *bytes) {
    uint64_t messages = (setup->tasks + setup->batch - 1) / setup->batch;
    size_t size = setup->batch * setup->size;
    uint64_t sent = 0;
    uint64_t answered = 0;
    while (answered < messages) {
        for (; sent < messages && sent - answered < setup->in_flight; sent++) {
            task_message_send(socket, bytes, size);
        }
        answered += answer_receive(socket, 0, size);
        while (answered < sent && answer_receive(socket, ZMQ_DONTWAIT, size)) {
            answered++;
        }
    }
}

static void client_round_trips(void *socket, const struct setup *setup, const uint8_t *bytes,
                               double *out_us) {
    for (uint64_t i = 0; i < setup->tasks; i++) {
        double start = now_s();
        task_message_send(socket, bytes, setup->size);
        answer_receive(socket, 0, setup->size);
        out_us[i] = (now_s() - start) * 1e6;
    }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cpu_s(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(const struct setup *setup, const char *endpoint, pid_t *processes,
                    uint64_t count) {
    bool one_by_one = strcmp(setup->mode, "latency") == 0;
    uint8_t *bytes = calloc(setup->batch, setup->size);
    double *trips = calloc(one_by_one ? setup->tasks : 1, sizeof *trips);
    require(bytes != NULL && trips != NULL, "memory");
    void *context = zmq_ctx_new();
    void *socket = socket_open(context, ZMQ_DEALER);
    require(zmq_connect(socket, endpoint) == 0, "connect");
    task_message_send(socket, bytes, 1); /* the connection stands before the clock starts */
    answer_receive(socket, 0, 1);

    double start = now_s();
    if (one_by_one) {
        client_round_trips(socket, setup, bytes, trips);
        qsort(trips, setup->tasks, sizeof *trips, compare_doubles);
    } else {
        client_stream(socket, setup, bytes);
    }
    double seconds = now_s() - start;

    for (uint64_t i = 0; i < count; i++) {
        kill(processes[i], SIGKILL);
        waitpid(processes[i], NULL, 0);
    }
    double tasks = (double)setup->tasks;
    printf("{\"mode\": \"%s\", \"tasks\": %" PRIu64 ", \"batch\": %" PRIu64 ", \"seconds\": %.3f, "
           "\"tasks_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"cpu_us_per_task\": %.3f, "
           "\"mb_per_s\": %.1f}\n",
           setup->mode, setup->tasks, setup->batch, seconds, tasks / seconds,
           one_by_one ? trips[setup->tasks / 2] : 0.0,
           one_by_one ? trips[setup->tasks * 99 / 100] : 0.0,
           (cpu_s(RUSAGE_SELF) + cpu_s(RUSAGE_CHILDREN)) * 1e6 / tasks,
           tasks * (double)setup->size / seconds / 1e6);
    zmq_close(socket);
    zmq_ctx_term(context);
    free(trips);
    free(bytes);
}

static void run(const struct setup *setup) {
    int ends[2];
    char front[ENDPOINT_SIZE];
    char back[ENDPOINT_SIZE];
    char ready;
    pid_t processes[WORKERS_MAX + 1];
    uint64_t count = 0;
    require(pipe(ends) == 0, "pipe");
    if ((processes[count++] = process_start()) == 0) {
        forwarder_run(setup, ends[1]);
    }
    require(read(ends[0], front, sizeof front) == sizeof front, "forwarder");
    require(read(ends[0], back, sizeof back) == sizeof back, "forwarder");
    for (uint64_t i = 0; i < setup->workers; i++) {
        if ((processes[count++] = process_start()) == 0) {
            worker_run(back);
        }
    }
    require(read(ends[0], &ready, 1) == 1, "forwarder");
    measure(setup, front, processes, count);
}

static uint64_t number(const char *name, const char *text, uint64_t min, uint64_t max) {
    char *end = NULL;
    uint64_t value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "raw_forwarder: --%s must be %" PRIu64 "…%" PRIu64 ", not '%s'\n", name,
                min, max, text);
        exit(2);
    }
    return value;
}

static const char usage[] =
    "raw_forwarder [--mode throughput|latency|payload] [--tasks N] [--batch N] [--size BYTES]\n"
    "              [--workers N] [--in-flight MESSAGES] [--bind ENDPOINT]\n";

static void parse(int argc, char **argv, struct setup *setup) {
    static const struct option options[] = {
        {"mode", 1, 0, 'm'}, {"tasks", 1, 0, 't'},   {"batch", 1, 0, 'b'},
        {"size", 1, 0, 's'}, {"workers", 1, 0, 'w'}, {"in-flight", 1, 0, 'f'},
        {"bind", 1, 0, 'e'}, {"help", 0, 0, 'h'},    {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            setup->mode = optarg;
            break;
        case 't':
            setup->tasks = number("tasks", optarg, 1, 1000000000);
            break;
        case 'b':
            setup->batch = number("batch", optarg, 1, 100000);
            break;
        case 's':
            setup->size = number("size", optarg, 1, 64 << 20);
            break;
        case 'w':
            setup->workers = number("workers", optarg, 1, WORKERS_MAX);
            break;
        case 'f':
            setup->in_flight = number("in-flight", optarg, 1, 1000000);
            break;
        case 'e':
            setup->bind = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (setup->in_flight == 0) {
        bool payload = strcmp(setup->mode, "payload") == 0;
        uint64_t tasks = payload ? 8 : 20000;
        setup->in_flight = setup->batch < tasks ? tasks / setup->batch : 1;
        setup->in_flight = setup->in_flight > 10000 ? 10000 : setup->in_flight;
    }
}

int main(int argc, char **argv) {
    struct setup setup = {.mode = "throughput",
                          .bind = "tcp://127.0.0.1:*",
                          .tasks = 1000000,
                          .batch = 1,
                          .size = 100,
                          .workers = 1};
    parse(argc, argv, &setup);
    run(&setup);
    return 0;
}
