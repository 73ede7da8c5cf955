/* SPDX-License-Identifier: MIT
 *
 * Outbox: a list in order. */
#include "worker/outbox.h"

#include "common/check.h"

#include <stdlib.h>

struct outbox_letter {
    struct outbox_letter *next;
    struct post post;
};

static void outbox_keep(struct outbox *outbox, const struct post *letter) {
    struct outbox_letter *kept = calloc(1, sizeof *kept);
    CHECK(kept != NULL);
    kept->post = *letter;
    if (outbox->first == NULL) {
        outbox->first = kept;
    } else {
        outbox->last->next = kept;
    }
    outbox->last = kept;
}

bool outbox_send(struct outbox *outbox, int socket, const struct post *letter) {
    enum post_sent sent = POST_FULL;
    if (outbox->first == NULL) {
        sent = post_try(socket, letter);
    }
    if (sent == POST_FULL) {
        outbox_keep(outbox, letter);
    }
    return sent != POST_GONE;
}

bool outbox_flush(struct outbox *outbox, int socket) {
    while (outbox->first != NULL) {
        struct outbox_letter *letter = outbox->first;
        enum post_sent sent = post_try(socket, &letter->post);
        if (sent != POST_SENT) {
            return sent == POST_FULL;
        }
        outbox->first = letter->next;
        free(letter);
    }
    return true;
}

bool outbox_waits(const struct outbox *outbox) {
    return outbox->first != NULL;
}
