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

/* Says a new reason; `said` is the last one, allocated. */
static void outcome_note(wherry_async *async, char **said) {
    char *why = outcome_why(async);
    if (why != NULL && *why != '\0' && (*said == NULL || strcmp(*said, why) != 0) &&
        strncmp(why, "running", 7) != 0) {
        fprintf(stderr, "wherry: %s: waiting: %s\n", wherry_async_id(async), why);
    }
    free(*said);
    *said = why;
}

/* One look of at most `slice` ms. */
typedef wherry_err outcome_look(wherry_async *async, int64_t slice, const wherry_value **answer);

static wherry_err outcome_until(wherry_async *async, int64_t deadline_us, outcome_look *look,
                                const wherry_value **answer) {
    char *said = NULL;
    for (;;) {
        int64_t left = outcome_left_ms(deadline_us);
        int64_t slice = left < 0 || left > NOTE_MS ? NOTE_MS : left;
        wherry_err err = look(async, slice, answer);
        bool open = err == WHERRY_E_TIMEOUT ||
                    (err == WHERRY_E_UNCERTAIN && !wherry_async_ready(async)); /* no broker now */
        if (open && slice != left) {
            outcome_note(async, &said);
            err = cli_interrupted() ? WHERRY_E_INTERRUPTED : err; /* while it was asked */
            open = err != WHERRY_E_INTERRUPTED;
        }
        if (!open || slice == left) {
            free(said);
            return err;
        }
    }
}

static wherry_err look_accepted(wherry_async *async, int64_t slice, const wherry_value **answer) {
    (void)answer;
    return wherry_async_accepted(async, slice);
}

wherry_err outcome_accepted(wherry_async *async, int64_t deadline_us) {
    return outcome_until(async, deadline_us, look_accepted, NULL);
}

wherry_err outcome_wait(wherry_async *async, int64_t deadline_us, const wherry_value **answer) {
    return outcome_until(async, deadline_us, wherry_async_get, answer);
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
