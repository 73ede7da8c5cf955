/* SPDX-License-Identifier: MIT
 *
 * The client of the word count: maps `wordcount` over every readable text file below some folders,
 * merges the answers and checks the sum against a plain sequential count. Public headers only.
 *
 *     wordcount [FOLDER…]         default: /usr/share/doc and /usr/include, and further folders
 *                                 when these hold fewer than 1,000 text files
 *
 * The broker is the one of $WHERRY_BROKER. Exit: 0 the answer is right, 1 it is not or something
 * failed, 5 no broker. */
#include "examples/corpus.h"
#include "examples/words.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wherry.h>

enum { FILES_WANTED = 1000, TOP = 10, LOOK_AHEAD = 256, BAR = 30 };

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, wherry_err err) {
    fprintf(stderr, "wordcount: %s: %s\n", what, wherry_last_error());
    exit(err == WHERRY_E_NO_BROKER ? 5 : 1);
}

/* ---- the files ------------------------------------------------------------------------------ */

static void gather(struct corpus *corpus, int count, char **folders) {
    static const char *const first[] = {"/usr/share/doc", "/usr/include"};
    static const char *const further[] = {"/usr/share", "/etc", "/usr/lib", "/usr"};
    for (int i = 0; i < count; i++) {
        corpus_gather(corpus, folders[i]);
    }
    for (size_t i = 0; count == 0 && i < 2; i++) {
        corpus_gather(corpus, first[i]);
    }
    for (size_t i = 0; count == 0 && i < 4 && corpus->count < FILES_WANTED; i++) {
        printf("Only %zu text files so far: adding %s\n", corpus->count, further[i]);
        corpus_gather(corpus, further[i]);
    }
    if (corpus->too_large > 0) {
        printf("Passed over %zu files above %d MiB\n", corpus->too_large, CORPUS_FILE_MAX >> 20);
    }
}

struct source { /* what the map runs over */
    const struct corpus *corpus;
    size_t next;
};

static wherry_err source_next(void *context, wherry_value **out) {
    struct source *source = context;
    if (source->next == source->corpus->count) {
        return WHERRY_E_END;
    }
    const struct document *document = &source->corpus->documents[source->next++];
    return wherry_value_build(out, "y", document->text, document->size);
}

/* ---- the map -------------------------------------------------------------------------------- */

static void progress(size_t done, size_t all, double seconds) {
    static double shown; /* when the bar was last drawn */
    double now = now_s();
    if (!isatty(STDERR_FILENO) || (done < all && now - shown < 0.1)) {
        return;
    }
    shown = now;
    int filled = (int)(done * BAR / all);
    fprintf(stderr, "\r[%.*s%*s] %zu/%zu  %.0f files/s%s", filled, "##############################",
            BAR - filled, "", done, all, (double)done / seconds, done == all ? "\n" : "");
}

/* Adds one answer, a map of words and counts, to the sum. */
static void merge(struct words *sum, const wherry_value *answer) {
    size_t size;
    const char *data = wherry_value_msgpack(answer, &size);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, data, size, NULL) != MSGPACK_UNPACK_SUCCESS ||
        unpacked.data.type != MSGPACK_OBJECT_MAP) {
        fputs("wordcount: an answer is no map\n", stderr);
        exit(1);
    }
    msgpack_object_map map = unpacked.data.via.map;
    for (uint32_t i = 0; i < map.size; i++) {
        msgpack_object_str word = map.ptr[i].key.via.str;
        words_add(sum, word.ptr, word.size, map.ptr[i].val.via.u64);
    }
    msgpack_unpacked_destroy(&unpacked);
}

static void count_by_workers(wherry_pool *pool, const struct corpus *corpus, struct words *sum) {
    struct source source = {.corpus = corpus};
    wherry_items items = {.next = source_next, .context = &source};
    wherry_call_options options = {.size = sizeof options, .look_ahead = LOOK_AHEAD};
    wherry_iterator *iterator = NULL;
    wherry_value *answer = NULL;
    double start = now_s();
    size_t done = 0;
    wherry_err err =
        wherry_pool_imap_unordered(pool, "wordcount", items, WHERRY_AUTO, &options, &iterator);
    while (err == WHERRY_OK &&
           (err = wherry_iterator_next(iterator, WHERRY_FOREVER, &answer)) == WHERRY_OK) {
        merge(sum, answer);
        wherry_value_release(&answer);
        progress(++done, corpus->count, now_s() - start);
    }
    if (err != WHERRY_E_END) {
        fail("the map failed", err);
    }
    wherry_iterator_release(&iterator);
}

/* ---- the check ------------------------------------------------------------------------------ */

static void count_here(const struct corpus *corpus, struct words *sum) {
    for (size_t i = 0; i < corpus->count; i++) {
        words_read(sum, corpus->documents[i].text, corpus->documents[i].size);
    }
}

static void print_top(const struct words *words) {
    const struct word *top[TOP];
    size_t count = words_top(words, top, TOP);
    for (size_t i = 0; i < count; i++) {
        printf("%12" PRIu64 "  %.*s\n", top[i]->count, (int)top[i]->size, top[i]->text);
    }
}

/* Attempts that the broker had to repeat since its start. */
static uint64_t retries(wherry_connection *connection) {
    wherry_value *status = NULL;
    uint64_t crash = 0;
    uint64_t lease = 0;
    wherry_err err = wherry_status(connection, 5000, &status);
    if (err != WHERRY_OK) {
        fail("the broker's status", err);
    }
    err = wherry_value_read(status, "{s{susu}}", "totals", "retries_crash", &crash, "retries_lease",
                            &lease);
    if (err != WHERRY_OK) {
        fail("the broker's status", err);
    }
    wherry_value_release(&status);
    return crash + lease;
}

int main(int argc, char **argv) {
    struct corpus corpus = {0};
    struct words answer;
    struct words plain;
    wherry_connection *connection = NULL;
    wherry_pool *pool = NULL;
    wherry_err err = wherry_connect(NULL, NULL, &connection);
    if (err != WHERRY_OK || (err = wherry_pool_open(connection, NULL, &pool)) != WHERRY_OK) {
        fail("no connection", err);
    }
    words_init(&answer);
    words_init(&plain);
    gather(&corpus, argc - 1, argv + 1);

    uint64_t retries_before = retries(connection);
    double start = now_s();
    count_by_workers(pool, &corpus, &answer);
    double seconds = now_s() - start;
    uint64_t repeated = retries(connection);
    if (repeated >= retries_before) { /* else a broker that started meanwhile counts afresh */
        repeated -= retries_before;
    }
    start = now_s();
    count_here(&corpus, &plain);
    double plain_seconds = now_s() - start;

    print_top(&answer);
    printf("%zu files, %.1f MB, %" PRIu64 " words: %.2f s, %.0f tasks/s, retries: %" PRIu64 "\n",
           corpus.count, (double)corpus.bytes / 1e6, answer.total, seconds,
           (double)corpus.count / seconds, repeated);
    bool right = words_equal(&answer, &plain);
    printf("A plain loop in one process took %.2f s; its answer is %s\n", plain_seconds,
           right ? "the same" : "ANOTHER ONE");
    wherry_pool_release(&pool);
    wherry_connection_release(&connection);
    words_fini(&answer);
    words_fini(&plain);
    corpus_fini(&corpus);
    return right ? 0 : 1;
}
