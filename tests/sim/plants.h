/* SPDX-License-Identifier: MIT
 *
 * Planted faults by name: "answer-before-commit" for PLANT_ANSWER_BEFORE_COMMIT. */
#ifndef SIM_PLANTS_H
#define SIM_PLANTS_H

#include "common/plant.h"

#include <stdbool.h>

const char *plants_name(enum plant plant);
/* False: no such plant, or a build without plants. */
bool plants_set(const char *name);

#endif
