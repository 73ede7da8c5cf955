/* SPDX-License-Identifier: MIT
 *
 * A consumer in C++: both headers as they are, one value written and read, no broker needed. */
#include <cstdio>
#include <wherry.h>
#include <wherry_worker.h>

static wherry_err greet(wherry_task *task) {
    return wherry_task_return(task, "s", "hello");
}
WHERRY_PLUGIN({"greet", greet, "greet(): a greeting"});

int main() {
    wherry_value *value = nullptr;
    const char *text = nullptr;
    wherry_err err = wherry_value_build(&value, "s", "hello");
    if (err == WHERRY_OK) {
        err = wherry_value_read(value, "s", &text);
    }
    std::printf("%s\n", err == WHERRY_OK ? text : wherry_last_error());
    wherry_value_release(&value);
    return err == WHERRY_OK ? 0 : 1;
}
