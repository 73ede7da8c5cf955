/* SPDX-License-Identifier: MIT
 *
 * Persist: objects as records, into the open batch and back out of the store.
 *
 *     head = version 1, fields, check 4      all big endian; texts and lists with their counts in
 * front
 *
 * With a store that keeps nothing every function here does nothing. The formats are described
 * beside their writers in persist.c; a reader refuses what another version wrote, and what is
 * damaged. */
#ifndef WHERRY_PERSIST_H
#define WHERRY_PERSIST_H

#include "broker/core/record.h"

struct engine;

void persist_store_row(struct engine *engine);
void persist_queue(struct engine *engine, uint32_t queue);
void persist_session_delete(struct engine *engine, uint32_t session);
/* All sessions that are due: just before the batch closes. */
void persist_sessions_due(struct engine *engine);
void persist_host(struct engine *engine, uint32_t host);
void persist_host_delete(struct engine *engine, uint32_t host);
/* The two on the hot path: persist_task() and persist_task_delete() in hot.h look first whether
 * anything is kept at all. */
void persist_task_now(struct engine *engine, uint32_t task);
void persist_task_delete_now(struct engine *engine, uint32_t task);

/* Takes one record of the scan in. PROTOCOL: unknown or damaged, nothing changed. */
wherry_err persist_restore(struct engine *engine, const struct record *record);

#endif
