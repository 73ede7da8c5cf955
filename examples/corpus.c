/* SPDX-License-Identifier: MIT
 *
 * Walks with fts(3), reads each file once. The contents stay in memory, so that the plain count
 * that checks the answer counts the very same bytes, also when a file changes meanwhile. */
#include "examples/corpus.h"

#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *memory(void *pointer) {
    if (pointer == NULL) {
        fputs("no memory for the files\n", stderr);
        exit(1);
    }
    return pointer;
}

/* Reads up to `size` bytes; false if the file cannot be read or is no text. */
static bool document_read(const char *path, size_t size, struct document *out) {
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    *out = (struct document){.text = memory(malloc(size + 1))};
    ssize_t got = 1;
    while (got > 0 && out->size < size) {
        got = read(file, out->text + out->size, size - out->size);
        out->size += got > 0 ? (size_t)got : 0;
    }
    close(file);
    if (got < 0 || memchr(out->text, 0, out->size) != NULL) {
        free(out->text);
        return false;
    }
    return true;
}

static void corpus_add(struct corpus *corpus, const char *path, const struct stat *stat) {
    struct document document;
    if (stat->st_size > CORPUS_FILE_MAX) {
        corpus->too_large++;
        return;
    }
    if (stat->st_size == 0 || !document_read(path, (size_t)stat->st_size, &document)) {
        return;
    }
    if (corpus->count == corpus->capacity) {
        corpus->capacity = corpus->capacity == 0 ? 1024 : corpus->capacity * 2;
        corpus->documents =
            memory(realloc(corpus->documents, corpus->capacity * sizeof *corpus->documents));
    }
    corpus->documents[corpus->count++] = document;
    corpus->bytes += document.size;
}

static bool corpus_has(const struct corpus *corpus, const char *folder) {
    for (size_t i = 0; i < corpus->folder_count; i++) {
        if (strcmp(corpus->folders[i], folder) == 0) {
            return true;
        }
    }
    return false;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

void corpus_gather(struct corpus *corpus, const char *folder) {
    if (corpus_has(corpus, folder) || corpus->folder_count == CORPUS_FOLDERS_MAX) {
        return;
    }
    char *roots[] = {(char *)folder, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info == FTS_D && corpus_has(corpus, entry->fts_path)) {
            fts_set(walk, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_F) {
            corpus_add(corpus, entry->fts_path, entry->fts_statp);
        }
    }
    if (walk != NULL) {
        fts_close(walk);
    }
    corpus->folders[corpus->folder_count++] = folder;
}

void corpus_fini(struct corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) {
        free(corpus->documents[i].text);
    }
    free(corpus->documents);
    *corpus = (struct corpus){0};
}
