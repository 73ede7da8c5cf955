/* SPDX-License-Identifier: MIT
 *
 * libsmartcols does the layout. A terminal that is too narrow cuts nothing that matters: columns
 * are not shortened, lines wrap. */
#include "client/cli/table.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 256 };

static void cell_scaled(double value, const double *steps, const char *const *units, size_t count,
                        char *out, size_t size) {
    size_t at = 0;
    while (at + 1 < count && value >= steps[at]) {
        value /= steps[at++];
    }
    int digits = at > 0 && value < 10 ? 1 : 0;
    snprintf(out, size, "%.*f%s", digits, value, units[at]);
}

static void cell_bytes(double bytes, char *out, size_t size) {
    static const double steps[] = {1024, 1024, 1024, 1024};
    static const char *const units[] = {"B", "K", "M", "G", "T"};
    cell_scaled(bytes, steps, units, 5, out, size);
}

static void cell_age(double ms, char *out, size_t size) {
    static const double steps[] = {1000, 60, 60, 24};
    static const char *const units[] = {"ms", "s", "m", "h", "d"};
    cell_scaled(ms, steps, units, 5, out, size);
}

static void cell_real(double value, char *out, size_t size) {
    snprintf(out, size, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
}

static void cell_count(json_int_t count, char *out, size_t size) {
    snprintf(out, size, "%" JSON_INTEGER_FORMAT, count);
}

void table_cell(enum column_kind kind, const json_t *value, char *out, size_t size) {
    snprintf(out, size, "-");
    if (json_is_string(value) && json_string_length(value) > 0) {
        snprintf(out, size, "%s", json_string_value(value));
        for (char *at = out; *at != '\0'; at++) { /* nothing that steers a terminal */
            *at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
        }
    } else if (json_is_boolean(value)) {
        snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_number(value) && kind == COLUMN_BYTES) {
        cell_bytes(json_number_value(value), out, size);
    } else if (json_is_number(value) && kind == COLUMN_AGE) {
        cell_age(json_number_value(value), out, size);
    } else if (json_is_number(value) && kind == COLUMN_REAL) {
        cell_real(json_number_value(value), out, size);
    } else if (json_is_integer(value)) {
        cell_count(json_integer_value(value), out, size);
    }
}

static void row_add(struct libscols_table *table, const struct column *columns, size_t count,
                    const json_t *row) {
    char cell[CELL_SIZE];
    struct libscols_line *line = scols_table_new_line(table, NULL);
    for (size_t i = 0; line != NULL && i < count; i++) {
        table_cell(columns[i].kind, json_object_get(row, columns[i].key), cell, sizeof cell);
        scols_line_set_data(line, i, cell);
    }
}

void table_print(const struct column *columns, size_t count, const json_t *rows) {
    struct libscols_table *table = scols_new_table();
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        int flags = columns[i].kind == COLUMN_TEXT ? 0 : SCOLS_FL_RIGHT;
        scols_table_new_column(table, columns[i].title, 0, flags);
    }
    size_t at;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, at, row) {
        row_add(table, columns, count, row);
    }
    scols_table_enable_noencoding(table, 1);
    scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    if (json_array_size(rows) == 0) {
        for (size_t i = 0; i < count; i++) {
            printf("%s%s", columns[i].title, i + 1 < count ? "  " : "\n");
        }
    } else {
        scols_print_table(table);
    }
    fflush(stdout);
    scols_unref_table(table);
}
