#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How many instructions the engine needs for one task, compared with the recorded figure.
#
#     tests/bench/core_bench.sh             fails when more than 5 % above
#                                           tests/bench/core_instructions.txt
#     tests/bench/core_bench.sh --record    writes the figure down
#
# The engine is built apart, with -O2 and without sanitizers, whatever the tree is built with. Two
# sizes are run and subtracted, so that set-up does not count. Instructions, not time: the same on
# every machine with this compiler. Exit 77: valgrind is missing (ctest shows the test as skipped).
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
figure=$top/tests/bench/core_instructions.txt
small=20000
large=120000

if ! command -v valgrind > /dev/null; then
    echo "core_bench: SKIPPED: valgrind is not installed (apt-get install valgrind)"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

sources=("$top"/tests/bench/core_bench.c "$top"/broker/core/*.c "$top"/common/*.c
         "$top"/common/wire/*.c)
read -ra msgpack <<< "$(pkg-config --cflags --libs msgpack-c 2> /dev/null \
                        || pkg-config --cflags --libs msgpack)"
"${CC:-cc}" -std=gnu17 -O2 -D_GNU_SOURCE -DWHERRY_VERSION='"bench"' -ffunction-sections \
    -Wl,--gc-sections -I"$top" -I"$top/common/include" "${sources[@]}" -o "$folder/core_bench" \
    "${msgpack[@]}" -lpthread

instructions() { # TASKS
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$folder/core_bench" "$1" 2>&1 \
        | sed -n 's/^==[0-9]*== Collected : *//p'
}
few=$(instructions $small)
many=$(instructions $large)
now=$(( (many - few + (large - small) / 2) / (large - small) ))
"$folder/core_bench" 2000000

if [[ ${1:-} == --record ]]; then
    echo "$now" > "$figure"
    echo "core_bench: recorded $now instructions a task"
    exit 0
fi
recorded=$(cat "$figure")
echo "core_bench: $now instructions a task, recorded $recorded"
if (( now * 100 > recorded * 105 )); then
    echo "core_bench: more than 5 % above the recorded figure; if it is worth it: $0 --record" >&2
    exit 1
fi
