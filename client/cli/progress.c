/* SPDX-License-Identifier: MIT
 *
 * The rate is that of the whole run: it is what an ETA can be made of without jumping about. */
#include "client/cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 20 };

void progress_init(struct progress *progress, int64_t now_us) {
    const char *terminal = getenv("TERM");
    const char *plain = getenv("NO_COLOR");
    bool dumb = terminal != NULL && strcmp(terminal, "dumb") == 0;
    *progress = (struct progress){
        .on = isatty(STDERR_FILENO) == 1 && !dumb,
        .color = plain == NULL || *plain == '\0',
        .start_us = now_us,
        .next_us = now_us,
    };
}

void progress_wipe(struct progress *progress) {
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        progress->drawn = false;
        progress->next_us = 0;
    }
}

static void bar_draw(const struct progress_state *state) {
    int64_t filled = state->total > 0 ? state->finished * BAR / state->total : BAR;
    fprintf(stderr, "/%lld [", (long long)state->total);
    for (int64_t i = 0; i < BAR; i++) {
        fputc(i < filled ? '#' : '-', stderr);
    }
    fprintf(stderr, "] %3lld %%",
            (long long)(state->total > 0 ? state->finished * 100 / state->total : 100));
}

static void eta_draw(double left_s) {
    long long left = (long long)(left_s + 0.999);
    if (left < 100) {
        fprintf(stderr, "  ETA %llds", left);
    } else if (left < 6000) {
        fprintf(stderr, "  ETA %lldm%02llds", left / 60, left % 60);
    } else {
        fprintf(stderr, "  ETA %lldh%02lldm", left / 3600, left / 60 % 60);
    }
}

static void state_draw(const struct progress *progress, const struct progress_state *state,
                       int64_t now_us) {
    double seconds = (double)(now_us - progress->start_us) / 1e6;
    double rate = seconds > 0 ? (double)(state->finished - state->skipped) / seconds : 0;
    fprintf(stderr, "%lld", (long long)state->finished);
    if (state->total >= 0) {
        bar_draw(state);
    }
    fprintf(stderr, "  %.*f/s", rate < 10 ? 1 : 0, rate);
    if (rate > 0 && state->total > state->finished) {
        eta_draw((double)(state->total - state->finished) / rate);
    }
    fprintf(stderr, "  %lld worker%s", (long long)state->workers, state->workers == 1 ? "" : "s");
    if (state->failed > 0) {
        fprintf(stderr, "  %s%lld failed%s", progress->color ? "\033[31m" : "",
                (long long)state->failed, progress->color ? "\033[0m" : "");
    }
    if (state->retried > 0) {
        fprintf(stderr, "  %lld retried", (long long)state->retried);
    }
}

void progress_draw(struct progress *progress, const struct progress_state *state, int64_t now_us) {
    if (!progress->on || now_us < progress->next_us) {
        return;
    }
    fputs("\r\033[K", stderr);
    state_draw(progress, state, now_us);
    fflush(stderr);
    progress->drawn = true;
    progress->next_us = now_us + PROGRESS_EVERY_US;
}

void progress_end(struct progress *progress, const struct progress_state *state, int64_t now_us) {
    if (progress->on) {
        progress->next_us = 0;
        progress_draw(progress, state, now_us);
        fputc('\n', stderr);
    }
}
