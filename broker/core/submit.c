/* SPDX-License-Identifier: MIT
 *
 * Submit: see submit.h. What is the same for all items of a batch (queue, lane, whether anything is
 * taken at all) is found out once; an ordinary item then costs a comparison with the last accepted
 * number, a record, an index entry and a place in the FIFO.
 *
 * Refusals are remembered in memory only. A restart forgets them, but it also ends the connections
 * on which a late copy could still travel; a client that got a refusal never sends that number
 * again. */
#include "broker/core/submit.h"

#include "broker/core/process.h"
#include "broker/core/putter.h"
#include "broker/core/hot.h"

struct batch { /* one SUBMIT while its items are taken in */
    uint32_t session;
    uint32_t stream;
    uint32_t lane;
    struct home home;
    const struct event_submit *submit;
    wherry_err err; /* not OK: every new item is refused so */
    const char *why;
};

/* ---- answers -------------------------------------------------------------------------------- */

void submit_acknowledge(struct engine *engine, uint32_t index, uint64_t acked) {
    struct stream *stream = stream_at(engine, index);
    if (answers_acknowledge(&stream->answers, acked)) {
        runs_drop_until(&stream->pending, acked);
    }
}

static void submit_tell_by(struct engine *engine, uint32_t index, struct effects *sink) {
    struct stream *stream = stream_at(engine, index);
    uint32_t count = stream->pending.count;
    if (count == 0) {
        return;
    }
    struct wire_run *runs = effects_alloc(sink, count * sizeof(*runs));
    for (uint32_t i = 0; i < count; i++) {
        runs[i] = stream->pending.items[i];
    }
    stream->pending.count = 0;
    struct effect *effect =
        effects_add(sink, EFFECT_ACCEPTED, session_at(engine, stream->session)->route);
    effect->numbers.slot = stream->slot;
    effect->numbers.runs = runs;
    effect->numbers.run_count = count;
    if (PLANTED(PLANT_ANSWERS_FORGOTTEN)) {
        stream->answers.accepted.count = 0;
    }
}

void submit_tell(struct engine *engine, uint32_t index) {
    submit_tell_by(engine, index, engine_sink(engine));
}

/* What of this message waits: its client must not hold back others meanwhile. Depends on nothing
 * that is stored. */
static void submit_tell_parked(struct engine *engine, uint32_t index,
                               const struct event_submit *submit) {
    const struct stream *stream = stream_at(engine, index);
    struct wire_run *runs = effects_alloc(engine->out, submit->item_count * sizeof(*runs));
    uint32_t count = 0;
    for (uint32_t i = 0; i < submit->item_count; i++) {
        uint64_t number = submit->items[i].number;
        struct wire_run *last = count == 0 ? NULL : &runs[count - 1];
        if ((stream_entry(stream, number) & INDEX_WAITER) == 0) {
            continue;
        }
        if (last != NULL && last->first + last->count == number) {
            last->count++;
        } else {
            runs[count++] = (struct wire_run){.first = number, .count = 1};
        }
    }
    effects_trim(engine->out, runs, count * sizeof(*runs));
    if (count > 0 && !PLANTED(PLANT_PARKED_UNTOLD)) {
        struct effect *effect =
            effects_add(engine->out, EFFECT_PARKED, session_at(engine, stream->session)->route);
        effect->numbers.slot = stream->slot;
        effect->numbers.runs = runs;
        effect->numbers.run_count = count;
    }
}

void submit_answer(struct engine *engine, uint32_t index, uint64_t number, wherry_err err,
                   const char *text) {
    const struct stream *stream = stream_at(engine, index);
    struct effect *effect = effects_add(engine_sink(engine), EFFECT_ANSWERED,
                                        session_at(engine, stream->session)->route);
    effect->answered.slot = stream->slot;
    effect->answered.number = number;
    effect->answered.err = err;
    effect->answered.text = span_of_text(text);
}

static void submit_count_refusal(struct engine *engine, wherry_err err) {
    if (err == WHERRY_E_FULL) {
        engine->counts.refused_full++;
    } else if (err == WHERRY_E_RESULTS_FULL) {
        engine->counts.refused_results_full++;
    } else if (err == WHERRY_E_TOO_LARGE) {
        engine->counts.refused_too_large++;
    } else {
        engine->counts.refused_other++;
    }
}

