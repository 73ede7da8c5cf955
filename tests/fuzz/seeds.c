/* SPDX-License-Identifier: MIT
 *
 * Writes seeds into a corpus folder: one file for each sample message, for pictures, values and
 * calls of every shape. libFuzzer goes on from there. */
#include "fuzz.h"

#include "wire_samples.h"

#include "common/call.h"
#include "common/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *corpus;

static void seed_write(const char *target, const char *name, struct span head, struct span rest) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", corpus, target, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    CHECK(fwrite(head.data, 1, head.size, file) == head.size);
    CHECK(rest.size == 0 || fwrite(rest.data, 1, rest.size, file) == rest.size);
    fclose(file);
}

static void seed_messages(void) {
    struct wire_out out;
    wire_out_init(&out);
    for (size_t i = 0; i < wire_sample_count; i++) {
        wire_samples[i].make(&out);
        struct wire_message message = wire_out_message(&out);
        uint8_t frames = (uint8_t)(message.count - 1);
        uint8_t choice = (uint8_t)(2 * i + 1);
        seed_write("message", wire_samples[i].name, (struct span){&frames, 1}, message.frames[0]);
        seed_write("cursor", wire_samples[i].name, (struct span){&choice, 1}, message.frames[0]);
    }
    wire_out_fini(&out);
}

static const char *const pictures[] = {
    "i", "u", "d", "b", "s", "S", "y", "n", "v", "[]", "{}", "[iudbsSynv]", "{sisusd}", "*",
    "[i[i[i{s[S]}]]*]", "is;b[d]y", ";sv", "[[[[[[[[[[[[[[[[i]]]]]]]]]]]]]]]]", "[i}", "{vi}", "ii",
};

static void seed_pictures(void) {
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "picture_%02zu", i);
        seed_write("picture", name, span_of_text(pictures[i]), (struct span){NULL, 0});
    }
}

/* A value, and a picture that reads it. */
static void seed_value(const char *name, const char *picture, const wherry_value *value) {
    char head[128];
    int size = snprintf(head, sizeof head, "%c%s", (int)strlen(picture), picture);
    seed_write("value", name, (struct span){(uint8_t *)head, (size_t)size}, value_span(value));
}

static void seed_values(void) {
    wherry_value *value = NULL;
    CHECK(wherry_value_build(&value, "[iudbsSyn[i]]", (int64_t)-5, UINT64_MAX, 2.5, 1, "text",
                             "a\0b", (size_t)3, "\1\2", (size_t)2, (int64_t)300) == WHERRY_OK);
    seed_value("every_letter", "[iudbsSynv]", value);
    seed_value("skipped", "[*********]", value);
    wherry_value_release(&value);
    CHECK(wherry_value_build(&value, "{sisiisn[s]}", "width", (int64_t)1, "", (int64_t)70000,
                             (int64_t)9, "nine", "x") == WHERRY_OK);
    seed_value("map", "{sin[s]}", value);
    seed_value("map_as_value", "v", value);
    wherry_value_release(&value);
}

static wherry_err encode(struct bytes *out, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = call_encode_picture(out, picture, arguments);
    va_end(arguments);
    return err;
}

static void seed_calls(void) {
    struct bytes bytes = BYTES_EMPTY;
    CHECK(encode(&bytes, "is[d];by", (int64_t)1, "x", 0.5, "deep", 1, "raw", "abc", (size_t)3) ==
          WHERRY_OK);
    seed_write("call", "one", bytes_span(&bytes), (struct span){NULL, 0});
    bytes_clear(&bytes);
    call_encode(&bytes, &(struct call){.kind = CALL_CHUNK, .args = span_of_text("\x92\x91\x05\x90"),
                                       .starmap = true});
    seed_write("call", "chunk", bytes_span(&bytes), (struct span){NULL, 0});
    bytes_clear(&bytes);
    wire_put_failure(&bytes, &(struct wire_failure){WHERRY_E_TASK_FAILED, span_of_text("why"),
                                                    WIRE_CAUSE_EXIT, 3, span_of_text("host"), 9,
                                                    -1});
    seed_write("call", "failure", bytes_span(&bytes), (struct span){NULL, 0});
    bytes_free(&bytes);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds CORPUS_FOLDER\n");
        return 2;
    }
    corpus = argv[1];
    mkdir(corpus, 0777);
    seed_messages();
    seed_pictures();
    seed_values();
    seed_calls();
    return 0;
}
