/* SPDX-License-Identifier: MIT
 *
 * The inside of a map: one async for the whole, one owner a chunk. */
#ifndef WHERRY_CLIENT_MAP_H
#define WHERRY_CLIENT_MAP_H

#include "client/async.h"

struct map;

void map_free(struct map *map); /* all its chunks are over */
/* The list of all results; when done and OK. */
wherry_err map_value(struct map *map, wherry_value **out);
/* Under the mutex. */
struct task_id map_open_id(const struct map *map); /* of the first chunk that is not over */
void map_want_accepted(struct map *map);
void map_cancel(struct map *map);

#endif