/* `stored`: over restarts, too. */
static void submit_remember(struct engine *engine, uint32_t index, uint64_t number, wherry_err err,
                            bool stored) {
    struct stream *stream = stream_at(engine, index);
    submit_count_refusal(engine, err);
    if (answers_bytes(&stream->answers) < BOUND_ANSWERS_BYTES) {
        answers_add_single(
            &stream->answers,
            (struct answer_single){.number = number, .err = (uint8_t)err, .stored = stored});
    }
}

void submit_refuse(struct engine *engine, uint32_t index, uint64_t number, wherry_err err,
                   const char *text) {
    submit_remember(engine, index, number, err, false);
    submit_answer(engine, index, number, err, text);
}

void submit_refuse_for_good(struct engine *engine, uint32_t index, uint64_t number, wherry_err err,
                            const char *text) {
    submit_remember(engine, index, number, err, true);
    sessions_store(engine, stream_at(engine, index)->session);
    submit_answer(engine, index, number, err, text);
}

void submit_renumber(struct engine *engine, uint32_t index, uint64_t from, uint64_t to) {
    struct stream *stream = stream_at(engine, index);
    answers_add_single(&stream->answers, (struct answer_single){.number = from,
                                                                .ahead = (uint32_t)(to - from),
                                                                .err = WHERRY_E_RENUMBERED,
                                                                .stored = !PLANTED(
                                                                    PLANT_RENUMBER_UNSTORED)});
    sessions_store(engine, stream->session);
    submit_answer(engine, index, from, WHERRY_E_RENUMBERED, "it waits under its new number");
}

static const char *submit_words(uint32_t err) {
    return err == WHERRY_E_FULL ? "the queue is full" : wherry_err_text((wherry_err)err);
}

/* ---- accepting ------------------------------------------------------------------------------ */

static inline uint32_t submit_make(struct engine *engine, const struct home *home, uint64_t number,
                                   uint64_t arrival, struct payload payload) {
    uint32_t index = slab_take(&engine->tasks);
    struct task *task = task_at(engine, index);
    task->stream =
        home->stream_index; /* one by one: a compound literal is built on the stack first */
    task_set_number(task, number);
    task_set_arrival(task, arrival);
    task_set_counter(task, 0);
    task->lane = (uint16_t)home->lane_index;
    task->payload = payload.handle;
    task->payload_size = payload.size;
    task->links = (struct links){0, 0};
    task->state = TASK_MOVING;
    task->status = 0;
    task->flags = 0;
    home->stream->tasks++;
    home->lane->tasks++;
    hot_set_entry(engine, home->stream, number, index);
    return index;
}

uint32_t submit_make_task(struct engine *engine, const struct submit_task *from) {
    struct home home = HOME_UNKNOWN;
    struct task names = {.stream = from->stream, .lane = (uint16_t)from->lane};
    home_find(engine, &home, &names);
    return submit_make(engine, &home, from->number, from->arrival, from->payload);
}

/* A resubmission is older than this epoch; one that may run once only is not started on a guess.
 * One that was only renumbered is as new as any. */
static void submit_take_origin(struct engine *engine, uint32_t index, struct task_id origin) {
    struct task *task = task_at(engine, index);
    const struct lane *lane = lane_at(engine, task->lane);
    bool older = session_at(engine, stream_at(engine, task->stream)->session)->id != origin.session;
    task->flags |= older ? TASK_OLD : 0;
    cold_set_origin(engine, index, origin);
    if (older && (lane->options.flags & TASK_ONCE) != 0 && !engine->grace.over) {
        task->state = TASK_HELD;
        queue_count(engine, lane->queue, task->payload_size);
        grace_suspect(engine, index);
    } else {
        lane_append(engine, index);
    }
}

/* Makes the record; the number is noted as accepted by the caller. */
static void submit_take(struct engine *engine, const struct home *home,
                        const struct event_submit_item *item) {
    uint32_t index = submit_make(engine, home, item->number, engine->next_arrival++, item->payload);
    if ((home->lane->options.flags & TASK_PROCESS) != 0) {
        process_enter(engine, index);
    }
    if (item->has_origin && cold_find_origin(engine, item->origin) == 0) {
        submit_take_origin(engine, index, item->origin);
        persist_task(engine, index);
        grace_match(engine, index);
        return;
    }
    hot_append(engine, home, index);
    persist_task(engine, index);
}

