/* SPDX-License-Identifier: MIT
 *
 * wherry backup: has the broker's program copy a store, which a broker may be using. It works on
 * the files, on the broker's machine, with the right to read them: nobody who only reaches the
 * broker's port can have a copy made or a file written. */
#include "client/cli/cli.h"
#include "client/cli/house.h"
#include "client/cli/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKUP_STORE = CLI_OWN, BACKUP_FLAGS };

static const struct flag backup_flags[] = {
    CLI_FLAGS,
    [BACKUP_STORE] = {.name = "store",
                      .argument = "URL",
                      .help = "lmdb:DIR (default: where wherry-broker has it by itself)"},
};

_Noreturn static void broker_become(const char *file, const char *store, int out) {
    char path[4096];
    const char *arguments[] = {"wherry-broker", "--backup", file, NULL, NULL, NULL};
    if (store != NULL) {
        arguments[3] = "--store";
        arguments[4] = store;
    }
    dup2(out, STDOUT_FILENO);
    if (!house_program("wherry-broker", path, sizeof path)) {
        fprintf(stderr, "wherry backup: wherry-broker is not beside this program\n");
        _exit(127);
    }
    execv(path, (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "wherry backup: %s: %s\n", path, strerror(errno));
    _exit(127);
}

/* What the broker's program said, and its exit code; it told any failure itself. */
static int broker_run(const char *file, const char *store, char *said, size_t size) {
    int ends[2];
    pid_t pid = -1;
    if (pipe(ends) == 0) {
        pid = fork();
        if (pid == 0) {
            broker_become(file, store, ends[1]);
        }
        close(ends[1]);
    }
    if (pid < 0) {
        return cli_fail("backup", WHERRY_E_SYSTEM, strerror(errno));
    }
    FILE *out = fdopen(ends[0], "r");
    said[out != NULL ? fread(said, 1, size - 1, out) : 0] = '\0';
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (out != NULL) {
        fclose(out);
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    return code == 0 || code == CLI_USAGE ? code : CLI_FAILED;
}

static int backup_run(const struct flags *flags) {
    static const struct column columns[] = {
        {"FILE", "file", COLUMN_TEXT},
        {"RECORDS", "records", COLUMN_COUNT},
        {"BYTES", "bytes", COLUMN_BYTES},
    };
    char said[256] = "";
    long long records = 0;
    long long bytes = 0;
    const char *file = cli_argument(flags, 0);
    int code = broker_run(file, flags_text(flags, BACKUP_STORE), said, sizeof said);
    if (code != CLI_DONE) {
        return code;
    }
    if (sscanf(said, "records=%lld bytes=%lld", &records, &bytes) != 2) {
        return cli_fail("backup", WHERRY_E_PROTOCOL, "wherry-broker is of another version");
    }
    json_t *row = json_pack("{s:s, s:I, s:I}", "file", file, "records", (json_int_t)records,
                            "bytes", (json_int_t)bytes);
    if (cli_json(flags)) {
        return cli_print_json(row, JSON_INDENT(2));
    }
    json_t *rows = json_pack("[o]", row);
    table_print(columns, sizeof columns / sizeof *columns, rows);
    json_decref(rows);
    return cli_flush();
}

const struct verb verb_backup = {
    .program = {.name = "wherry backup",
                .synopsis = "[FLAG…] FILE",
                .summary =
                    "Copy the broker's store into a file, while the broker runs.\n"
                    "On the broker's machine, as a user who may read the store. The copy is\n"
                    "the store of one moment. It is given up when the store grows by half\n"
                    "(at least 1 GiB) meanwhile, as pages that are read cannot be used again.\n"
                    "To start on it: put it into an empty folder as data.mdb.",
                .flags = backup_flags,
                .flag_count = BACKUP_FLAGS,
                .rest_min = 1,
                .rest_max = 1,
                .rest_name = "FILE",
                .examples = "  wherry backup monday.mdb\n"
                            "  wherry backup --store lmdb:/var/lib/wherry /mnt/monday.mdb\n"
                            "  mkdir again && cp monday.mdb again/data.mdb\n"
                            "  wherry-broker --store lmdb:again\n"},
    .run = backup_run,
};
