/* SPDX-License-Identifier: MIT
 *
 * The grammar of pictures; see picture.h. */
#include "common/picture.h"

#include "common/bounds.h"
#include "common/err.h"

#include <string.h>

static const char scalar_letters[] = "iudbsSyn";

static bool is_space(char letter) {
    return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

char picture_peek(const char **at) {
    while (is_space(**at)) {
        (*at)++;
    }
    return **at;
}

char picture_next(const char **at) {
    char letter = picture_peek(at);
    if (letter != '\0') {
        (*at)++;
    }
    return letter;
}

uint32_t picture_count(const char *at) {
    uint32_t count = 0;
    uint32_t depth = 0;
    for (;;) {
        char letter = picture_next(&at);
        bool closes = letter == ']' || letter == '}';
        if (letter == '\0' || (depth == 0 && (closes || letter == ';'))) {
            return count;
        }
        count += depth == 0 ? 1 : 0;
        depth += letter == '[' || letter == '{' ? 1 : 0;
        depth -= closes ? 1 : 0;
    }
}

/* ---- the check: one pass with a stack of open brackets ---- */

struct check {
    const char *picture;
    const char *at;
    enum picture_use use;
    bool keywords; /* behind the ';' */
    uint32_t depth;
    struct {
        char close;
        uint32_t count;
    } levels[BOUND_TASK_ARGUMENTS_DEPTH + 1];
};

static wherry_err check_fail(const struct check *check, const char *why) {
    return err_set(WHERRY_E_INVALID, "picture \"%.80s\", letter %zu: %s", check->picture,
                   (size_t)(check->at - check->picture), why);
}

static bool check_expects_key(const struct check *check) {
    return check->levels[check->depth].close == '}' && check->levels[check->depth].count % 2 == 0;
}

static wherry_err check_open(struct check *check, char letter) {
    if (check_expects_key(check)) {
        return check_fail(check, "a key cannot be a list or map");
    }
    if (check->depth == BOUND_TASK_ARGUMENTS_DEPTH) {
        return check_fail(check, "nested too deep");
    }
    check->levels[check->depth].count++;
    check->depth++;
    check->levels[check->depth].close = letter == '[' ? ']' : '}';
    check->levels[check->depth].count = 0;
    return WHERRY_OK;
}

static wherry_err check_close(struct check *check, char letter) {
    if (check->levels[check->depth].close != letter) {
        return check_fail(check, "this bracket closes nothing");
    }
    if (letter == '}' && check->levels[check->depth].count % 2 != 0) {
        return check_fail(check, "the last key has no value");
    }
    check->depth--;
    return WHERRY_OK;
}

static wherry_err check_letter(struct check *check, char letter) {
    if (letter == '[' || letter == '{') {
        return check_open(check, letter);
    }
    if (letter == ']' || letter == '}') {
        return check_close(check, letter);
    }
    if (letter == ';') {
        if (check->use != PICTURE_CALL || check->depth > 0 || check->keywords) {
            return check_fail(check, "a ';' belongs between the arguments of a call, once");
        }
        check->keywords = true;
        return WHERRY_OK;
    }
    bool scalar = strchr(scalar_letters, letter) != NULL;
    if (!scalar && letter != 'v' && !(letter == '*' && check->use == PICTURE_READ)) {
        return check_fail(check, "no such letter");
    }
    if (!scalar && check_expects_key(check)) {
        return check_fail(check, "a key is one of i u d b s S y n");
    }
    check->levels[check->depth].count++;
    return WHERRY_OK;
}

wherry_err picture_check(const char *picture, enum picture_use use) {
    if (picture == NULL) {
        return err_set(WHERRY_E_INVALID, "no picture was given");
    }
    struct check check = {.picture = picture, .at = picture, .use = use};
    for (char letter = picture_next(&check.at); letter != '\0';
         letter = picture_next(&check.at)) {
        wherry_err err = check_letter(&check, letter);
        if (err != WHERRY_OK) {
            return err;
        }
    }
    if (check.depth > 0) {
        return check_fail(&check, "a bracket is not closed");
    }
    if (use != PICTURE_CALL && check.levels[0].count != 1) {
        return check_fail(&check, "a picture is one item; a list is written with brackets");
    }
    return WHERRY_OK;
}
