/* SPDX-License-Identifier: MIT
 *
 * The private folder of one house: local-XXXXXXXX in the runtime folder.
 *
 * It is locked as long as its keeper lives, so one without a holder is what a killed keeper left;
 * whoever makes the next one removes it. */
#ifndef WHERRY_CLIENT_LOCAL_FOLDER_H
#define WHERRY_CLIENT_LOCAL_FOLDER_H

#include "common/runtime.h"

enum { LOCAL_FOLDER_SIZE = RUNTIME_FOLDER_SIZE };

/* *lock: keep it open until after local_folder_remove(). SYSTEM, REFUSED. */
wherry_err local_folder_make(char out[LOCAL_FOLDER_SIZE], int *lock);
/* With the files in it. */
void local_folder_remove(const char *folder);

#endif
