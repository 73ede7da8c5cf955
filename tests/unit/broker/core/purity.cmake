# SPDX-License-Identifier: MIT
# core calls memory and string functions, what is pure in wherry_common, and nothing else: no
# clock, socket, file, thread or random source. Run with -DARCHIVE=libwherry_core.a.
execute_process(COMMAND nm -u ${ARCHIVE} OUTPUT_VARIABLE undefined RESULT_VARIABLE failed)
execute_process(COMMAND nm --defined-only ${ARCHIVE} OUTPUT_VARIABLE defined)
if(failed)
    message(FATAL_ERROR "nm cannot read ${ARCHIVE}")
endif()
set(allowed
    "^(malloc|calloc|realloc|free|memcpy|memmove|memset|memcmp|memchr|strlen|qsort"
    "|snprintf|vsnprintf|fprintf|fputc|fputs|fwrite"
    "|bytes_.*|span_.*|checksum|id_slot_of_name|task_id_.*|token_.*|name_ok|check_failed"
    "|wherry_err_text|wire_put_failure|body_put_.*|pack_.*|plant_active"
    "|__(asan|ubsan|tsan|sanitizer|gcov|stack_chk|memcpy_chk|memset_chk|snprintf_chk|vsnprintf_chk"
    "|fprintf_chk|llvm).*|_GLOBAL_OFFSET_TABLE_)$")
string(CONCAT allowed ${allowed})
string(REGEX MATCHALL "[^\n]+" undefined "${undefined}")
set(wrong "")
foreach(line IN LISTS undefined)
    if(line MATCHES " U ([A-Za-z0-9_]+)$")
        set(symbol ${CMAKE_MATCH_1})
        if(NOT symbol MATCHES "${allowed}" AND NOT defined MATCHES " [A-Za-z] ${symbol}\n")
            list(APPEND wrong ${symbol})
        endif()
    endif()
endforeach()
if(wrong)
    list(REMOVE_DUPLICATES wrong)
    message(FATAL_ERROR "core calls what it must not: ${wrong}")
endif()
