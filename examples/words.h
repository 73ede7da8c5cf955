/* SPDX-License-Identifier: MIT
 *
 * Words and how often each occurs: a hash table that owns its words.
 *
 * A word is a run of letters: A–Z (counted as lower case), a–z, and every byte from 128 on, so that
 * UTF-8 words stay whole. Of a longer run the first WORD_SIZE_MAX bytes count. Out of memory ends
 * the program: these are examples. */
#ifndef EXAMPLES_WORDS_H
#define EXAMPLES_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORD_SIZE_MAX = 64 };

struct word {
    char *text; /* not ended by 0; NULL: an empty place */
    uint32_t size;
    uint32_t hash;
    uint64_t count;
};

struct words {
    struct word *places; /* a power of two of them, at most half used */
    size_t place_count;
    size_t used;
    uint64_t total; /* words counted, repetitions included */
};

void words_init(struct words *words);
void words_fini(struct words *words);

void words_add(struct words *words, const char *text, size_t size, uint64_t count);
/* Counts every word of a text. */
void words_read(struct words *words, const char *text, size_t size);

/* The same words, each as often. */
bool words_equal(const struct words *a, const struct words *b);
/* The `n` most frequent, ties in alphabetical order; returns how many there are. Borrowed. */
size_t words_top(const struct words *words, const struct word **out, size_t n);

#endif
