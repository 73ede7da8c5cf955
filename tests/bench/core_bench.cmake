# SPDX-License-Identifier: MIT
# The engine alone: instructions a task, against the recorded figure.
if(TARGET wherry_core)
    add_executable(store_bench store_bench.c)
    target_link_libraries(store_bench PRIVATE wherry_store wherry_border)
    add_test(NAME bench/store COMMAND store_bench memory: 2000 20)
    set_tests_properties(bench/store PROPERTIES LABELS bench TIMEOUT 60
                         PASS_REGULAR_EXPRESSION "tasks_per_s")
    add_executable(core_bench core_bench.c)
    target_link_libraries(core_bench PRIVATE wherry_core wherry_common)
    add_test(NAME bench/core_instructions COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/core_bench.sh)
    set_tests_properties(bench/core_instructions PROPERTIES LABELS bench TIMEOUT 300
                         SKIP_RETURN_CODE 77)
endif()
