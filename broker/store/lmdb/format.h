/* SPDX-License-Identifier: MIT
 *
 * What lies on disk: the bytes of a record, and of the store's own row.
 *
 *     record   key                  the 12 bytes of broker/core/record.h
 *              value                version 1, 0 3, head size 4, payload size 4, check 4,
 *                                   then the first 65,504 bytes of head ‖ payload
 *     piece    key ‖ number 4       numbers from 1: what did not fit in, cut every 65,504 bytes
 *              value                check 4, bytes
 *     row      key 0                see struct lmdb_row
 *              value                "wherry\0\0" 8, version 4, flags 4, uuid 16, epoch 8,
 *                                   batch 8, transaction 8, counts 16 × 8, check 8
 *                                   flags: 1 is a copy, 2 has a journal (since version 2)
 *
 * All numbers are big endian. A check covers its key and everything else in its value: LMDB itself
 * has none. A piece and its page header fill 16 pages of 4 KiB. */
#ifndef WHERRY_STORE_LMDB_FORMAT_H
#define WHERRY_STORE_LMDB_FORMAT_H

#include "broker/store/store.h"

enum {
    FORMAT_VERSION = 1, /* of records and pieces */
    FORMAT_ROW_VERSION = 2,
    FORMAT_OLDEST = 1, /* readers take this one and what follows, up to their own */
    FORMAT_RECORD_HEAD = 16,
    FORMAT_PIECE_HEAD = 4,
    FORMAT_PIECE = 65504,
    FORMAT_PIECE_KEY = RECORD_KEY_SIZE + 4,
    FORMAT_KINDS = STORE_KINDS,
    FORMAT_ROW_SIZE = 8 + 4 + 4 + 16 + 8 + 8 + 8 + 8 * FORMAT_KINDS + 8,
};

struct lmdb_row {
    uint8_t uuid[16];
    bool is_copy;     /* a backup, on which no broker has started yet */
    bool has_journal; /* later batches may stand there: it was not closed in good order */
    uint64_t epoch;
    uint64_t batch;
    uint64_t transaction;          /* LMDB's number of the one that wrote it */
    uint64_t counts[FORMAT_KINDS]; /* records of each kind; of kind 0: pieces */
};

/* How many pieces follow a record whose head and payload have this size. */
uint32_t format_pieces(uint64_t body_size);
/* The bytes of the body that stand in piece `number`; 0 is the record itself. */
struct format_cut {
    uint64_t from;
    uint32_t size;
};
struct format_cut format_cut(uint64_t body_size, uint32_t number);

/* Size of a record's value. */
uint32_t format_record_size(const struct store_change *change);
/* Writes it to `out`, which has format_record_size() bytes. */
void format_record_write(const struct store_change *change, uint8_t *out);
void format_piece_key(const uint8_t *key, uint32_t number, uint8_t *out);
/* out: FORMAT_PIECE_HEAD + the cut's size. */
void format_piece_write(const struct store_change *change, uint32_t number, uint8_t *out);

struct format_record {
    uint32_t head_size;
    uint32_t payload_size;
    struct span first; /* borrowed: of the body, what stands in the record */
};
enum format_found {
    FORMAT_OK,
    FORMAT_DAMAGED,
    FORMAT_UNKNOWN_VERSION,
};
/* version: as found, with UNKNOWN_VERSION. */
enum format_found format_record_read(struct span key, struct span value, struct format_record *out,
                                     uint32_t *version);
/* The head that a damaged record may still have whole: it has a check of its own. Empty: none. */
struct span format_head(struct span value);
/* Only the sizes, unchecked: how many pieces an old record has. */
uint64_t format_body_size(struct span value);
/* False: damaged. */
bool format_piece_read(struct span key, struct span value, struct span *out);

void format_row_write(const struct lmdb_row *row, uint8_t *out);
enum format_found format_row_read(struct span value, struct lmdb_row *out, uint32_t *version);

uint64_t format_key_number(const uint8_t *key); /* arrival or id */
/* "task 77 of slot 12": for messages; async-signal-safe. FORMAT_KEY_TEXT bytes are enough. */
enum { FORMAT_KEY_TEXT = 80 };
void format_key_text(const uint8_t *key, char *out, size_t size);

#endif
