/* SPDX-License-Identifier: MIT
 *
 * What the files that make up an async share with nobody else. */
#ifndef WHERRY_CLIENT_ASYNC_INTERNAL_H
#define WHERRY_CLIENT_ASYNC_INTERNAL_H

#include "client/async.h"

void async_give_back(struct wherry_async *async);
/* Its open question after a task of another program is not wanted any more. */
void async_question_forget(struct wherry_async *async);
wherry_err async_cancel_attached(struct wherry_async *async);

#endif
