/* SPDX-License-Identifier: MIT */
/* Squares ten numbers, on processes of its own or those of a cluster:  hello [ADDRESS] */
#include <stdio.h>
#include <string.h>
#include <wherry.h>
#include <wherry_worker.h>

static wherry_err square(wherry_task *task) {
    int64_t x;
    wherry_err err = wherry_task_read(task, "i", &x);
    return err ? err : wherry_task_return(task, "i", x * x);
}
WHERRY_PLUGIN({"square", square, "square(x): x times x"});

int main(int argc, char **argv) {
    wherry_program(argc, argv, &wherry_plugin); /* a worker process goes no further */
    if (argc > 1 && strcmp(argv[1], "work") == 0) {
        return wherry_worker_main(argc - 1, argv + 1, &wherry_plugin); /* of a cluster */
    }
    wherry_connection *connection = NULL;
    wherry_pool *pool = NULL;
    wherry_async *calls[10] = {NULL};
    wherry_err err = wherry_connect(argc > 1 ? argv[1] : "local:", NULL, &connection);
    err = err ? err : wherry_pool_open(connection, NULL, &pool);
    for (int64_t x = 0; x < 10 && !err; x++) {
        err = wherry_pool_apply_async(pool, "square", NULL, &calls[x], "i", x);
    }
    for (int x = 0; x < 10; x++) {
        const wherry_value *answer = NULL;
        int64_t squared = 0;
        err = err ? err : wherry_async_get(calls[x], 10000, &answer);
        err = err ? err : wherry_value_read(answer, "i", &squared);
        if (!err) {
            printf("%d times %d is %lld\n", x, x, (long long)squared);
        }
        wherry_async_release(&calls[x]);
    }
    if (err) {
        fprintf(stderr, "hello: %s\n", wherry_last_error());
    }
    wherry_pool_release(&pool);
    wherry_connection_release(&connection);
    return err ? 1 : 0;
}
