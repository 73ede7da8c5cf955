/* SPDX-License-Identifier: MIT
 *
 * Ids; see ids.h. */
#include "client/cli/ids.h"

#include "common/id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_MAX = 1000000 };

static int ids_refuse(const struct flags_program *program, const char *text, size_t line) {
    static const char wanted[] = "is no task id: 26 letters and digits are expected";
    if (line > 0) {
        flags_refuse(program, NULL, text, "%s (line %zu of stdin)", wanted, line);
    } else {
        flags_refuse(program, NULL, text, "%s", wanted);
    }
    return CLI_USAGE;
}

/* line: of stdin; 0: an argument. */
static int ids_add(const struct flags_program *program, struct ids *ids, const char *text,
                   size_t line) {
    struct task_id id;
    if (!task_id_from_text(text, &id)) {
        return ids_refuse(program, text, line);
    }
    if (ids->count == IDS_MAX) {
        flags_refuse(program, NULL, text, "more than %d ids: give them in parts", (int)IDS_MAX);
        return CLI_USAGE;
    }
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity * 2 + 16;
        char **texts = realloc(ids->texts, capacity * sizeof *texts);
        if (texts == NULL) {
            return cli_fail("ids", WHERRY_E_NO_MEMORY, "no memory");
        }
        ids->texts = texts;
        ids->capacity = capacity;
    }
    ids->texts[ids->count] = strdup(text);
    return ids->texts[ids->count] != NULL ? (ids->count++, CLI_DONE)
                                          : cli_fail("ids", WHERRY_E_NO_MEMORY, "no memory");
}

static int ids_add_stdin(const struct flags_program *program, struct ids *ids) {
    int code = CLI_DONE;
    for (size_t line = 1; code == CLI_DONE && getline(&ids->line, &ids->line_size, stdin) >= 0;
         line++) {
        char *rest = NULL;
        const char *word = strtok_r(ids->line, " \t\r\n", &rest);
        while (code == CLI_DONE && word != NULL) {
            code = ids_add(program, ids, word, line);
            word = strtok_r(NULL, " \t\r\n", &rest);
        }
    }
    if (code == CLI_DONE && ferror(stdin)) {
        return cli_fail("stdin", WHERRY_E_SYSTEM, strerror(errno));
    }
    return code;
}

int ids_read(const struct flags_program *program, const struct flags *flags, struct ids *out) {
    size_t count;
    char **rest = flags_rest(flags, &count);
    int code = CLI_DONE;
    *out = (struct ids){NULL, 0, 0, NULL, 0};
    for (size_t i = 0; code == CLI_DONE && i < count; i++) {
        code = strcmp(rest[i], "-") == 0 ? ids_add_stdin(program, out)
                                         : ids_add(program, out, rest[i], 0);
    }
    return code;
}

void ids_fini(struct ids *ids) {
    for (size_t i = 0; i < ids->count; i++) {
        free(ids->texts[i]);
    }
    free(ids->texts);
    free(ids->line);
}
