/* SPDX-License-Identifier: MIT
 *
 * See config_text.h. */
#include "broker/config_text.h"

#include "common/err.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past a quoted text, or at the end. */
static char *quoted_end(char *at) {
    char quote = *at++;
    while (*at != '\0' && *at != quote) {
        at += quote == '"' && at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return *at == '\0' ? at : at + 1;
}

/* Blanks up to `end`, but keeps the lines. */
static char *comment_blank(char *at, const char *end) {
    for (; at < end; at++) {
        *at = *at == '\n' ? '\n' : ' ';
    }
    return at;
}

/* The end of the comment that begins here, else NULL. */
static char *comment_end(char *at, char before) {
    bool begins = before == '\0' || strchr(" \t\n={},()+", before) != NULL;
    if (at[0] == '#' || (begins && at[0] == '/' && at[1] == '/')) {
        return at + strcspn(at, "\n");
    }
    if (begins && at[0] == '/' && at[1] == '*') {
        char *close = strstr(at + 2, "*/");
        return close == NULL ? NULL : close + 2;
    }
    return NULL;
}

void config_blank(char *text) {
    char before = '\0';
    for (char *at = text; *at != '\0';) {
        char *end = comment_end(at, before);
        if (end != NULL) {
            at = comment_blank(at, end);
            before = ' ';
            continue;
        }
        before = *at;
        at = *at == '"' || *at == '\'' ? quoted_end(at) : at + 1;
    }
}

static char *file_read(FILE *file, const char *path) {
    char *text = calloc(1, CONFIG_BYTES_MAX + 1);
    size_t size = text != NULL ? fread(text, 1, CONFIG_BYTES_MAX + 1, file) : 0;
    if (text == NULL || ferror(file) || size > CONFIG_BYTES_MAX) {
        err_set(WHERRY_E_INVALID, "%s: %s", path,
                ferror(file) ? strerror(errno) : "larger than 1 MiB: that is no configuration");
        free(text);
        return NULL;
    }
    if (memchr(text, '\0', size) != NULL) {
        err_set(WHERRY_E_INVALID, "%s: not a text file", path);
        free(text);
        return NULL;
    }
    return text;
}

char *config_text(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        err_set(WHERRY_E_INVALID, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = file_read(file, path);
    fclose(file);
    if (text != NULL) {
        config_blank(text);
    }
    return text;
}
