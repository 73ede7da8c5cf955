/* SPDX-License-Identifier: MIT
 *
 * A Process; see spawned.h. It ends by _exit() behind the flushing of its streams: as Python's
 * children do, it runs nothing that was registered with atexit() before it was forked. */
#include "worker/spawned.h"

#include "worker/inside.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The first line of what is said of a failure is multiprocessing's. */
static void spawned_complain(const struct runner *runner) {
    struct wire_failure failure;
    struct span text = span_of_text("it failed");
    if (wire_get_failure(bytes_span(&runner->answer), &failure) == WHERRY_OK) {
        text = failure.text;
    }
    fprintf(stderr, "Process %s:\n%.*s\n", wherry_inside()->name, (int)text.size,
            (const char *)text.data);
}

_Noreturn void spawned_run(struct runner *runner, const struct child_task *delivery) {
    signal(SIGTERM, SIG_DFL);
    inside_begin(delivery);
    uint32_t status = runner_run(runner, delivery);
    if (status != WIRE_DONE) {
        spawned_complain(runner);
    }
    inside_end();
    fflush(NULL);
    _exit(status == WIRE_DONE ? 0 : 1);
}
