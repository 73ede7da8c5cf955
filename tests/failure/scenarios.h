/* SPDX-License-Identifier: MIT
 *
 * What is made to fail. A scenario is three functions over one `struct stage`, all in a process of
 * its own: `set` makes ready, `play` is what is counted and may fail, `judge` looks afterwards,
 * with everything working again.
 *
 * play returns OK or an error with its text; whatever it returns, judge must find that nothing is
 * half done. To add one: write it in the file of its section, and add its line in a table there. */
#ifndef WHERRY_TEST_SCENARIOS_H
#define WHERRY_TEST_SCENARIOS_H

#include "tests/unit/broker/store/shelf.h"

struct stage {
    const char *broker; /* the address of a real broker with workers; NULL: none is here */
    struct shelf *shelf;
    void *more;     /* of the scenario's own */
    char path[128]; /* of a file that does not exist */
    wherry_err err; /* what play returned */
};

struct failure_scenario {
    const char *name;
    void (*set)(struct stage *stage); /* NULL: nothing to make ready */
    wherry_err (*play)(struct stage *stage);
    bool (*judge)(struct stage *stage); /* NULL: its error and its text are all */
    bool needs_broker;
    bool may_stop; /* without memory the process ends by a CHECK: the broker's and worker's way */
};

extern const struct failure_scenario store_scenarios[];
extern const struct failure_scenario broker_scenarios[];
extern const struct failure_scenario value_scenarios[];
extern const struct failure_scenario client_scenarios[];

#endif
