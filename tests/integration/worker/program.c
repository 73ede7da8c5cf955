/* SPDX-License-Identifier: MIT
 *
 * A program that is a worker: it links the library and offers a function of its own. */
#include <wherry_worker.h>

static wherry_err seven(wherry_task *task) {
    return wherry_task_return(task, "i", (int64_t)7);
}

int main(int argc, char **argv) {
    static const wherry_function functions[] = {{"seven", seven, "seven(): 7"}};
    static const wherry_function_table table = {WHERRY_FUNCTION_TABLE_VERSION, 1, functions};
    return wherry_worker_main(argc, argv, &table);
}
