/* SPDX-License-Identifier: MIT
 *
 * Values and JSON.
 *
 *     value            JSON
 *     nil, bool        null, true, false
 *     integer          integer (above 2^63 - 1: a real number, digits may be lost)
 *     real             real number; not a number and infinities: "NaN", "Infinity", "-Infinity"
 *     string           string; bytes that are no UTF-8 become U+FFFD
 *     bytes            string in base64
 *     list, map        array, object; a key that is no string becomes its JSON text
 *
 * The other way round an integer is an integer, everything else as it stands above it. Recursion is
 * bounded: values nest at most 16 deep, and deeper JSON is refused. */
#ifndef CLI_CONVERT_H
#define CLI_CONVERT_H

#include <jansson.h>
#include <wherry.h>

/* A new reference; NULL without memory, or when the value is damaged. */
json_t *json_from_value(const wherry_value *value);

/* A string; bytes that are no UTF-8 become U+FFFD. */
json_t *json_from_text(const char *text, size_t size);

/* A new value. TYPE: nested too deep; NO_MEMORY. */
wherry_err json_to_value(const json_t *json, wherry_value **out);

/* An argument of the shell: JSON, else a string. One that looks like JSON and is none is worth a
 * remark on stderr, if `remark`. NULL: not UTF-8, or no memory. */
json_t *json_from_argument(const char *text, bool remark);

#endif
