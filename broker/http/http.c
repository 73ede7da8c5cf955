/* SPDX-License-Identifier: MIT
 *
 * The HTTP side; see http.h. One thread of libmicrohttpd serves all connections one after another:
 * an answer is a few kilobytes, and there are a handful of askers. */
#include "broker/http/http.h"

#include "broker/net/endpoint.h"
#include "common/check.h"
#include "common/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    HOST_SIZE = 256,
    ANSWER_WAIT_S = 2,
    CONNECTIONS_MAX = 512,     /* idle ones shall not keep a health check out */
    CONNECTION_TIMEOUT_S = 4,
    CONNECTION_MEMORY = 16384, /* head of a question, and its answer's */
};

struct http {
    struct MHD_Daemon *daemon;
    char address[HOST_SIZE + 16];
    int wake_fd;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    uint64_t asked;    /* questions so far */
    uint64_t answers;  /* the last question that was answered */
    struct metrics metrics;
};

/* ---- the question ---------------------------------------------------------------------------- */

/* HTTP thread. False: the core did not answer in time. */
static bool http_ask(struct http *http, struct metrics *out) {
    struct timespec deadline;
    uint64_t one = 1;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ANSWER_WAIT_S;
    pthread_mutex_lock(&http->lock);
    uint64_t question = ++http->asked;
    bool ok = write(http->wake_fd, &one, sizeof one) == sizeof one;
    while (ok && http->answers < question) {
        ok = pthread_cond_timedwait(&http->answered, &http->lock, &deadline) == 0;
    }
    if (ok) {
        *out = http->metrics;
    }
    pthread_mutex_unlock(&http->lock);
    return ok;
}

void http_answer(struct http *http, void (*fill)(void *context, struct metrics *out),
                 void *context) {
    uint64_t count = 0;
    if (read(http->wake_fd, &count, sizeof count) < 0) {
        return; /* nobody asks */
    }
    pthread_mutex_lock(&http->lock);
    fill(context, &http->metrics);
    http->answers = http->asked;
    pthread_cond_broadcast(&http->answered);
    pthread_mutex_unlock(&http->lock);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Takes the body's memory. */
static enum MHD_Result http_reply(struct MHD_Connection *connection, unsigned status,
                                  const char *type, struct bytes *body) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        bytes_free(body);
        return MHD_NO;
    }
    *body = BYTES_EMPTY;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result http_reply_text(struct MHD_Connection *connection, unsigned status,
                                       const char *text) {
    struct bytes body = BYTES_EMPTY;
    bytes_append(&body, text, strlen(text));
    return http_reply(connection, status, "text/plain; charset=utf-8", &body);
}

static enum MHD_Result reply_metrics(struct MHD_Connection *connection,
                                     const struct metrics *metrics) {
    struct bytes body = BYTES_EMPTY;
    metrics_print(metrics, &body);
    return http_reply(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static enum MHD_Result reply_ready(struct MHD_Connection *connection,
                                   const struct metrics *metrics) {
    struct bytes body = BYTES_EMPTY;
    bool ready = metrics_ready(metrics, &body);
    return http_reply(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                      "application/json", &body);
}

static enum MHD_Result reply_to(struct http *http, struct MHD_Connection *connection,
                                const char *path) {
    bool health = strcmp(path, "/healthz") == 0 || strcmp(path, "/livez") == 0;
    bool ready = strcmp(path, "/readyz") == 0;
    if (!health && !ready && strcmp(path, "/metrics") != 0) {
        return http_reply_text(connection, MHD_HTTP_NOT_FOUND,
                               "there is /healthz, /readyz and /metrics\n");
    }
    struct metrics *metrics = malloc(sizeof *metrics);
    CHECK(metrics != NULL);
    enum MHD_Result result = MHD_NO;
    if (!http_ask(http, metrics)) {
        result = http_reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                                 ready ? "{\"ready\":false,\"failing\":\"loop\"}\n"
                                       : "the core loop does not turn\n");
    } else if (health) {
        result = http_reply_text(connection, MHD_HTTP_OK, "ok\n");
    } else {
        result = ready ? reply_ready(connection, metrics) : reply_metrics(connection, metrics);
    }
    free(metrics);
    return result;
}

static enum MHD_Result http_handle(void *context, struct MHD_Connection *connection,
                                   const char *path, const char *method, const char *version,
                                   const char *upload, size_t *upload_size, void **state) {
    (void)version;
    (void)upload;
    if (*state == NULL) { /* the header alone: libmicrohttpd calls again when all is read */
        *state = context;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0; /* whatever somebody uploads is not kept */
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return http_reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    }
    return reply_to(context, connection, path);
}

/* ---- life ------------------------------------------------------------------------------------ */

union http_sockaddr {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static void sockaddr_of(const char *host, uint16_t port, union http_sockaddr *out) {
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET6, host, &out->six.sin6_addr) == 1) {
        out->six.sin6_family = AF_INET6;
        out->six.sin6_port = htons(port);
        return;
    }
    out->four.sin_family = AF_INET;
    out->four.sin_port = htons(port);
    if (inet_pton(AF_INET, host, &out->four.sin_addr) != 1) {
        out->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* "localhost" */
    }
}

