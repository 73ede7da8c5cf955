/* SPDX-License-Identifier: MIT
 *
 * Salvage: a store made anew of what can be read of a damaged one.
 *
 *     salvage_open ──> salvage_take(every whole record) … ──> salvage_publish ──> salvage_close
 *
 * Nothing has changed before salvage_publish() returns OK. */
#ifndef WHERRY_STORE_LMDB_SALVAGE_H
#define WHERRY_STORE_LMDB_SALVAGE_H

#include "broker/store/lmdb/lmdb.h"

struct salvage;

/* damaged: its folder is locked; url and folder_fd are borrowed. */
wherry_err salvage_open(const struct lmdb *damaged, struct salvage **out);
/* The record is copied. */
wherry_err salvage_take(struct salvage *salvage, const struct store_change *record);
/* row: of the damaged store; its uuid and epoch go on, or NULL. The damaged file gets another name:
 * `kept`, PATH_MAX bytes. */
wherry_err salvage_publish(struct salvage *salvage, const struct lmdb_row *row, char *kept);
void salvage_close(struct salvage **salvage);

#endif
