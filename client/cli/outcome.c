/* SPDX-License-Identifier: MIT
 *
 * Waits run in slices: between two of them the broker is asked why the task waits, so that nobody
 * sits before a silent terminal while no worker offers the function. */
#include "client/cli/outcome.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_MS = 2000, ANSWER_MS = 5000 };

int64_t outcome_left_ms(int64_t deadline_us) {
    if (deadline_us == INT64_MAX) {
        return WHERRY_FOREVER;
    }
    int64_t left = (deadline_us - clock_mono_us() + 999) / 1000;
    return left > 0 ? left : 0;
}

int64_t outcome_deadline_us(const struct flags *flags, size_t flag) {
    return flags_given(flags, flag) ? clock_mono_us() + flags_number(flags, flag) * 1000
                                    : INT64_MAX;
}

char *outcome_why(wherry_async *async) {
    wherry_value *why = NULL;
    const char *text = "";
    if (wherry_async_why(async, ANSWER_MS, &why) != WHERRY_OK ||
        wherry_value_read(why, "s", &text) != WHERRY_OK) {
        text = "";
    }
    char *copy = strdup(text);
    wherry_value_release(&why);
    return copy;
}

wherry_err outcome_wait(wherry_async *async, int64_t deadline_us, const wherry_value **answer) {
    char *said = NULL;
    for (;;) {
        int64_t left = outcome_left_ms(deadline_us);
        int64_t slice = left < 0 || left > NOTE_MS ? NOTE_MS : left;
        wherry_err err = wherry_async_get(async, slice, answer);
        if (err != WHERRY_E_TIMEOUT || slice == left) {
            free(said);
            return err;
        }
        char *why = outcome_why(async);
        if (why != NULL && *why != '\0' && (said == NULL || strcmp(said, why) != 0) &&
            strncmp(why, "running", 7) != 0) {
            fprintf(stderr, "wherry: %s: waiting: %s\n", wherry_async_id(async), why);
        }
        free(said);
        said = why;
    }
}

int outcome_late(wherry_async *async) {
    char *why = outcome_why(async);
    fprintf(stderr, "wherry: %s: not done yet%s%s; ask again with `wherry result %s`\n",
            wherry_async_id(async), why != NULL && *why != '\0' ? ": " : "", why != NULL ? why : "",
            wherry_async_id(async));
    free(why);
    return CLI_TIMEOUT;
}

int outcome_interrupted(wherry_async *async) {
    fprintf(stderr, "wherry: %s: interrupted; it goes on: ask again with `wherry result %s`\n",
            wherry_async_id(async), wherry_async_id(async));
    return CLI_FAILED;
}