static void submit_accept_home(struct engine *engine, const struct home *home,
                               const struct event_submit_item *item) {
    runs_add(&home->stream->answers.accepted, item->number);
    runs_add(&home->stream->pending, item->number);
    engine->counts.submitted++;
    submit_take(engine, home, item);
}

void submit_accept(struct engine *engine, uint32_t lane, uint32_t stream,
                   const struct event_submit_item *item) {
    struct home home = HOME_UNKNOWN;
    struct task names = {.stream = stream, .lane = (uint16_t)lane};
    home_find(engine, &home, &names);
    submit_accept_home(engine, &home, item);
}

/* ---- items ---------------------------------------------------------------------------------- */

/* A resubmission: a broker before this one may have had it. */
static bool submit_is_older(const struct engine *engine, const struct batch *batch,
                            const struct event_submit_item *item) {
    return item->has_origin && item->origin.session != session_at(engine, batch->session)->id;
}

/* OK, or why this new item cannot be taken, now or at all. */
static wherry_err submit_admissible(struct engine *engine, const struct batch *batch,
                                    const struct event_submit_item *item, const char **why) {
    const struct queue *queue = batch->home.queue;
    bool older = submit_is_older(engine, batch, item);
    if (item->payload.size > engine->config.payload_max) {
        *why = "larger than the broker's payload limit";
        return WHERRY_E_TOO_LARGE;
    }
    if (queue_never_fits(queue, item->payload.size)) {
        *why = "larger than the queue's bound in bytes";
        return WHERRY_E_TOO_LARGE;
    }
    if (queue_refuses(queue, older)) {
        *why = "the queue is paused and refuses new work until it is resumed";
        return WHERRY_E_CLOSED;
    }
    if (engine->counts.results_bytes >= engine->config.results_bytes_max && !older &&
        (batch->submit->options.flags & TASK_NO_RESULT) == 0) {
        *why = "the broker keeps as many result bytes as it may; get some results first";
        return WHERRY_E_RESULTS_FULL;
    }
    if (engine->counts.payload_bytes > engine->config.memory_bytes_max) {
        *why = "the broker's memory limit is reached";
        return WHERRY_E_FULL;
    }
    if (!queue_is_open(queue, older)) {
        *why = "the queue is paused and takes nothing in until it is resumed";
        return WHERRY_E_BUSY;
    }
    if (queue->putters.count > 0 || !queue_has_room(queue, item->payload.size)) {
        *why = "the queue is full";
        return WHERRY_E_BUSY; /* may wait */
    }
    return WHERRY_OK;
}

/* What a broker had accepted that forgot it comes back, and what comes back is always taken:
 * refused it would be lost, parked it would be unknown to whoever asks for it by its id. */
static void submit_new(struct engine *engine, const struct batch *batch,
                       const struct event_submit_item *item) {
    const char *why = batch->why;
    wherry_err err = batch->err;
    bool older = submit_is_older(engine, batch, item);
    bool again = batch->submit->again && older;
    if (err == WHERRY_E_DRAINING && older) {
        err = WHERRY_OK; /* the next broker will have it, too */
    }
    if (err == WHERRY_OK && !again) {
        err = submit_admissible(engine, batch, item, &why);
    }
    if (err == WHERRY_OK) {
        submit_accept_home(engine, &batch->home, item);
    } else if (err == WHERRY_E_BUSY && batch->submit->wait_ms != 0) {
        struct putter_place where = {batch->session, batch->stream, batch->lane,
                                     batch->submit->wait_ms};
        putter_park(engine, &where, item);
    } else {
        engine_free_payload(engine, item->payload);
        submit_refuse(engine, batch->stream, item->number,
                      err == WHERRY_E_BUSY ? WHERRY_E_FULL : err, why);
    }
}

