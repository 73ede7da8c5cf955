# SPDX-License-Identifier: MIT
# cmake -DLIBRARY=…/libwherry.so -P symbols.cmake: only wherry_* may be seen.
execute_process(COMMAND nm -D --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols
                RESULT_VARIABLE failure)
if(failure)
    message(FATAL_ERROR "nm ${LIBRARY} failed")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${symbols}")
set(count 0)
foreach(line ${lines})
    string(REGEX REPLACE "^[^ ]+ [A-Za-z] " "" symbol "${line}")
    # The sanitizers' own, in instrumented builds alone.
    if(symbol MATCHES "^wherry_" OR symbol MATCHES "^_?_(a|ub|t|l)san_|^__odr_asan|^__asan")
        math(EXPR count "${count} + 1")
    else()
        message(FATAL_ERROR "${LIBRARY} exports ${symbol}")
    endif()
endforeach()
if(count LESS 30)
    message(FATAL_ERROR "${LIBRARY} exports ${count} symbols: too few")
endif()
