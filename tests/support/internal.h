/* SPDX-License-Identifier: MIT
 *
 * What the parts of the support library share. */
#ifndef WHERRY_TEST_SUPPORT_INTERNAL_H
#define WHERRY_TEST_SUPPORT_INTERNAL_H

#include "tests/support/support.h"

enum { SANDBOX_TEXTS_MAX = 1024 };

struct sandbox {
    char folder[SANDBOX_PATH_SIZE];
    int64_t deadline_us;
    struct program *programs[SANDBOX_PROGRAMS_MAX];
    size_t program_count;
    size_t programs_made; /* forgotten ones as well: they number the files */
    void *texts[SANDBOX_TEXTS_MAX]; /* freed at the end: paths, brokers, file contents */
    size_t text_count;
    char *http_body;
};

int64_t support_now_us(void);
/* Owned by the sandbox from here on. */
void *sandbox_keep(struct sandbox *box, void *memory);
/* Shows every log, then fails the test. */
_Noreturn void sandbox_fail(struct sandbox *box, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The whole file and a closing 0; "" if it is not there. The caller frees. */
char *support_read_file(const char *path);

#endif