/* True: the number was seen before, and this copy is dealt with. */
static bool submit_repeated(struct engine *engine, const struct batch *batch,
                            const struct event_submit_item *item) {
    struct stream *stream = stream_at(engine, batch->stream);
    uint32_t err = 0;
    uint32_t entry = stream->putters > 0 ? stream_entry(stream, item->number) : 0;
    if ((entry & INDEX_WAITER) != 0) {
        putter_again(engine, entry & ~INDEX_WAITER, item, batch->submit->wait_ms);
        return true;
    }
    if (PLANTED(PLANT_REPEAT_UNKNOWN)) {
        return false;
    }
    enum answer_kind kind = answers_find(&stream->answers, item->number, &err);
    if (kind == ANSWER_NONE) {
        return false;
    }
    engine->counts.duplicates++;
    engine_free_payload(engine, item->payload);
    if (kind == ANSWER_ACCEPTED) {
        runs_add(&stream->pending, item->number);
    } else if (kind == ANSWER_SINGLE) {
        submit_answer(engine, batch->stream, item->number, (wherry_err)err, submit_words(err));
    }
    return true;
}

/* Above everything that was ever answered: the usual case, decided without a search. */
static bool submit_is_next(const struct stream *stream, uint64_t number) {
    const struct runs *runs = &stream->answers.accepted;
    uint64_t end = stream->answers.acked + 1;
    if (runs->count > 0) {
        end = runs->items[runs->count - 1].first + runs->items[runs->count - 1].count;
    }
    return number >= end && stream->answers.single_count == 0 && stream->putters == 0;
}

static void submit_item(struct engine *engine, const struct batch *batch,
                        const struct event_submit_item *item) {
    struct stream *stream = stream_at(engine, batch->stream);
    if (!submit_is_next(stream, item->number) && submit_repeated(engine, batch, item)) {
        return;
    }
    if (item->number == 0 || item->number >> 48 != 0 ||
        item->number > stream->answers.acked + engine->config.window) {
        engine_free_payload(engine, item->payload);
        engine->counts.refused_other++;
        submit_answer(engine, batch->stream, item->number, WHERRY_E_LIMIT,
                      "beyond the window of unanswered requests");
        return;
    }
    submit_new(engine, batch, item);
}

/* ---- the batch ------------------------------------------------------------------------------ */

/* The lane, or why there is none. */
static void submit_find_lane(struct engine *engine, struct batch *batch) {
    const struct event_submit *submit = batch->submit;
    struct stream *stream = stream_at(engine, batch->stream);
    if (stream->lane != 0 &&
        lane_is(engine, stream->lane, submit->queue, submit->function, &submit->options)) {
        batch->lane = stream->lane;
        return;
    }
    if (id_slot_of_name(submit->queue) != submit->slot || submit->function.size == 0 ||
        submit->function.size > WIRE_NAME_MAX) {
        batch->err = WHERRY_E_INVALID;
        batch->why = "the slot is not the queue's, or the function's name is empty or too long";
        return;
    }
    if ((submit->options.flags & (TASK_PROCESS | TASK_ONCE)) == TASK_PROCESS) {
        batch->err = WHERRY_E_INVALID;
        batch->why = "a Process may run once only";
        return;
    }
    uint32_t queue = queue_intern(engine, submit->queue, &batch->err);
    if (queue == 0) {
        batch->why = batch->err == WHERRY_E_LIMIT ? "too many queues" : "not a queue's name";
        return;
    }
    batch->lane = lane_intern(engine, queue, submit->function, &submit->options);
    if (batch->lane == 0) {
        batch->err = WHERRY_E_LIMIT;
        batch->why = "too many different (queue, function, options)";
        return;
    }
    stream->lane = (uint16_t)batch->lane;
}

/* Nothing to decide: consecutive new numbers, nobody waits, and room for all of them. This is what
 * a busy client sends; items then cost nothing but their records. */
