/* SPDX-License-Identifier: MIT
 *
 * The file is read whole: a log of a million items is some 80 MB. Numbers are bounded by the
 * file's size, so that a damaged one cannot ask for more memory than it is long. */
#include "client/cli/joblog.h"

#include "client/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char magic[] = "#wherry-joblog 1\t";

static int refuse(const struct joblog *log, const char *cause) {
    fprintf(stderr, "wherry map: --joblog %s: %s\n", log->path, cause);
    return CLI_USAGE;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void text_put(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        static const char plain[] = "\t\n\\";
        static const char letters[] = "tn\\";
        const char *found = strchr(plain, *text);
        if (found != NULL) {
            fprintf(out, "\\%c", letters[found - plain]);
        } else {
            fputc(*text, out);
        }
    }
}

/* In place. */
static void text_read(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
            *to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : *from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool entry_put(struct joblog *log, uint64_t number, char *item, bool done, const char *id) {
    if (number > log->count) {
        size_t count = number > log->count * 2 ? number : log->count * 2;
        struct joblog_entry *more = realloc(log->entries, count * sizeof *more);
        if (more == NULL) {
            return false;
        }
        memset(more + log->count, 0, (count - log->count) * sizeof *more);
        log->entries = more;
        log->count = count;
    }
    struct joblog_entry *entry = &log->entries[number - 1];
    free(entry->item);
    entry->item = strdup(item);
    entry->done = done;
    snprintf(entry->id, sizeof entry->id, "%s", id);
    return entry->item != NULL;
}

/* One line without its end. */
static bool line_read(struct joblog *log, char *line, size_t size_max) {
    enum { FIELDS = 7 };
    char *fields[FIELDS];
    char *end = NULL;
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = line;
        line = i + 1 < FIELDS ? strchr(line, '\t') : line;
        if (line == NULL) {
            return false;
        }
        if (i + 1 < FIELDS) {
            *line++ = '\0';
        }
    }
    errno = 0;
    unsigned long long number = strtoull(fields[0], &end, 10);
    if (errno != 0 || *end != '\0' || number == 0 || number > size_max) {
        return false;
    }
    text_read(fields[6]);
    bool sent = strcmp(fields[4], JOBLOG_STATE_SENT) == 0;
    return entry_put(log, number, fields[6], strcmp(fields[4], "done") == 0, sent ? fields[1] : "");
}

static int lines_read(struct joblog *log, char *text, size_t size, const char *title) {
    char words[80];
    char *line = strchr(text, '\n');
    if (line == NULL || strncmp(text, magic, strlen(magic)) != 0) {
        return refuse(log, "is no job log of wherry map");
    }
    *line++ = '\0';
    text_read(text);
    if (strcmp(text + strlen(magic), title) != 0) {
        return refuse(log, "was written by another command; name another file");
    }
    for (int number = 2; *line != '\0'; number++) {
        char *end = strchr(line, '\n');
        if (end == NULL) {
            return refuse(log, "holds a 0");
        }
        *end = '\0';
        if (!line_read(log, line, size)) {
            snprintf(words, sizeof words, "line %d is damaged; mend it or remove the line", number);
            return refuse(log, words);
        }
        line = end + 1;
    }
    return CLI_DONE;
}

/* The whole lines of the file; what follows the last line end is cut off. NULL: errno says why. */
static char *file_read(int fd, size_t size, size_t *out) {
    char *text = malloc(size + 1);
    size_t used = 0;
    while (text != NULL && used < size) {
        ssize_t got = pread(fd, text + used, size - used, (off_t)used);
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            free(text);
            return NULL;
        }
        used += (size_t)got;
    }
    while (text != NULL && used > 0 && text[used - 1] != '\n') {
        used--;
    }
    if (text != NULL && ftruncate(fd, (off_t)used) != 0) {
        free(text);
        return NULL;
    }
    if (text != NULL) {
        text[used] = '\0';
    }
    *out = used;
    return text;
}

static int log_take_up(struct joblog *log, size_t size, bool resume, const char *title) {
    if (!resume) {
        return refuse(log, "is there already: go on with --resume, or name another file");
    }
    char *text = file_read(log->fd, size, &size);
    int code = text == NULL ? refuse(log, strerror(errno))
               : size == 0  ? refuse(log, "is no job log of wherry map")
                            : lines_read(log, text, size, title);
    free(text);
    return code;
}

static bool line_send(struct joblog *log, const char *text, size_t size) {
    if (write(log->fd, text, size) == (ssize_t)size) {
        return true;
    }
    refuse(log, strerror(errno));
    return false;
}

static int log_begin(struct joblog *log, const char *title) {
    char *text = NULL;
    size_t size = 0;
    FILE *line = open_memstream(&text, &size);
    if (line == NULL) {
        return refuse(log, "no memory");
    }
    fputs(magic, line);
    text_put(line, title);
    fputc('\n', line);
    fclose(line);
    bool sent = line_send(log, text, size);
    free(text);
    return sent ? CLI_DONE : CLI_FAILED;
}

int joblog_open(struct joblog *log, const char *path, bool resume, const char *title) {
    *log = (struct joblog){.fd = -1, .path = path};
    if (path == NULL) {
        return CLI_DONE;
    }
    struct stat status;
    log->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    if (log->fd < 0 || fstat(log->fd, &status) != 0) {
        return refuse(log, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(log, "is no regular file");
    }
    if (flock(log->fd, LOCK_EX | LOCK_NB) != 0) {
        return refuse(log, "another wherry map writes it");
    }
    return status.st_size == 0 ? log_begin(log, title)
                               : log_take_up(log, (size_t)status.st_size, resume, title);
}

enum joblog_answer joblog_look(const struct joblog *log, uint64_t number, const char *item,
                               const char **id) {
    if (number > log->count || log->entries[number - 1].item == NULL) {
        return JOBLOG_TODO;
    }
    const struct joblog_entry *entry = &log->entries[number - 1];
    if (strcmp(entry->item, item) != 0) {
        return JOBLOG_OTHER;
    }
    *id = entry->id;
    return entry->done ? JOBLOG_DONE : entry->id[0] != '\0' ? JOBLOG_SENT : JOBLOG_TODO;
}

bool joblog_write(struct joblog *log, const struct joblog_line *line) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = log->fd < 0 ? NULL : open_memstream(&text, &size);
    if (out == NULL) {
        return log->fd < 0;
    }
    struct tm utc;
    char started[32];
    gmtime_r(&(time_t){line->start_ms / 1000}, &utc);
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(out, "%llu\t%s\t%s\t%lld.%03lld\t%s\t%lld\t", (unsigned long long)line->number,
            *line->id != '\0' ? line->id : "-", started, (long long)line->took_ms / 1000,
            (long long)line->took_ms % 1000, line->state, (long long)line->exit);
    text_put(out, line->item);
    fputc('\n', out);
    fclose(out);
    bool sent = line_send(log, text, size);
    free(text);
    return sent;
}

void joblog_close(struct joblog *log) {
    for (size_t i = 0; i < log->count; i++) {
        free(log->entries[i].item);
    }
    free(log->entries);
    if (log->fd >= 0) {
        close(log->fd);
    }
    *log = (struct joblog){.fd = -1};
}
