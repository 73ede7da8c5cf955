#!/usr/bin/env bash
# `wherry map -- COMMAND {}` beside GNU parallel and xargs -P, on this machine, in one go: what an
# item costs beyond the command itself. Every round runs each once, in turn.
#
#     tests/bench/map.sh [ROUNDS] [ITEMS] [FOLDER OF THE BUILD]     default: 3 3000 build/release
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rounds=${1:-3}
items=${2:-3000}
bin=${3:-$top/build/release}/bin
jobs=$(nproc)
place=$(mktemp -d "${TMPDIR:-/tmp}/wherry-map.XXXXXX")
dev=''
clean_up() {
    if [ -n "$dev" ]; then
        kill -TERM "$dev" 2>/dev/null || true
        wait "$dev" 2>/dev/null || true
    fi
    rm -rf "$place"
}
trap clean_up EXIT

export XDG_RUNTIME_DIR=$place
unset WHERRY_BROKER
"$bin/wherry" dev -n "$jobs" >"$place/dev" 2>&1 &
dev=$!
until grep -q '^Ready' "$place/dev"; do
    kill -0 "$dev" 2>/dev/null || {
        cat "$place/dev" >&2
        exit 1
    }
    sleep 0.05
done
seq "$items" >"$place/items"

measure() { # NAME COMMAND…: the items are its stdin
    local name=$1 from
    shift
    from=$(date +%s%N)
    "$@" <"$place/items" >/dev/null
    echo "$name $((($(date +%s%N) - from) / 1000 / items))" >>"$place/times"
}

for _ in $(seq "$rounds"); do
    measure wherry "$bin/wherry" map -- /bin/true '{}'
    measure xargs xargs -P "$jobs" -n 1 /bin/true
    if command -v parallel >/dev/null; then
        measure parallel parallel -j "$jobs" /bin/true '{}'
    else
        echo "SKIPPED: GNU parallel is not installed (apt install parallel)" >&2
    fi
done

median() { # NAME
    grep "^$1 " "$place/times" | cut -d ' ' -f 2 | sort -n | sed -n "$(((rounds + 1) / 2))p"
}
echo "microseconds an item of /bin/true, $jobs at a time, medians of $rounds rounds"
for name in wherry xargs parallel; do
    us=$(median "$name")
    [ -z "$us" ] || printf '%-10s %6d  %5.2f x\n' "$name" "$us" \
        "$(awk "BEGIN { print $us / $(median wherry) }")"
done