static bool submit_is_plain(const struct engine *engine, const struct batch *batch) {
    const struct event_submit *submit = batch->submit;
    const struct queue *queue = batch->home.queue;
    const struct stream *stream = batch->home.stream;
    uint64_t first = submit->item_count > 0 ? submit->items[0].number : 0;
    uint64_t bytes = 0;
    uint32_t largest = 0;
    bool consecutive = first > 0;
    for (uint32_t i = 0; i < submit->item_count; i++) {
        uint32_t size = submit->items[i].payload.size;
        consecutive = consecutive && submit->items[i].number == first + i;
        largest = size > largest ? size : largest;
        bytes += size;
    }
    uint64_t last = first + submit->item_count - 1;
    return consecutive && submit_is_next(stream, first) && last >> 48 == 0 &&
           last <= stream->answers.acked + engine->config.window &&
           largest <= engine->config.payload_max && queue->putters.count == 0 &&
           queue_is_open(queue, false) &&
           queue->depth + queue->reserved + submit->item_count <= queue->items_max &&
           queue->depth_bytes + queue->reserved_bytes + bytes <= queue->bytes_max &&
           engine->counts.results_bytes < engine->config.results_bytes_max &&
           engine->counts.payload_bytes <= engine->config.memory_bytes_max;
}

static void submit_items(struct engine *engine, const struct batch *batch) {
    const struct event_submit *submit = batch->submit;
    if (batch->err != WHERRY_OK || !submit_is_plain(engine, batch)) {
        for (uint32_t i = 0; i < submit->item_count; i++) {
            submit_item(engine, batch, &submit->items[i]);
        }
        return;
    }
    runs_add_many(&batch->home.stream->answers.accepted, submit->items[0].number,
                  submit->item_count);
    runs_add_many(&batch->home.stream->pending, submit->items[0].number, submit->item_count);
    engine->counts.submitted += submit->item_count;
    for (uint32_t i = 0; i < submit->item_count; i++) {
        submit_take(engine, &batch->home, &submit->items[i]);
    }
}

static void submit_free_all(struct engine *engine, const struct event_submit *submit) {
    for (uint32_t i = 0; i < submit->item_count; i++) {
        engine_free_payload(engine, submit->items[i].payload);
    }
}

/* No stream: the answer cannot be remembered, and need not be. */
static void submit_refuse_all(struct engine *engine, uint32_t session,
                              const struct event_submit *submit) {
    for (uint32_t i = 0; i < submit->item_count; i++) {
        struct effect *effect =
            effects_add(engine->out, EFFECT_ANSWERED, session_at(engine, session)->route);
        effect->answered.slot = submit->slot;
        effect->answered.number = submit->items[i].number;
        effect->answered.err = WHERRY_E_LIMIT;
        effect->answered.text = span_of_text("too many slots in one session");
    }
    engine->counts.refused_other += submit->item_count;
    submit_free_all(engine, submit);
}

void submit_receive(struct engine *engine, uint32_t session, const struct event_submit *submit) {
    struct batch batch = {.session = session, .submit = submit, .err = WHERRY_OK};
    batch.stream = submit->slot < ID_SLOTS ? stream_of(engine, session, submit->slot) : 0;
    if (batch.stream == 0) {
        submit_refuse_all(engine, session, submit);
        return;
    }
    submit_acknowledge(engine, batch.stream, submit->acked);
    submit_find_lane(engine, &batch);
    if (batch.err == WHERRY_OK) {
        struct task names = {.stream = batch.stream, .lane = (uint16_t)batch.lane};
        home_find(engine, &batch.home, &names);
    }
    if (batch.err == WHERRY_OK && engine->draining) {
        batch.err = WHERRY_E_DRAINING;
        batch.why = "the broker is going down";
    } else if (batch.err == WHERRY_OK && engine->store_full) {
        batch.err = WHERRY_E_STORE_FULL;
        batch.why = "the broker's store has no space for new work";
    }
    uint64_t repeated = engine->counts.duplicates;
    uint64_t accepted = engine->counts.submitted;
    submit_items(engine, &batch);
    engine->counts.taken_again += submit->again ? engine->counts.submitted - accepted : 0;
    if (stream_at(engine, batch.stream)->putters > 0) {
        submit_tell_parked(engine, batch.stream, submit);
    }
    if (engine->counts.duplicates != repeated) {
        submit_tell_by(engine, batch.stream,
                       PLANTED(PLANT_DUPLICATE_AT_ONCE) ? engine->out : engine_sink(engine));
    } else if (submit->want_ack) {
        submit_tell(engine, batch.stream);
    }
}