static void http_ignore_log(void *context, const char *format, va_list arguments) {
    (void)context; /* strangers' mistakes; ours are told by MHD's answers */
    (void)format;
    (void)arguments;
}

static struct MHD_Daemon *daemon_start(struct http *http, const union http_sockaddr *address) {
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;
    if (address->any.sa_family == AF_INET6) {
        flags |= MHD_USE_IPv6;
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, http_handle, http, MHD_OPTION_EXTERNAL_LOGGER,
                            http_ignore_log, NULL, MHD_OPTION_SOCK_ADDR, &address->any,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_END);
}

wherry_err http_open(const char *address, struct http **out) {
    char host[HOST_SIZE];
    uint16_t port = 0;
    union http_sockaddr bound;
    pthread_condattr_t monotonic;
    CHECK(endpoint_split(address, host, sizeof host, &port));
    struct http *http = calloc(1, sizeof *http);
    CHECK(http != NULL);
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->wake_fd < 0) {
        free(http);
        return err_set(WHERRY_E_SYSTEM, "cannot serve HTTP on %s: %s", address, strerror(errno));
    }
    pthread_mutex_init(&http->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&http->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sockaddr_of(host, port, &bound);
    http->daemon = daemon_start(http, &bound);
    if (http->daemon == NULL) {
        bool taken = errno == EADDRINUSE;
        err_set(WHERRY_E_SYSTEM, "cannot serve HTTP on %s: %s", address,
                taken ? "the address is taken: another program listens there" : strerror(errno));
        http_close(&http);
        return taken ? WHERRY_E_BUSY : WHERRY_E_SYSTEM;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    bool brackets = strchr(host, ':') != NULL;
    snprintf(http->address, sizeof http->address, "%s%s%s:%u", brackets ? "[" : "", host,
             brackets ? "]" : "", info != NULL ? (unsigned)info->port : (unsigned)port);
    *out = http;
    return WHERRY_OK;
}

void http_close(struct http **http_at) {
    struct http *http = *http_at;
    if (http == NULL) {
        return;
    }
    pthread_mutex_lock(&http->lock);
    http->answers = UINT64_MAX; /* whoever still asks gets the last picture */
    pthread_cond_broadcast(&http->answered);
    pthread_mutex_unlock(&http->lock);
    if (http->daemon != NULL) {
        MHD_stop_daemon(http->daemon);
    }
    close(http->wake_fd);
    pthread_cond_destroy(&http->answered);
    pthread_mutex_destroy(&http->lock);
    free(http);
    *http_at = NULL;
}

const char *http_address(const struct http *http) {
    return http->address;
}

int http_fd(const struct http *http) {
    return http->wake_fd;
}
