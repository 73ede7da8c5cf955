/* SPDX-License-Identifier: MIT
 *
 * Words. A word never gets longer than what it was written as, so all words lie one behind the
 * other in one buffer of the text's size; the array in front of it points into it: one allocation,
 * one free. */
#include "worker/words.h"

#include "common/err.h"

#include <stdlib.h>
#include <string.h>

struct words_reader {
    const char *at;
    char *to;
};

static bool words_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool words_single(struct words_reader *reader) {
    const char *end = strchr(reader->at, '\'');
    if (end == NULL) {
        return false;
    }
    size_t size = (size_t)(end - reader->at);
    memcpy(reader->to, reader->at, size);
    reader->to += size;
    reader->at = end + 1;
    return true;
}

static bool words_double(struct words_reader *reader) {
    while (*reader->at != '"') {
        if (*reader->at == '\\' && reader->at[1] != '\0' && strchr("\"\\$`\n", reader->at[1])) {
            reader->at++;
            if (*reader->at == '\n') {
                reader->at++;
                continue;
            }
        }
        if (*reader->at == '\0') {
            return false;
        }
        *reader->to++ = *reader->at++;
    }
    reader->at++;
    return true;
}

/* One word, up to a blank or the end. NULL, or what is wrong. */
static const char *words_one(struct words_reader *reader) {
    while (*reader->at != '\0' && !words_blank(*reader->at)) {
        char c = *reader->at++;
        if (c == '\'') {
            if (!words_single(reader)) {
                return "a ' is not closed";
            }
        } else if (c == '"') {
            if (!words_double(reader)) {
                return "a \" is not closed";
            }
        } else if (c == '\\') {
            if (*reader->at == '\0') {
                return "a \\ stands at the end";
            }
            *reader->to++ = *reader->at++;
        } else {
            *reader->to++ = c;
        }
    }
    *reader->to++ = '\0';
    return NULL;
}

wherry_err words_split(const char *text, char ***out) {
    size_t size = strlen(text);
    size_t most = size / 2 + 2; /* each word but the last has a blank behind it */
    char **words = calloc(1, most * sizeof *words + size + 2);
    if (words == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "out of memory");
    }
    struct words_reader reader = {text, (char *)(words + most)};
    const char *wrong = NULL;
    size_t count = 0;
    for (;;) {
        while (words_blank(*reader.at)) {
            reader.at++;
        }
        if (*reader.at == '\0' || wrong != NULL) {
            break;
        }
        words[count++] = reader.to;
        wrong = words_one(&reader);
    }
    if (wrong == NULL && count == 0) {
        wrong = "the command is empty";
    }
    if (wrong != NULL) {
        free(words);
        return err_set(WHERRY_E_INVALID, "%s", wrong);
    }
    *out = words;
    return WHERRY_OK;
}

void words_free(char **words) {
    free(words);
}
