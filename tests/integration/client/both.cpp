/* SPDX-License-Identifier: MIT
 *
 * Both public headers and both libraries in one C++ program: it compiles, links and starts. */
#include "wherry.h"
#include "wherry_worker.h"

#include <cstring>

namespace {

wherry_err twice(wherry_task *task) {
    int64_t number = 0;
    wherry_err err = wherry_task_read(task, "i", &number);
    return err != WHERRY_OK ? err : wherry_task_return(task, "i", 2 * number);
}

const wherry_function functions[] = {{"twice", twice, "twice(number)"}};
const wherry_function_table table = {WHERRY_FUNCTION_TABLE_VERSION, 1, functions};

bool client_works() {
    wherry_connection *connection = nullptr;
    wherry_call_options options = {};
    options.size = sizeof options;
    bool refused = wherry_connect("nonsense", nullptr, &connection) == WHERRY_E_INVALID;
    // One last error, whichever of the two libraries failed.
    return refused && std::strstr(wherry_last_error(), "nonsense") != nullptr &&
           options.kwargs == nullptr;
}

} // namespace

int main(int argc, char **argv) {
    if (argc > 1) {
        return wherry_worker_main(argc, argv, &table);
    }
    wherry_value *value = nullptr;
    if (wherry_value_build(&value, "[is]", static_cast<int64_t>(3), "three") != WHERRY_OK) {
        return 1;
    }
    bool right = wherry_value_count(value) == 2 && client_works();
    wherry_value_release(&value);
    return right ? 0 : 1;
}
