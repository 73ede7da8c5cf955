/* SPDX-License-Identifier: MIT
 *
 * Journal; see journal.h. Stands alone: the plugin inside worker processes links it, too. */
#include "tests/chaos/journal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };

int journal_open(const char *path) {
    int journal = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0) {
        perror("journal");
        exit(1);
    }
    return journal;
}

void journal_say(int journal, const char *format, ...) {
    char line[LINE_SIZE];
    struct timespec now;
    va_list arguments;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int size =
        snprintf(line, sizeof line, "%lld ", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    va_start(arguments, format);
    size += vsnprintf(line + size, sizeof line - (size_t)size - 1, format, arguments);
    va_end(arguments);
    line[size++] = '\n';
    if (write(journal, line, (size_t)size) != size) {
        perror("journal");
        exit(1);
    }
}
