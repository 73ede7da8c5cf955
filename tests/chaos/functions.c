/* SPDX-License-Identifier: MIT
 *
 * The plugin of the chaos tests: chaos(work_ms, bytes) works for a while, tells the journal when it
 * begins and ends, and answers with the token of this very run and the sum of the bytes, so that a
 * result can be traced to the run that made it. */
#include "tests/chaos/journal.h"
#include "wherry_worker.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static wherry_err chaos(wherry_task *task) {
    static int journal = -1; /* a child runs one task at a time */
    int64_t work_ms = 0;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    uint64_t epoch = 0;
    uint64_t counter = 0;
    int64_t sum = 0;
    char token[48];
    wherry_err err = wherry_task_read(task, "iy", &work_ms, &bytes, &size);
    if (err != WHERRY_OK) {
        return err;
    }
    journal = journal < 0 ? journal_open(getenv("CHAOS_JOURNAL")) : journal;
    wherry_task_attempt(task, &epoch, &counter);
    snprintf(token, sizeof token, "%" PRIu64 ".%" PRIu64, epoch, counter);
    journal_say(journal, "begin %s %s %d %s", wherry_task_id(task), token, (int)getpid(),
                getenv("CHAOS_HOUSE"));
    poll(NULL, 0, (int)work_ms);
    for (size_t i = 0; i < size; i++) {
        sum = sum * 31 + bytes[i];
        sum &= INT64_C(0xffffffff);
    }
    journal_say(journal, "end %s %s", wherry_task_id(task), token);
    return wherry_task_return(task, "[si]", token, sum);
}

WHERRY_PLUGIN({"chaos", chaos, "chaos(work_ms, bytes): [token, sum]"});
