/* SPDX-License-Identifier: MIT
 *
 * Scenarios of what programs link: values, words, JSON. Without memory each says so and leaves
 * nothing behind. */
#include "tests/failure/scenarios.h"

#include "common/err.h"
#include "worker/json.h"
#include "worker/words.h"

#include <string.h>

static wherry_err play_build(struct stage *stage) {
    wherry_value *value = NULL;
    (void)stage;
    wherry_err err = wherry_value_build(&value, "[is{si}y]", (int64_t)3, "three", "width",
                                        (int64_t)4, "bytes", (size_t)5);
    wherry_value_release(&value);
    return err;
}

static wherry_err play_nest(struct stage *stage) {
    wherry_value *inner = NULL;
    wherry_value *outer = NULL;
    wherry_value *back = NULL;
    (void)stage;
    wherry_err err = wherry_value_build(&inner, "[id]", (int64_t)1, 2.0);
    err = err != WHERRY_OK ? err : wherry_value_build(&outer, "[vv]", inner, inner);
    err = err != WHERRY_OK ? err : wherry_value_at(outer, 1, &back);
    wherry_value_release(&back);
    wherry_value_release(&outer);
    wherry_value_release(&inner);
    return err;
}

static wherry_err play_msgpack(struct stage *stage) {
    static const uint8_t bytes[] = {0x93, 0x01, 0xa3, 't', 'w', 'o', 0xcb, 0, 0, 0, 0, 0, 0, 0, 0};
    wherry_value *value = NULL;
    (void)stage;
    wherry_err err = wherry_value_from_msgpack(&value, bytes, sizeof bytes);
    wherry_value_release(&value);
    return err;
}

static wherry_err play_words(struct stage *stage) {
    char **words = NULL;
    (void)stage;
    wherry_err err = words_split("python3 'my script.py' \"a \\\"b\\\"\" c\\ d", &words);
    if (err == WHERRY_OK) {
        words_free(words);
    }
    return err;
}

static wherry_err play_json(struct stage *stage) {
    static const char text[] = "[1, \"two\", {\"three\": [4.5, null, true]}]";
    struct bytes packed = BYTES_EMPTY;
    struct bytes json = BYTES_EMPTY;
    (void)stage;
    bool ok = json_read(&packed, span_of_text(text)) && json_write(&json, bytes_span(&packed));
    bytes_free(&packed);
    bytes_free(&json);
    return ok ? WHERRY_OK : err_set(WHERRY_E_NO_MEMORY, "json: no memory");
}

const struct failure_scenario value_scenarios[] = {
    {"a value is built", NULL, play_build, NULL, .may_stop = true},
    {"values are nested", NULL, play_nest, NULL, .may_stop = true},
    {"a value is made of MessagePack", NULL, play_msgpack, NULL, .may_stop = true},
    {"a command line is split", NULL, play_words, NULL, .may_stop = true},
    {"JSON is read and written", NULL, play_json, NULL, .may_stop = true},
    {.name = NULL},
};
