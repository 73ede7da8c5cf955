/* SPDX-License-Identifier: MIT
 *
 * Questions (CALL and ANSWER), and the settling of tasks by their id.
 *
 * Every question can be put twice without harm, so that after a reconnect all open ones are put
 * again under their old number; an answer to a number that is not open is late and means nothing.
 *
 * Settling: after a SESSION_LOST that forbids resubmission, each task that was sent is asked for by
 * its id (TASK_WAIT). What the broker answers is its outcome; "unknown" says that an accepted
 * task's result is gone, and of an unanswered one nothing for certain: UNCERTAIN (rules.md §2.3,
 * §2.5). */
#include "client/session_internal.h"
#include "common/wire/body.h"

#include <stdlib.h>
#include <string.h>

static void session_call_free(struct session_call_entry *entry) {
    bytes_free(&entry->body);
    free(entry);
}

static wherry_err session_call_add(struct session *session, enum wire_verb verb, struct span body,
                                   int64_t timeout_ms, struct session_call_entry **out) {
    struct session_call_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL || !bytes_reserve(&entry->body, body.size)) {
        free(entry);
        return WHERRY_E_NO_MEMORY;
    }
    bytes_append(&entry->body, body.data, body.size);
    entry->call = session->call_next++;
    entry->verb = verb;
    bool about_task = verb == WIRE_TASK_WAIT || verb == WIRE_TASK_CANCEL || verb == WIRE_WAITING;
    if (!about_task || body_get_id(body, &entry->about) != WHERRY_OK) {
        entry->about.session = 0;
    }
    bool endless = timeout_ms < 0 || timeout_ms > (INT64_MAX - session->now_us) / 1000;
    entry->deadline_us = endless ? INT64_MAX : session->now_us + timeout_ms * 1000;
    if (session->calls_last != NULL) {
        session->calls_last->following = entry;
    } else {
        session->calls = entry;
    }
    session->calls_last = entry;
    session->call_count++;
    session->calls_unsent++;
    *out = entry;
    return WHERRY_OK;
}

wherry_err session_call(struct session *session, enum wire_verb verb, struct span body,
                        int64_t timeout_ms, uint64_t thread, void *owner, int64_t now_us,
                        uint64_t *call) {
    session->now_us = now_us;
    if (session->failed != WHERRY_OK) {
        return session->failed;
    }
    if (session->call_count >= BOUND_CALLS) {
        return WHERRY_E_LIMIT;
    }
    struct session_call_entry *entry = NULL;
    wherry_err err = session_call_add(session, verb, body, timeout_ms, &entry);
    if (err == WHERRY_OK) {
        entry->owner = owner;
        entry->thread = thread;
        *call = entry->call;
    }
    return err;
}

static struct session_call_entry *session_call_find(struct session *session, uint64_t call) {
    struct session_call_entry *at = session->calls;
    while (at != NULL && at->call != call) {
        at = at->following;
    }
    return at;
}

static void session_call_unlink(struct session *session, struct session_call_entry *entry) {
    struct session_call_entry *before = NULL;
    for (struct session_call_entry *at = session->calls; at != entry; at = at->following) {
        before = at;
    }
    if (before != NULL) {
        before->following = entry->following;
    } else {
        session->calls = entry->following;
    }
    if (session->calls_last == entry) {
        session->calls_last = before;
    }
    session->call_count--;
    session->calls_unsent -= entry->sent ? 0 : 1;
}

void session_call_forget(struct session *session, uint64_t call) {
    struct session_call_entry *entry = session_call_find(session, call);
    if (entry != NULL && entry->settle == NULL) {
        session_call_unlink(session, entry);
        session_call_free(entry);
    }
}

void session_call_disown(struct session *session, uint64_t call) {
    struct session_call_entry *entry = session_call_find(session, call);
    if (entry != NULL) {
        entry->owner = NULL;
    }
}

void session_calls_rewind(struct session *session) {
    for (struct session_call_entry *at = session->calls; at != NULL; at = at->following) {
        at->sent = false;
    }
    session->calls_unsent = session->call_count;
}

/* A question about a task of this session must not overtake the task: asked about a number that it
 * has not seen, the broker settles it as never submitted, and refuses the submit that follows. */
static bool session_call_overtakes(const struct session *session,
                                   const struct session_call_entry *entry) {
    if (entry->about.session != session->id || entry->about.slot >= ID_SLOTS) {
        return false;
    }
    const struct session_record *record =
        session_record_find(session->by_slot[entry->about.slot], entry->about.number);
    return record != NULL && session_record_unsent(record);
}

static struct session_call_entry *session_call_next(const struct session *session) {
    struct session_call_entry *entry = session->calls;
    while (entry != NULL && (entry->sent || session_call_overtakes(session, entry))) {
        entry = entry->following;
    }
    return entry;
}

bool session_call_ready(const struct session *session) {
    return session->calls_unsent > 0 && session_call_next(session) != NULL;
}

bool session_call_send(struct session *session, struct wire_out *out) {
    struct session_call_entry *entry = session_call_next(session);
    if (entry == NULL) {
        return false;
    }
    int64_t left_ms = -1;
    if (entry->deadline_us != INT64_MAX) {
        left_ms = (entry->deadline_us - session->now_us) / 1000;
        left_ms = left_ms < 0 ? 0 : left_ms;
    }
    struct wire_call message = {
        .call = entry->call,
        .verb = entry->verb,
        .timeout_ms = left_ms,
        .thread = entry->thread,
        .body = bytes_span(&entry->body),
    };
    wire_put_call(out, &message);
    entry->sent = true;
    session->calls_unsent--;
    return true;
}

