/* SPDX-License-Identifier: MIT
 *
 * Building values from pictures; see value.h.
 *
 * The picture was checked as a whole before, so that one flat loop is enough: an opening bracket
 * writes its head with the count of what stands between, a closing one writes nothing. */
#include "common/value.h"

#include "common/bounds.h"
#include "common/err.h"
#include "common/picture.h"

#include <msgpack/pack.h>
#include <string.h>

struct builder {
    struct bytes *out;
    struct picture_args *arguments;
    uint32_t depth;     /* open brackets */
    uint32_t depth_max; /* the deepest so far, values put in included */
    wherry_err err;
};

static int builder_write(void *builder, const char *source, size_t size) {
    struct builder *self = builder;
    if (!bytes_reserve(self->out, size)) {
        self->err = err_set(WHERRY_E_NO_MEMORY, "no memory for a value of %zu bytes and more",
                            self->out->size + size);
        return -1;
    }
    if (size > 0) {
        memcpy(self->out->data + self->out->size, source, size);
        self->out->size += size;
    }
    return 0;
}

/* False, with the reason kept: such a string or byte string cannot be packed. */
static bool builder_takes(struct builder *builder, const void *data, size_t size) {
    if (data == NULL && size > 0) {
        builder->err = err_set(WHERRY_E_TYPE, "NULL was given for a string or bytes");
    } else if (size > UINT32_MAX) {
        builder->err = err_set(WHERRY_E_TYPE, "a string or bytes beyond 4 GiB");
    }
    return builder->err == WHERRY_OK;
}

static void build_string(struct builder *builder, msgpack_packer *packer, const char *text,
                         size_t size) {
    if (builder_takes(builder, text, size) && msgpack_pack_str(packer, size) == 0) {
        builder_write(builder, text, size);
    }
}

static void build_text(struct builder *builder, msgpack_packer *packer) {
    const char *text = va_arg(builder->arguments->list, const char *);
    build_string(builder, packer, text, text != NULL ? strlen(text) : 1);
}

static void build_bytes(struct builder *builder, msgpack_packer *packer) {
    const void *data = va_arg(builder->arguments->list, const void *);
    size_t size = va_arg(builder->arguments->list, size_t);
    if (builder_takes(builder, data, size) && msgpack_pack_bin(packer, size) == 0) {
        builder_write(builder, data, size);
    }
}

static void build_value(struct builder *builder) {
    const wherry_value *value = va_arg(builder->arguments->list, const wherry_value *);
    if (value == NULL) {
        builder->err = err_set(WHERRY_E_TYPE, "NULL was given for a value");
        return;
    }
    uint32_t depth = builder->depth + value->depth;
    if (depth > BOUND_TASK_ARGUMENTS_DEPTH) {
        builder->err = err_set(WHERRY_E_TYPE, "nested deeper than %d", BOUND_TASK_ARGUMENTS_DEPTH);
        return;
    }
    builder->depth_max = depth > builder->depth_max ? depth : builder->depth_max;
    builder_write(builder, (const char *)value->data, value->size);
}

static void build_bracket(struct builder *builder, msgpack_packer *packer, char letter,
                          const char *behind) {
    if (letter == ']' || letter == '}') {
        builder->depth--;
        return;
    }
    builder->depth++;
    builder->depth_max =
        builder->depth > builder->depth_max ? builder->depth : builder->depth_max;
    uint32_t count = picture_count(behind);
    if (letter == '[') {
        msgpack_pack_array(packer, count);
    } else {
        msgpack_pack_map(packer, count / 2);
    }
}

static void build_letter(struct builder *builder, char letter, const char *behind) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, builder, builder_write);
    va_list *list = &builder->arguments->list;
    switch (letter) {
    case 'i':
        msgpack_pack_int64(&packer, va_arg(*list, int64_t));
        break;
    case 'u':
        msgpack_pack_uint64(&packer, va_arg(*list, uint64_t));
        break;
    case 'd':
        msgpack_pack_double(&packer, va_arg(*list, double));
        break;
    case 'b':
        if (va_arg(*list, int) != 0) {
            msgpack_pack_true(&packer);
        } else {
            msgpack_pack_false(&packer);
        }
        break;
    case 's':
        build_text(builder, &packer);
        break;
    case 'S': {
        const char *text = va_arg(*list, const char *);
        build_string(builder, &packer, text, va_arg(*list, size_t));
        break;
    }
    case 'y':
        build_bytes(builder, &packer);
        break;
    case 'n':
        msgpack_pack_nil(&packer);
        break;
    case 'v':
        build_value(builder);
        break;
    default: /* the check let nothing else through */
        build_bracket(builder, &packer, letter, behind);
        break;
    }
}

static void build_name(struct builder *builder) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, builder, builder_write);
    build_text(builder, &packer);
}

/* Every item up to the end of the picture or a ';', which is consumed. */
static wherry_err build_items(struct builder *builder, const char **at, bool names) {
    for (char letter = picture_next(at); letter != '\0' && letter != ';';
         letter = picture_next(at)) {
        if (names && builder->depth == 0) {
            build_name(builder);
        }
        if (builder->err == WHERRY_OK) {
            build_letter(builder, letter, *at);
        }
        if (builder->err != WHERRY_OK) {
            return builder->err;
        }
    }
    return WHERRY_OK;
}

wherry_err value_pack_items(struct bytes *out, const char **at, struct picture_args *arguments,
                            bool names) {
    struct builder builder = {.out = out, .arguments = arguments};
    return build_items(&builder, at, names);
}

/* The struct's own bytes come first in the same allocation; `bytes` becomes the value. */
static wherry_err build_value_into(struct bytes *bytes, const char *picture,
                                   struct picture_args *arguments) {
    struct builder builder = {.out = bytes, .arguments = arguments};
    wherry_value head = {0};
    if (builder_write(&builder, (const char *)&head, sizeof head) != 0) {
        return builder.err;
    }
    const char *at = picture;
    wherry_err err = build_items(&builder, &at, false);
    if (err != WHERRY_OK) {
        return err;
    }
    wherry_value *value = (wherry_value *)(void *)bytes->data;
    value->data = bytes->data + sizeof *value;
    value->size = bytes->size - sizeof *value;
    value->depth = builder.depth_max;
    return WHERRY_OK;
}

wherry_err value_build_va(wherry_value **out, const char *picture, va_list arguments) {
    if (out == NULL) {
        return err_set(WHERRY_E_INVALID, "no place for the value");
    }
    wherry_err err = picture_check(picture, PICTURE_BUILD);
    if (err != WHERRY_OK) {
        return err;
    }
    struct picture_args copy;
    va_copy(copy.list, arguments);
    struct bytes bytes = BYTES_EMPTY;
    err = build_value_into(&bytes, picture, &copy);
    va_end(copy.list);
    if (err != WHERRY_OK) {
        bytes_free(&bytes);
        return err;
    }
    *out = (wherry_value *)(void *)bytes.data;
    return WHERRY_OK;
}

wherry_err wherry_value_build(wherry_value **out, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = value_build_va(out, picture, arguments);
    va_end(arguments);
    return err;
}
