/* SPDX-License-Identifier: MIT
 *
 * The messages between host and broker, and the runs of tokens that children get as well:
 *
 *     GATE        [30, place, generation, started]
 *     DEATH       [31, place, sequence, generation, started, cause, number, text, rss, [attempt…],
 *                  pid]
 *     RESULT_ACK  [61, epoch, [token epoch, first counter, count, …]]
 *     CLOSE_GATE  [70, epoch, place]
 *     LEASE_LOST  [71, epoch, place, [token epoch, first counter, count, …]]
 *     DEATH_ACK   [72, epoch, place, sequence]
 *     SIGNAL      [73, epoch, place, token epoch, counter, signal]
 *     SPAWN       [74, epoch, place]
 *     STOP        [75, epoch, place]
 *     LEAVE       [78, epoch, grace_ms] */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

void wire_put_gate(struct wire_out *out, const struct wire_gate *gate) {
    message_open(out, WIRE_GATE, 3);
    pack_uint(&out->body, gate->place);
    pack_uint(&out->body, gate->generation);
    pack_uint(&out->body, gate->started);
}

wherry_err wire_get_gate(const struct wire_message *message, struct wire_gate *out) {
    *out = (struct wire_gate){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_GATE, 3) &&
              cursor_u32(&reader.cursor, &out->place) &&
              cursor_u32(&reader.cursor, &out->generation) &&
              cursor_u32(&reader.cursor, &out->started);
    return reader_close(&reader, ok);
}

void wire_put_death(struct wire_out *out, const struct wire_death *death,
                    const struct wire_attempt *attempts, uint32_t attempt_count) {
    message_open(out, WIRE_DEATH, 10);
    struct bytes *body = &out->body;
    pack_uint(body, death->place);
    pack_uint(body, death->sequence);
    pack_uint(body, death->generation);
    pack_uint(body, death->started);
    pack_uint(body, death->cause);
    pack_int(body, death->cause_number);
    pack_text(body, death->text, WIRE_TEXT_MAX);
    pack_uint(body, death->rss_peak_bytes);
    pack_array(body, attempt_count);
    for (uint32_t i = 0; i < attempt_count; i++) {
        pack_attempt(body, &attempts[i]);
    }
    pack_int(body, death->pid);
}

wherry_err wire_get_death(const struct wire_message *message, struct wire_death *out) {
    *out = (struct wire_death){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_DEATH, 10) && cursor_u32(cursor, &out->place) &&
              cursor_uint(cursor, &out->sequence) && cursor_u32(cursor, &out->generation) &&
              cursor_u32(cursor, &out->started) && cursor_u32(cursor, &out->cause) &&
              cursor_i64(cursor, &out->cause_number) &&
              cursor_str(cursor, WIRE_TEXT_MAX, &out->text) &&
              cursor_uint(cursor, &out->rss_peak_bytes) &&
              reader_attempts(&reader, &out->attempts) && cursor_i64(cursor, &out->pid);
    return reader_close(&reader, ok);
}

/* ---- runs of tokens ---- */

static bool token_run_read(struct cursor *cursor, struct wire_token_run *out) {
    return cursor_uint(cursor, &out->epoch) && cursor_uint(cursor, &out->first) &&
           cursor_uint(cursor, &out->count) && out->first >= 1 && out->count >= 1 &&
           out->count - 1 <= UINT64_MAX - out->first;
}

bool wire_next_token_run(struct wire_items *items, struct wire_token_run *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = token_run_read(&cursor, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool token_runs_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 3, out);
    struct wire_token_run run;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = token_run_read(&reader->cursor, &run);
    }
    reader_list_end(reader, out);
    return ok;
}

void wire_put_tokens(struct wire_out *out, enum wire_type type, uint64_t epoch, uint32_t place,
                     const struct wire_token_run *runs, uint32_t run_count) {
    bool with_place = type == WIRE_LEASE_LOST;
    CHECK(with_place || type == WIRE_RESULT_ACK);
    message_open(out, type, with_place ? 3 : 2);
    pack_uint(&out->body, epoch);
    if (with_place) {
        pack_uint(&out->body, place);
    }
    pack_array(&out->body, run_count * 3);
    for (uint32_t i = 0; i < run_count; i++) {
        pack_uint(&out->body, runs[i].epoch);
        pack_uint(&out->body, runs[i].first);
        pack_uint(&out->body, runs[i].count);
    }
}

