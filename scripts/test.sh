#!/usr/bin/env bash
# Installs what is missing, builds with sanitizers and runs every test.
#
#     scripts/test.sh             every test; at once when they passed and nothing changed since
#     scripts/test.sh --again     run them in any case
#     scripts/test.sh -L unit     whatever else is given goes to ctest: here one label
#
# A run that passed leaves a stamp, the hash of everything that could change its outcome, in build/.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
build=build/dev
stamp=build/passed

state() { # one hash of all sources and of the versions of the tools
    {
        find . \( -path ./build -o -path ./.git \) -prune -o -type f -print0 | sort -z |
            xargs -0 sha256sum
        # shellcheck disable=SC2016
        awk '/^(build|test)/ { print $2 }' scripts/packages.txt |
            xargs dpkg-query -W -f '${Package} ${Version}\n' 2>/dev/null || true
    } | sha256sum | cut -d ' ' -f 1
}

summary() { # what was skipped, and the closing lines of each cmocka program, from ctest's log
    awk '
        /^SKIPPED: / { print }
        /^[0-9]+\/[0-9]+ Testing: / { name = $3 }
        /^\[  (PASSED|FAILED)  \] [0-9]+ test/ {
            printf "%-44s %s\n", name, $0
            if ($2 == "PASSED") { passed += $4 } else { failed += $4 }
        }
        END { printf "%d tests passed, %d failed\n", passed, failed }
    ' "$build/Testing/Temporary/LastTest.log"
}

again=no
if [ "${1:-}" = --again ]; then
    again=yes
    shift
fi

scripts/setup.sh test
now=$(state)
if [ "$#" -eq 0 ] && [ "$again" = no ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    echo "Every test passed and nothing has changed since. To run them again: $0 --again"
    exit 0
fi

started=$SECONDS
cmake --preset dev --log-level=WARNING >/dev/null
cmake --build --preset dev -j "$(nproc)"
status=0
ctest --preset dev -j "$(nproc)" "$@" || status=$?
summary
echo "took $((SECONDS - started)) s; each test's output: $build/Testing/Temporary/LastTest.log"
if [ "$status" -eq 0 ] && [ "$#" -eq 0 ]; then
    printf '%s\n' "$now" >"$stamp"
fi
exit "$status"
