/* SPDX-License-Identifier: MIT
 *
 * `wherry map`: a shell loop spread over all workers. How it is called, and what it opens; the loop
 * itself stands in map_loop.c. */
#include "client/cli/map.h"

#include "common/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    MAP_QUEUE = CLI_OWN,
    MAP_KEEP_ORDER,
    MAP_NULL,
    MAP_HALT,
    MAP_JOBLOG,
    MAP_RESUME,
    MAP_FLAGS,
};

static const struct flag map_flags[MAP_FLAGS] = {
    CLI_FLAGS,
    [MAP_QUEUE] = {.name = "queue",
                   .argument = "NAME",
                   .fallback = "default",
                   .help = "the queue, served by the pool of the same name"},
    [MAP_KEEP_ORDER] = {.name = "keep-order",
                        .letter = 'k',
                        .kind = FLAG_SWITCH,
                        .help = "print results in the order of the items, not as they come"},
    [MAP_NULL] = {.name = "null",
                  .letter = '0',
                  .kind = FLAG_SWITCH,
                  .help = "items on stdin end with a 0 byte, not with a line: find -print0"},
    [MAP_HALT] = {.name = "halt",
                  .argument = "never|soon|now",
                  .fallback = "never",
                  .help = "what a failure stops: never, soon (no more items; what was handed out\n"
                          "goes on), now (the rest is cancelled)"},
    [MAP_JOBLOG] = {.name = "joblog",
                    .argument = "FILE",
                    .help = "write a line about each item that is handed out, and that ends"},
    [MAP_RESUME] = {.name = "resume",
                    .kind = FLAG_SWITCH,
                    .help = "go on with the job log: skip the items that it says are done"},
};

/* What is run, as one text: a job log is valid for that only. Allocated. */
static char *title_of(const struct map *map) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    fputs(map->command != NULL ? "--" : map->function, out);
    for (size_t i = 0; i < map->command_count; i++) {
        fprintf(out, " %s", map->command[i]);
    }
    fclose(out);
    return text;
}

/* FUNCTION [ITEM…] or -- CMD … [::: ITEM…]. */
static bool rest_read(struct map *map) {
    size_t count;
    char **rest = flags_rest(map->flags, &count);
    bool command = flags_dashed(map->flags);
    size_t items = command ? count : 1;
    for (size_t i = 0; command && i < count; i++) {
        if (strcmp(rest[i], ":::") == 0) {
            items = i;
            break;
        }
    }
    size_t first = items + (command ? 1 : 0);
    map->function = command ? "wherry.exec" : rest[0];
    map->command = command ? rest : NULL;
    map->command_count = command ? items : 0;
    map->items = (struct items){.fd = STDIN_FILENO,
                                .delimiter = flags_on(map->flags, MAP_NULL) ? '\0' : '\n'};
    if (items < count) {
        map->items.texts = rest + first;
        map->items.count = count - first;
    }
    if (command && items == 0) {
        flags_refuse(&verb_map.program, NULL, NULL, "the command behind -- is missing");
        return false;
    }
    return true;
}

static bool halt_read(struct map *map) {
    static const char *const names[] = {"never", "soon", "now"};
    const char *text = flags_text(map->flags, MAP_HALT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            map->halt = (enum map_halt)i;
            return true;
        }
    }
    flags_refuse(&verb_map.program, "halt", text, "now, soon or never");
    return false;
}

static int options_read(struct map *map) {
    if (!rest_read(map) || !halt_read(map)) {
        return CLI_USAGE;
    }
    if (flags_on(map->flags, MAP_RESUME) && !flags_given(map->flags, MAP_JOBLOG)) {
        flags_refuse(&verb_map.program, "resume", NULL, "needs --joblog FILE");
        return CLI_USAGE;
    }
    map->keep_order = flags_on(map->flags, MAP_KEEP_ORDER);
    char *title = title_of(map);
    int code = title == NULL ? cli_fail("map", WHERRY_E_NO_MEMORY, "no memory")
                             : joblog_open(&map->log, flags_text(map->flags, MAP_JOBLOG),
                                           flags_on(map->flags, MAP_RESUME), title);
    free(title);
    return code;
}

static int map_work(struct map *map) {
    if (map->wake < 0) {
        return cli_fail("map", WHERRY_E_SYSTEM, "no more file descriptors");
    }
    int code = cli_connect(map->flags, &map->connection);
    if (code != CLI_DONE) {
        return code;
    }
    wherry_err err =
        wherry_pool_open(map->connection, flags_text(map->flags, MAP_QUEUE), &map->pool);
    if (err != WHERRY_OK) {
        return cli_fail(flags_text(map->flags, MAP_QUEUE), err, NULL);
    }
    if (map->items.texts == NULL && isatty(STDIN_FILENO) == 1) {
        fputs("wherry map: reading items from the terminal, one a line; Ctrl-D ends them\n",
              stderr);
    }
    progress_init(&map->progress, clock_mono_us());
    return map_loop(map);
}

static int map_run(const struct flags *flags) {
    struct map map = {
        .flags = flags,
        .log = {.fd = -1},
        .state = {.total = -1},
        .retries_before = -1,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    int code = options_read(&map);
    if (code == CLI_DONE) {
        code = map_work(&map);
    }
    wherry_pool_release(&map.pool);
    wherry_connection_release(&map.connection);
    joblog_close(&map.log);
    items_fini(&map.items);
    free(map.why);
    if (map.wake >= 0) {
        close(map.wake);
    }
    if (map.signal != 0) { /* so that a shell sees it */
        signal(map.signal, SIG_DFL);
        raise(map.signal);
    }
    return code;
}

const struct verb verb_map = {
    .program =
        {.name = "wherry map",
         .synopsis = "[FLAG…] FUNCTION [ITEM…]\n"
                     "       wherry map [FLAG…] -- COMMAND [ARG…] [::: ITEM…]",
         .summary =
             "Run a function, or a command, once an item, spread over all workers.\n"
             "Items are arguments, or without any the lines of stdin, read as they are needed.\n"
             "Each {} in COMMAND is replaced by the item; without any {} it comes last. No\n"
             "shell is run. Commands run where a worker allows it: wherry dev does.\n"
             "A function's item is read as JSON, else it is a string; each result is one line\n"
             "of JSON. A command's output is printed as it is.\n"
             "Exit code 1 if any item failed. Ctrl-C ends the input and waits for what is out; a\n"
             "second one cancels that. With --joblog a run whose terminal was closed goes on,\n"
             "and --resume collects what became of it.",
         .flags = map_flags,
         .flag_count = MAP_FLAGS,
         .rest_min = 1,
         .rest_max = SIZE_MAX,
         .rest_name = "FUNCTION, or -- COMMAND,",
         .examples = "  seq 1000 | wherry map -- echo {}\n"
                     "  wherry map -k wherry.echo 1 2 '{\"x\": 3}'\n"
                     "  find . -name '*.wav' -print0 | wherry map -0 -- flac -s {}\n"
                     "  wherry map --joblog run.log --halt soon -- ./convert {} < list\n"
                     "  wherry map --joblog run.log --resume -- ./convert {} < list\n"
                     "  wherry map -- gzip -k ::: one.txt two.txt\n"},
    .run = map_run,
};
