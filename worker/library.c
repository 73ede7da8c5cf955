/* SPDX-License-Identifier: MIT
 *
 * wherry_worker_main(): command line, then supervisor; its copies by fork become fork server and
 * worker processes and never return from here. */
#include "common/log.h"
#include "worker/settings.h"
#include "worker/supervisor.h"

int wherry_worker_main(int argc, char **argv, const wherry_function_table *table) {
    supervisor_block_signals();
    struct settings settings;
    switch (settings_read(&settings, argc, argv, table)) {
    case FLAGS_SHOWN:
        return 0;
    case FLAGS_WRONG:
        return 2;
    case FLAGS_GO:
        break;
    }
    log_open("wherry-worker");
    int code = supervisor_run(&settings);
    settings_fini(&settings);
    return code;
}