wherry_err wire_get_tokens(const struct wire_message *message, struct wire_tokens *out) {
    *out = (struct wire_tokens){0};
    struct reader reader;
    bool with_place = true;
    bool ok = reader_open(&reader, message, WIRE_LEASE_LOST, 3);
    if (!ok) {
        with_place = false;
        ok = reader_open(&reader, message, WIRE_RESULT_ACK, 2);
    }
    ok = ok && cursor_uint(&reader.cursor, &out->epoch) &&
         (!with_place || cursor_u32(&reader.cursor, &out->place)) &&
         token_runs_read(&reader, &out->runs);
    return reader_close(&reader, ok);
}

/* ---- one place, one thing ---- */

static void note_put(struct wire_out *out, enum wire_type type, const struct wire_place_note *note,
                     bool with_sequence) {
    message_open(out, type, with_sequence ? 3 : 2);
    pack_uint(&out->body, note->epoch);
    pack_uint(&out->body, note->place);
    if (with_sequence) {
        pack_uint(&out->body, note->sequence);
    }
}

static wherry_err note_get(const struct wire_message *message, enum wire_type type,
                           bool with_sequence, struct wire_place_note *out) {
    *out = (struct wire_place_note){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, type, with_sequence ? 3 : 2) &&
              cursor_uint(&reader.cursor, &out->epoch) &&
              cursor_u32(&reader.cursor, &out->place) &&
              (!with_sequence || cursor_uint(&reader.cursor, &out->sequence));
    return reader_close(&reader, ok);
}

void wire_put_close_gate(struct wire_out *out, const struct wire_place_note *note) {
    note_put(out, WIRE_CLOSE_GATE, note, false);
}

wherry_err wire_get_close_gate(const struct wire_message *message, struct wire_place_note *out) {
    return note_get(message, WIRE_CLOSE_GATE, false, out);
}

void wire_put_spawn(struct wire_out *out, const struct wire_place_note *note) {
    note_put(out, WIRE_SPAWN, note, false);
}

wherry_err wire_get_spawn(const struct wire_message *message, struct wire_place_note *out) {
    return note_get(message, WIRE_SPAWN, false, out);
}

void wire_put_stop(struct wire_out *out, const struct wire_place_note *note) {
    note_put(out, WIRE_STOP, note, false);
}

wherry_err wire_get_stop(const struct wire_message *message, struct wire_place_note *out) {
    return note_get(message, WIRE_STOP, false, out);
}

void wire_put_death_ack(struct wire_out *out, const struct wire_place_note *note) {
    note_put(out, WIRE_DEATH_ACK, note, true);
}

wherry_err wire_get_death_ack(const struct wire_message *message, struct wire_place_note *out) {
    return note_get(message, WIRE_DEATH_ACK, true, out);
}

void wire_put_signal(struct wire_out *out, const struct wire_signal *message) {
    message_open(out, WIRE_SIGNAL, 5);
    pack_uint(&out->body, message->epoch);
    pack_uint(&out->body, message->place);
    pack_uint(&out->body, message->token.epoch);
    pack_uint(&out->body, message->token.counter);
    pack_uint(&out->body, message->signal);
}

wherry_err wire_get_signal(const struct wire_message *message, struct wire_signal *out) {
    *out = (struct wire_signal){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_SIGNAL, 5) && cursor_uint(cursor, &out->epoch) &&
              cursor_u32(cursor, &out->place) && cursor_uint(cursor, &out->token.epoch) &&
              cursor_uint(cursor, &out->token.counter) && cursor_u32(cursor, &out->signal);
    return reader_close(&reader, ok);
}

void wire_put_leave(struct wire_out *out, const struct wire_leave *message) {
    message_open(out, WIRE_LEAVE, 2);
    pack_uint(&out->body, message->epoch);
    pack_int(&out->body, message->grace_ms);
}

wherry_err wire_get_leave(const struct wire_message *message, struct wire_leave *out) {
    *out = (struct wire_leave){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_LEAVE, 2) &&
              cursor_uint(&reader.cursor, &out->epoch) &&
              cursor_patience(&reader.cursor, &out->grace_ms);
    return reader_close(&reader, ok);
}
