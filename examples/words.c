/* SPDX-License-Identifier: MIT
 *
 * Open addressing with linear probing; doubles when half full. */
#include "examples/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory(void *pointer, const char *what) {
    if (pointer == NULL) {
        fprintf(stderr, "no memory for %s\n", what);
        exit(1);
    }
    return pointer;
}

void words_init(struct words *words) {
    *words = (struct words){.place_count = 256};
    words->places = memory(calloc(words->place_count, sizeof *words->places), "words");
}

void words_fini(struct words *words) {
    for (size_t i = 0; i < words->place_count; i++) {
        free(words->places[i].text);
    }
    free(words->places);
    *words = (struct words){0};
}

static uint32_t word_hash(const char *text, size_t size) /* FNV-1a */
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    }
    return hash;
}

/* Where the word is, or the empty place where it belongs. */
static struct word *words_place(const struct words *words, const char *text, size_t size,
                                uint32_t hash) {
    for (size_t at = hash;; at++) {
        struct word *place = &words->places[at & (words->place_count - 1)];
        if (place->text == NULL ||
            (place->hash == hash && place->size == size && memcmp(place->text, text, size) == 0)) {
            return place;
        }
    }
}

static void words_grow(struct words *words) {
    struct word *old = words->places;
    size_t old_count = words->place_count;
    words->place_count *= 2;
    words->places = memory(calloc(words->place_count, sizeof *words->places), "words");
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].text != NULL) {
            *words_place(words, old[i].text, old[i].size, old[i].hash) = old[i];
        }
    }
    free(old);
}

void words_add(struct words *words, const char *text, size_t size, uint64_t count) {
    uint32_t hash = word_hash(text, size);
    struct word *place = words_place(words, text, size, hash);
    if (place->text == NULL) {
        *place = (struct word){.size = (uint32_t)size, .hash = hash};
        place->text = memory(malloc(size + 1), "a word");
        memcpy(place->text, text, size);
        words->used++;
    }
    place->count += count;
    words->total += count;
    if (words->used * 2 > words->place_count) {
        words_grow(words);
    }
}

/* The byte as it counts in a word, 0 if it ends one. */
static char letter(char byte) {
    if (byte >= 'A' && byte <= 'Z') {
        return (char)(byte - 'A' + 'a');
    }
    return (byte >= 'a' && byte <= 'z') || (uint8_t)byte >= 128 ? byte : 0;
}

void words_read(struct words *words, const char *text, size_t size) {
    char word[WORD_SIZE_MAX];
    size_t length = 0;
    for (size_t i = 0; i <= size; i++) {
        char byte = i < size ? letter(text[i]) : 0;
        if (byte != 0 && length < WORD_SIZE_MAX) {
            word[length++] = byte;
        } else if (byte == 0 && length > 0) {
            words_add(words, word, length, 1);
            length = 0;
        }
    }
}

bool words_equal(const struct words *a, const struct words *b) {
    if (a->used != b->used || a->total != b->total) {
        return false;
    }
    for (size_t i = 0; i < a->place_count; i++) {
        const struct word *word = &a->places[i];
        if (word->text != NULL &&
            words_place(b, word->text, word->size, word->hash)->count != word->count) {
            return false;
        }
    }
    return true;
}

static bool word_before(const struct word *a, const struct word *b) {
    if (a->count != b->count) {
        return a->count > b->count;
    }
    int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return order != 0 ? order < 0 : a->size < b->size;
}

size_t words_top(const struct words *words, const struct word **out, size_t n) {
    size_t found = 0;
    for (size_t i = 0; i < words->place_count; i++) {
        const struct word *word = &words->places[i];
        size_t at = found;
        if (word->text == NULL || (found == n && !word_before(word, out[n - 1]))) {
            continue;
        }
        if (found < n) {
            found++;
        } else {
            at = n - 1;
        }
        for (; at > 0 && word_before(word, out[at - 1]); at--) {
            out[at] = out[at - 1];
        }
        out[at] = word;
    }
    return found;
}
