/* SPDX-License-Identifier: MIT
 *
 * Corpus: the readable text files below some folders, contents in memory.
 *
 * A text file is a regular file without a byte 0. Symbolic links are not followed, a folder that
 * was gathered before is not gathered again below another, and what is unreadable is passed over.
 */
#ifndef EXAMPLES_CORPUS_H
#define EXAMPLES_CORPUS_H

#include <stddef.h>

enum {
    CORPUS_FOLDERS_MAX = 16,
    CORPUS_FILE_MAX = 32 << 20, /* bytes; larger files are passed over and counted */
};

struct document {
    char *text;
    size_t size;
};

struct corpus {
    struct document *documents;
    size_t count;
    size_t capacity;
    size_t bytes;
    size_t too_large;
    const char *folders[CORPUS_FOLDERS_MAX]; /* borrowed */
    size_t folder_count;
};

/* Adds the text files below a folder, in alphabetical order; a missing folder adds none. */
void corpus_gather(struct corpus *corpus, const char *folder);
void corpus_fini(struct corpus *corpus);

#endif
