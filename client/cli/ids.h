/* SPDX-License-Identifier: MIT
 *
 * The task ids that a verb is given: as arguments, or, where one is "-", from stdin, between blanks
 * and line ends. All are looked at before anybody is asked: a slip of the keyboard costs no
 * connection and leaves nothing half done. */
#ifndef CLI_IDS_H
#define CLI_IDS_H

#include "client/cli/cli.h"

struct ids {
    char **texts;
    size_t count;
    size_t capacity; /* private from here on */
    char *line;
    size_t line_size;
};

/* DONE, or an exit code after one line on stderr. ids_fini() in any case. */
int ids_read(const struct flags_program *program, const struct flags *flags, struct ids *out);
void ids_fini(struct ids *ids);

#endif
