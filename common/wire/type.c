/* SPDX-License-Identifier: MIT
 *
 * What kind of message is it, and the messages that are nothing but their kind.
 *
 * The four hot batches are not walked here: their readers check every byte, and twice would be
 * felt. */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

#include "common/err.h"

/* Tables by type: the reserved ones are known, so that a newer peer is not taken for a broken
 * one. */
static const char *const type_names[] = {
    [WIRE_HELLO] = "HELLO",
    [WIRE_GOODBYE] = "GOODBYE",
    [WIRE_BEAT] = "BEAT",
    [WIRE_SUBMIT] = "SUBMIT",
    [WIRE_ACK] = "ACK",
    [WIRE_CANCEL] = "CANCEL",
    [WIRE_CALL] = "CALL",
    [WIRE_RENUMBER] = "RENUMBER",
    [WIRE_CREDIT] = "CREDIT",
    [WIRE_RESULTS] = "RESULTS",
    [WIRE_GATE] = "GATE",
    [WIRE_DEATH] = "DEATH",
    [WIRE_DRAIN] = "DRAIN",
    [WIRE_STATES] = "STATES",
    [WIRE_HELLO_OK] = "HELLO_OK",
    [WIRE_HELLO_REQUIRED] = "HELLO_REQUIRED",
    [WIRE_SESSION_LOST] = "SESSION_LOST",
    [WIRE_REFUSED] = "REFUSED",
    [WIRE_BEAT_OK] = "BEAT_OK",
    [WIRE_ACCEPTED] = "ACCEPTED",
    [WIRE_ANSWERED] = "ANSWERED",
    [WIRE_RESULT] = "RESULT",
    [WIRE_ANSWER] = "ANSWER",
    [WIRE_PARKED] = "PARKED",
    [WIRE_DELIVER] = "DELIVER",
    [WIRE_RESULT_ACK] = "RESULT_ACK",
    [WIRE_CLOSE_GATE] = "CLOSE_GATE",
    [WIRE_LEASE_LOST] = "LEASE_LOST",
    [WIRE_DEATH_ACK] = "DEATH_ACK",
    [WIRE_SIGNAL] = "SIGNAL",
    [WIRE_SPAWN] = "SPAWN",
    [WIRE_STOP] = "STOP",
    [WIRE_OUTPUT] = "OUTPUT",
    [WIRE_MOVED] = "MOVED",
    [WIRE_LEAVE] = "LEAVE",
};

enum { TYPE_COUNT = sizeof type_names / sizeof type_names[0] };

const char *wire_type_name(enum wire_type type) {
    size_t index = (size_t)type;
    return index < TYPE_COUNT && type_names[index] != NULL ? type_names[index] : "unknown";
}

static bool type_is_hot(uint64_t type) {
    return type == WIRE_SUBMIT || type == WIRE_DELIVER || type == WIRE_RESULTS ||
           type == WIRE_RESULT;
}

/* Nothing but their type: no reader of their own looks at them. */
static bool type_is_plain(uint64_t type) {
    return type == WIRE_GOODBYE || type == WIRE_BEAT || type == WIRE_DRAIN ||
           type == WIRE_HELLO_REQUIRED || type == WIRE_BEAT_OK;
}

static bool type_has_epoch(uint64_t type) {
    return type >= WIRE_HELLO_OK;
}

/* The number in field `index` (0 or 1) of frame 0. */
static bool message_field(const struct wire_message *message, uint32_t index, uint64_t *out) {
    if (message->count < 1 || message->count > WIRE_FRAMES_MAX) {
        return false;
    }
    struct cursor cursor = cursor_of(message->frames[0]);
    uint32_t count;
    bool ok = cursor_array(&cursor, &count) && count > index && cursor_uint(&cursor, out);
    return ok && (index == 0 || cursor_uint(&cursor, out));
}

static bool message_is_whole(const struct wire_message *message) {
    struct cursor cursor = cursor_of(message->frames[0]);
    return cursor_skip(&cursor, WIRE_DEPTH_MAX) && cursor.at == cursor.end;
}

wherry_err wire_type_of(const struct wire_message *message, enum wire_type *out) {
    uint64_t type = 0;
    if (!message_field(message, 0, &type)) {
        return err_set(WHERRY_E_PROTOCOL, "not a message: no list that begins with its type");
    }
    if (type >= TYPE_COUNT || type_names[type] == NULL) {
        return err_set(WHERRY_E_PROTOCOL, "unknown message type %llu", (unsigned long long)type);
    }
    uint64_t epoch;
    if ((type_has_epoch(type) && !message_field(message, 1, &epoch)) ||
        (!type_is_hot(type) && !message_is_whole(message)) ||
        (type_is_plain(type) && message->count != 1)) {
        return err_set(WHERRY_E_PROTOCOL, "a malformed %s message", type_names[type]);
    }
    *out = (enum wire_type)type;
    return WHERRY_OK;
}

uint64_t wire_epoch_of(const struct wire_message *message) {
    uint64_t type;
    uint64_t epoch;
    bool known = message_field(message, 0, &type) && type_has_epoch(type) &&
                 message_field(message, 1, &epoch);
    return known ? epoch : 0;
}

void wire_put_plain(struct wire_out *out, enum wire_type type, uint64_t epoch) {
    bool broker = type_has_epoch((uint64_t)type);
    message_open(out, type, broker ? 1 : 0);
    if (broker) {
        pack_uint(&out->body, epoch);
    }
}
