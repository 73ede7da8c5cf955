/* SPDX-License-Identifier: MIT
 *
 * `wherry dev`: a broker and workers of one's own in one command, where all other commands look
 * first. Whoever reaches its socket may run any command as this user, so the folder around it is
 * this user's alone; what is not is refused. */
#include "client/cli/cli.h"
#include "client/cli/house.h"
#include "common/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEV_WORKERS = CLI_OWN, DEV_FLAGS };

static const struct flag dev_flags[DEV_FLAGS] = {
    [CLI_BROKER] = {.name = "broker", .argument = "ADDRESSES", .hidden = true},
    [CLI_OUTPUT] = {.name = "output",
                    .letter = 'o',
                    .argument = "FORMAT",
                    .fallback = "table",
                    .help = "table or json: what is printed once it is ready"},
    [DEV_WORKERS] = {.name = "workers",
                     .letter = 'n',
                     .argument = "N",
                     .kind = FLAG_NUMBER,
                     .min = 1,
                     .max = 1024,
                     .help = "worker processes (default: as many as CPUs)"},
};

static int folder_refuse(const char *folder, const char *cause) {
    fprintf(stderr, "wherry dev: %s: %s\n", folder, cause);
    return CLI_FAILED;
}

/* One dev a user: the lock is held as long as we live, and the file says who holds it. */
static int lock_take(const char *folder, int *out) {
    char path[RUNTIME_FOLDER_SIZE + 16];
    char holder[24] = "";
    snprintf(path, sizeof path, "%s/dev.pid", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return folder_refuse(path, strerror(errno));
    }
    *out = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = pread(fd, holder, sizeof holder - 1, 0);
        holder[size > 0 ? size : 0] = '\0';
        fprintf(stderr,
                "wherry dev: already running as process %.*s on ipc://%s/dev; use it, or end it "
                "first\n",
                (int)strcspn(holder, "\n"), holder, folder);
        return CLI_REFUSED;
    }
    int size = snprintf(holder, sizeof holder, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)size, 0) != size) {
        return folder_refuse(path, strerror(errno));
    }
    return CLI_DONE;
}

static int ready_tell(const struct flags *flags, const struct house *house) {
    const char *broker = getenv("WHERRY_BROKER");
    if (broker != NULL && *broker != '\0') {
        fprintf(stderr, "wherry dev: WHERRY_BROKER is set: other commands go to %s, not here\n",
                broker);
    }
    if (cli_json(flags)) {
        return cli_print_json(json_pack("{s:s, s:i, s:s}", "endpoint", house->endpoint, "pid",
                                        (int)getpid(), "logs", house->logs),
                              0);
    }
    printf("Ready on %s; Ctrl-C ends it all. Logs: %s/*.log\n"
           "In another terminal:\n\n"
           "    seq 1000 | wherry map -- echo {}\n"
           "    wherry submit --wait wherry.echo hello\n"
           "    wherry pool\n",
           house->endpoint, house->logs);
    return cli_flush();
}

static bool ended(pid_t *pid) {
    if (*pid <= 0 || waitpid(*pid, NULL, WNOHANG) != *pid) {
        return false;
    }
    *pid = 0;
    return true;
}

/* Until a signal ends us, or one of the two programs ends. */
static int house_watch(struct house *house, const sigset_t *signals) {
    for (;;) {
        if (ended(&house->broker) || ended(&house->worker)) {
            const char *name = house->broker == 0 ? "wherry-broker" : "wherry-worker";
            fprintf(stderr, "wherry dev: %s ended; see %s/%s.log\n", name, house->logs, name);
            return CLI_FAILED;
        }
        int number = sigwaitinfo(signals, NULL);
        if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
            return CLI_DONE;
        }
    }
}

static int house_live(const struct flags *flags, struct house *house) {
    sigset_t signals;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaddset(&signals, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int code = house_listen(house);
    if (code == CLI_DONE) {
        code = house_work(house,
                          flags_given(flags, DEV_WORKERS) ? flags_number(flags, DEV_WORKERS) : 0);
    }
    if (code == CLI_DONE) {
        code = ready_tell(flags, house);
    }
    if (code == CLI_DONE) {
        code = house_watch(house, &signals);
    }
    house_close(house);
    return code;
}

static int dev_run(const struct flags *flags) {
    char folder[RUNTIME_FOLDER_SIZE];
    int lock = -1;
    size_t count;
    char **plugins = flags_rest(flags, &count);
    struct house house = {.verb = "dev", .logs = folder, .more = {"--allow-exec", "--"}};
    if (flags_given(flags, CLI_BROKER)) {
        flags_refuse(&verb_dev.program, "broker", flags_text(flags, CLI_BROKER),
                     "wherry dev has a broker of its own");
        return CLI_USAGE;
    }
    house.more_count = 2;
    for (size_t i = 0; i < count; i++) {
        house.more[house.more_count++] = plugins[i];
    }
    if (runtime_folder(folder) != WHERRY_OK) {
        fprintf(stderr, "wherry dev: %s\n", wherry_last_error());
        return CLI_FAILED;
    }
    int code = lock_take(folder, &lock);
    if (code == CLI_DONE) {
        snprintf(house.endpoint, sizeof house.endpoint, "ipc://%s/dev", folder);
        code = house_live(flags, &house);
    }
    if (lock >= 0) {
        close(lock);
    }
    return code;
}

const struct verb verb_dev = {
    .program =
        {.name = "wherry dev",
         .synopsis = "[FLAG…] [PLUGIN…]",
         .summary =
             "Run a broker and workers of your own until Ctrl-C.\n"
             "They live on ipc://$XDG_RUNTIME_DIR/wherry/dev (or in /tmp/wherry-UID), which\n"
             "only you can reach; other commands look there when WHERRY_BROKER is unset.\n"
             "Tasks are kept in memory and end with it. PLUGIN: a .so with functions.",
         .flags = dev_flags,
         .flag_count = DEV_FLAGS,
         .rest_max = HOUSE_ARGUMENTS_MAX - 2,
         .rest_name = "PLUGIN",
         .examples = "  wherry dev\n"
                     "  wherry dev -n 8 ./functions.so\n"
                     "  seq 1000 | wherry map -- echo {}     # in another terminal\n"},
    .run = dev_run,
};
