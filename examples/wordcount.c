/* SPDX-License-Identifier: MIT
 *
 * The plugin of the word count: wordcount(contents) -> {word: how often}.
 *
 *     wherry-worker build/release/lib/wherry-examples.so */
#include "examples/words.h"

#include <msgpack.h>
#include <wherry_worker.h>

static void words_pack(msgpack_sbuffer *out, const struct words *words) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, words->used);
    for (size_t i = 0; i < words->place_count; i++) {
        const struct word *word = &words->places[i];
        if (word->text != NULL) {
            msgpack_pack_str_with_body(&packer, word->text, word->size);
            msgpack_pack_uint64(&packer, word->count);
        }
    }
}

static wherry_err wordcount(wherry_task *task) {
    const void *text;
    size_t size;
    wherry_err err = wherry_task_read(task, "y", &text, &size);
    if (err != WHERRY_OK) {
        return err;
    }
    struct words words;
    words_init(&words);
    words_read(&words, text, size);
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    words_pack(&packed, &words);
    err = wherry_task_return_msgpack(task, packed.data, packed.size);
    msgpack_sbuffer_destroy(&packed);
    words_fini(&words);
    return err;
}

WHERRY_PLUGIN({"wordcount", wordcount, "wordcount(contents): each word and how often it occurs"});
