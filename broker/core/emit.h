/* SPDX-License-Identifier: MIT
 *
 * Making effects: what modules of the engine use beyond effect.h. */
#ifndef WHERRY_EMIT_H
#define WHERRY_EMIT_H

#include "broker/core/effect.h"

/* A zeroed effect at the end; valid until the next one is added. */
struct effect *effects_add(struct effects *effects, enum effect_kind kind, route_id route);
/* Memory that lives as long as the list's content. */
void *effects_alloc(struct effects *effects, size_t size);
/* `memory` was the last allocation: gives back what lies beyond `size`. */
void effects_trim(struct effects *effects, const void *memory, size_t size);
struct span effects_copy(struct effects *effects, struct span text);
/* Moves everything; `from` is empty afterwards. */
void effects_append_all(struct effects *to, struct effects *from);

#endif
