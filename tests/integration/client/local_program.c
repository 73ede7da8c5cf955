/* SPDX-License-Identifier: MIT
 *
 * A program on local:, as users write one:  local_program ADDRESS|- WHAT [HOW]
 * What it does is told by WHAT; see the table at the end. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wherry.h>
#include <wherry_worker.h>

static int64_t number = 1;

static wherry_err square(wherry_task *task) {
    int64_t x;
    wherry_err err = wherry_task_read(task, "i", &x);
    return err ? err : wherry_task_return(task, "i", x * x);
}

static wherry_err look(wherry_task *task) {
    return wherry_task_return(task, "i", number);
}

static wherry_err change(wherry_task *task) {
    number = 99;
    return wherry_task_return(task, "i", number);
}

static wherry_err pause_long(wherry_task *task) {
    for (;;) {
        pause();
    }
    return wherry_task_return(task, "n");
}

/* Leaves a daemon behind, in a session of its own. */
static wherry_err leave(wherry_task *task) {
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            for (;;) {
                pause();
            }
        }
        _exit(0);
    }
    wait(NULL);
    return wherry_task_return(task, "i", (int64_t)getpid());
}

static wherry_err kill_parent(wherry_task *task) {
    kill(getppid(), SIGKILL);
    return pause_long(task);
}

/* Inside of a worker local: is the house it is in. */
static wherry_err nested(wherry_task *task) {
    wherry_connection *connection = NULL;
    wherry_pool *pool = NULL;
    wherry_value *value = NULL;
    int64_t x = 0;
    wherry_err err = wherry_connect("local:", NULL, &connection);
    err = err ? err : wherry_pool_open(connection, NULL, &pool);
    err = err ? err : wherry_pool_apply(pool, "square", NULL, &value, "i", (int64_t)5);
    err = err ? err : wherry_value_read(value, "i", &x);
    err = err ? err : wherry_task_return(task, "i", x);
    wherry_value_release(&value);
    wherry_pool_release(&pool);
    wherry_connection_release(&connection);
    return err;
}

/* ---- what the program does --------------------------------------------------------------------
 */

static const char *address;
static wherry_connection *connection;
static wherry_pool *pool;

static void check(const char *what, wherry_err err) {
    if (err) {
        printf("%s: %s: %s\n", what, wherry_err_text(err), wherry_last_error());
        fflush(stdout);
        _exit(1);
    }
}

static void open_all(void) {
    check("connect", wherry_connect(address, NULL, &connection));
    check("pool", wherry_pool_open(connection, NULL, &pool));
}

static void close_all(void) {
    wherry_pool_release(&pool);
    wherry_connection_release(&connection);
}

static int64_t call(wherry_pool *of, const char *function) {
    wherry_value *value = NULL;
    int64_t answer = 0;
    check(function, wherry_pool_apply(of, function, NULL, &value, ""));
    check("read", wherry_value_read(value, "i", &answer));
    wherry_value_release(&value);
    return answer;
}

static void do_map(const char *how) {
    (void)how;
    wherry_value *list = NULL;
    wherry_value *squares = NULL;
    int64_t a, b, c;
    open_all();
    check("list", wherry_value_build(&list, "[iii]", (int64_t)1, (int64_t)2, (int64_t)3));
    check("map", wherry_pool_map(pool, "square", (wherry_items){.list = list}, 1, NULL, &squares));
    check("read", wherry_value_read(squares, "[iii]", &a, &b, &c));
    printf("%lld %lld %lld\n", (long long)a, (long long)b, (long long)c);
    wherry_value_release(&list);
    wherry_value_release(&squares);
    close_all();
}

static void do_globals(const char *how) {
    (void)how;
    number = 3;
    open_all();
    printf("worker %lld, ", (long long)call(pool, "look"));
    call(pool, "change");
    printf("program %lld\n", (long long)number);
    close_all();
}

static void do_pools(const char *how) {
    (void)how;
    wherry_pool *other = NULL;
    open_all();
    check("other", wherry_pool_open(connection, "other", &other));
    printf("%lld %lld\n", (long long)call(other, "look"), (long long)call(pool, "nested"));
    wherry_pool_release(&other);
    close_all();
}

static size_t descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void do_again(const char *how) {
    open_all();
    close_all();
    size_t before = descriptors();
    for (long i = strtol(how, NULL, 10); i > 0; i--) {
        wherry_connection *second = NULL;
        open_all();
        check("second", wherry_connect("local:", NULL, &second));
        close_all();
        wherry_connection_release(&second);
    }
    printf("%zu more descriptors\n", descriptors() - before);
}

static void *wait_for_ever(void *context) {
    for (;;) {
        pause();
    }
    return context;
}

static void do_threads(const char *how) {
    (void)how;
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_ever, NULL);
    open_all();
}

static void do_other_options(const char *how) {
    (void)how;
    wherry_connection *second = NULL;
    open_all();
    check("second", wherry_connect("local:?processes=7", NULL, &second));
}

/* Says that it is ready, then ends by HOW while tasks run, and with a daemon that one left. */
static void do_end(const char *how) {
    open_all();
    if (strcmp(how, "plain") != 0) {
        call(pool, "leave");
    }
    check("pause", wherry_pool_apply_async(pool, "pause", NULL, NULL, ""));
    fputs("ready\n", stderr);
    if (strcmp(how, "exit") == 0) {
        exit(0);
    }
    if (strcmp(how, "abort") == 0) {
        abort();
    }
    if (strcmp(how, "exec") == 0) {
        execl("/bin/sleep", "sleep", "1000", (char *)NULL);
    }
    if (strcmp(how, "release") == 0) {
        close_all();
        fputs("released\n", stderr);
    }
    for (;;) {
        pause();
    }
}

/* Something of the house dies while a call waits. */
static void do_die(const char *how) {
    open_all();
    fputs("ready\n", stderr);
    call(pool, how);
}

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void do_time(const char *how) {
    for (long i = strtol(how, NULL, 10); i > 0; i--) {
        double start = now_ms();
        open_all();
        call(pool, "look");
        double ready = now_ms();
        close_all();
        printf("start and one task %.1f ms, release %.1f ms\n", ready - start, now_ms() - ready);
    }
}

static const struct {
    const char *what;
    void (*run)(const char *how);
} doings[] = {
    {"map", do_map},     {"globals", do_globals}, {"pools", do_pools},
    {"again", do_again}, {"threads", do_threads}, {"options", do_other_options},
    {"end", do_end},     {"die", do_die},         {"time", do_time},
};

int main(int argc, char **argv) {
    static const wherry_function functions[] = {
        {"square", square, NULL},    {"look", look, NULL},   {"change", change, NULL},
        {"pause", pause_long, NULL}, {"leave", leave, NULL}, {"kill_parent", kill_parent, NULL},
        {"nested", nested, NULL},
    };
    static const wherry_function_table table = {WHERRY_FUNCTION_TABLE_VERSION,
                                                sizeof functions / sizeof *functions, functions};
    number = 2;
    if (getenv("LOCAL_UNPREPARED") == NULL) {
        wherry_program(argc, argv, &table);
    }
    address = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : NULL;
    for (size_t i = 0; argc > 2 && i < sizeof doings / sizeof *doings; i++) {
        if (strcmp(doings[i].what, argv[2]) == 0) {
            doings[i].run(argc > 3 ? argv[3] : "");
            return 0;
        }
    }
    return 2;
}
