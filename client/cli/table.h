/* SPDX-License-Identifier: MIT
 *
 * Tables for people: rows are JSON objects, so that a table shows nothing that -o json does not
 * have. Every cell holds something ("-" for nothing), so that awk's columns stay where they are. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>
#include <stddef.h>

enum column_kind {
    COLUMN_TEXT,
    COLUMN_COUNT,
    COLUMN_REAL,  /* as many digits as say something */
    COLUMN_BYTES, /* 1.5M: powers of 1,024 */
    COLUMN_AGE,   /* milliseconds as 250ms, 1.5s, 12m, 3h, 2d */
};

struct column {
    const char *title;
    const char *key; /* in each row */
    enum column_kind kind;
};

/* Prints title line and rows on stdout; an empty list prints the title line alone. */
void table_print(const struct column *columns, size_t count, const json_t *rows);

/* One cell as the table shows it, into `out`. */
void table_cell(enum column_kind kind, const json_t *value, char *out, size_t size);

#endif