/* ---- settling ------------------------------------------------------------------------------- */

void session_settle_add(struct session *session, struct task_id id, struct task_id key,
                        const struct session_record *record) {
    struct session_settle *settle = calloc(1, sizeof *settle);
    if (settle == NULL) {
        struct session_outcome outcome = {.err = WHERRY_E_UNCERTAIN,
                                          .text = span_of_text("out of memory while settling")};
        if (record->owner != NULL) {
            session->ops.finished(session->context, record->owner, &outcome);
        }
        return;
    }
    *settle = (struct session_settle){
        .following = session->settling,
        .id = id,
        .key = key,
        .owner = record->owner,
        .accepted = record->state == SESSION_TASK_ACCEPTED,
        .cancel = (record->flags & SESSION_CANCEL_ASKED) != 0,
    };
    session->settling = settle;
}

struct session_settle *session_settle_find(struct session *session, struct task_id key) {
    struct session_settle *at = session->settling;
    while (at != NULL && !task_id_equal(at->key, key)) {
        at = at->following;
    }
    return at;
}

static void session_settle_ask(struct session *session, struct session_settle *settle) {
    uint8_t packed[64];
    struct bytes body = {packed, 0, sizeof packed}; /* an id needs 18 bytes: it never grows */
    body_put_id(&body, settle->id);
    struct session_call_entry *entry = NULL;
    if (settle->cancel) {
        session_call_add(session, WIRE_TASK_CANCEL, bytes_span(&body), -1, &entry);
        settle->cancel = false;
    }
    if (session_call_add(session, WIRE_TASK_WAIT, bytes_span(&body), -1, &entry) == WHERRY_OK) {
        entry->settle = settle;
        settle->asked = true;
        session->settle_asked++;
    }
}

void session_settle_more(struct session *session) {
    struct session_settle *at = session->settling;
    while (at != NULL && session->settle_asked < SESSION_SETTLING) {
        if (!at->asked) {
            session_settle_ask(session, at);
        }
        at = at->following;
    }
}

static void session_settle_end(struct session *session, struct session_settle *settle,
                               const struct session_outcome *outcome) {
    struct session_settle **at = &session->settling;
    while (*at != settle) {
        at = &(*at)->following;
    }
    *at = settle->following;
    session->settle_asked -= settle->asked ? 1 : 0;
    if (settle->owner != NULL) {
        session->ops.finished(session->context, settle->owner, outcome);
    }
    free(settle);
}

static void session_settle_answer(struct session *session, struct session_settle *settle,
                                  const struct wire_answer *answer) {
    struct session_outcome outcome = {.err = (wherry_err)answer->err, .text = answer->text};
    struct body_outcome body;
    if (answer->err == WHERRY_OK && body_get_outcome(answer->body, &body) == WHERRY_OK) {
        session_outcome_of(body.status, body.payload, &outcome);
        outcome.frame = answer->frame;
    } else if (settle->accepted) {
        outcome.err = answer->err == WHERRY_E_EXPIRED ? WHERRY_E_EXPIRED : WHERRY_E_SESSION_LOST;
        outcome.text = span_of_text("the broker forgot this session; the task was accepted and may "
                                    "have run, its result is gone");
    } else {
        outcome.err = WHERRY_E_UNCERTAIN;
        outcome.text =
            span_of_text("the broker forgot this session before it answered: whether the "
                         "task was accepted is unknown");
    }
    session_settle_end(session, settle, &outcome);
}

/* ---- answers -------------------------------------------------------------------------------- */

void session_call_answer(struct session *session, const struct wire_answer *answer) {
    struct session_call_entry *entry = session_call_find(session, answer->call);
    if (entry == NULL) {
        return;
    }
    session_call_unlink(session, entry);
    if (entry->settle != NULL) {
        session_settle_answer(session, entry->settle, answer);
        session_settle_more(session);
    } else if (entry->owner != NULL) {
        struct session_outcome outcome = {
            .err = (wherry_err)answer->err,
            .text = answer->text,
            .payload = answer->body,
            .frame = answer->frame,
        };
        session->ops.answered(session->context, entry->owner, &outcome);
    }
    session_call_free(entry);
}

void session_calls_end(struct session *session, const struct session_outcome *outcome) {
    while (session->calls != NULL) {
        struct session_call_entry *entry = session->calls;
        session_call_unlink(session, entry);
        if (entry->owner != NULL) {
            session->ops.answered(session->context, entry->owner, outcome);
        }
        session_call_free(entry);
    }
    while (session->settling != NULL) {
        session_settle_end(session, session->settling, outcome);
    }
}

void session_calls_clear(struct session *session) {
    while (session->calls != NULL) {
        struct session_call_entry *entry = session->calls;
        session_call_unlink(session, entry);
        session_call_free(entry);
    }
    while (session->settling != NULL) {
        struct session_settle *settle = session->settling;
        session->settling = settle->following;
        free(settle);
    }
    session->settle_asked = 0;
}
