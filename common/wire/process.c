/* SPDX-License-Identifier: MIT
 *
 * STATES [33, [place, state, name, …]]: what the Processes of a host do. A host says it on its own
 * account, and only what has changed. */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

void wire_states_begin(struct wire_out *out) {
    message_open(out, WIRE_STATES, 1);
    list_open(out);
}

void wire_states_item(struct wire_out *out, const struct wire_state *item) {
    pack_uint(&out->body, item->place);
    pack_uint(&out->body, item->state);
    pack_text(&out->body, item->name, WIRE_NAME_MAX);
    out->count++;
}

void wire_states_end(struct wire_out *out) {
    list_close(out, 3);
}

static bool state_read(struct cursor *cursor, struct wire_state *out) {
    return cursor_u32(cursor, &out->place) && cursor_u32(cursor, &out->state) &&
           cursor_str(cursor, WIRE_NAME_MAX, &out->name);
}

wherry_err wire_get_states(const struct wire_message *message, struct wire_items *out) {
    struct reader reader;
    struct wire_state state;
    *out = (struct wire_items){0};
    bool ok = reader_open(&reader, message, WIRE_STATES, 1) && reader_list(&reader, 3, out);
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = state_read(&reader.cursor, &state);
    }
    reader_list_end(&reader, out);
    return reader_close(&reader, ok);
}

bool wire_next_state(struct wire_items *items, struct wire_state *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = state_read(&cursor, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}
