#!/usr/bin/env bash
# wherry beside the plain libzmq forwarder, on this machine, in one go.
#
#     tests/bench/run.sh [ROUNDS] [FOLDER OF THE BUILD]      default: 3 rounds, build/release
#     QUICK=1 tests/bench/run.sh                             a tenth of the work
#
# Every round runs everything once, one after the other, so that whatever else the machine does
# meets both sides alike. Only ratios of one go count. Prints a table; the last line is the same as
# JSON.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rounds=${1:-3}
build=${2:-$top/build/release}
wherry=$build/bin/wherry
raw=$build/bin/raw_forwarder
scale=${QUICK:+10}
scale=${scale:-1}
lines=$(mktemp "${TMPDIR:-/tmp}/wherry-bench.XXXXXX")
trap 'rm -f "$lines"' EXIT
unset WHERRY_BROKER

for program in "$wherry" "$raw"; do
    [ -x "$program" ] || {
        echo "run.sh: no $program; first: cmake --build --preset release" >&2
        exit 2
    }
done

measure() { # name, command…
    local name=$1 result
    shift
    result=$("$@") || {
        echo "run.sh: failed: $*" >&2
        exit 1
    }
    printf '%s\t%s\n' "$name" "$(tr -d '\n' <<<"$result")" >>"$lines"
}

for round in $(seq "$rounds"); do
    echo "round $round of $rounds" >&2
    measure raw_1 "$raw" --tasks $((1000000 / scale))
    measure raw_100 "$raw" --tasks $((8000000 / scale)) --batch 100
    measure throughput "$wherry" bench throughput -o json --tasks $((4000000 / scale))
    measure raw_latency "$raw" --mode latency --tasks $((10000 / scale))
    measure latency "$wherry" bench latency -o json --tasks $((10000 / scale))
    measure raw_payload "$raw" --mode payload --size 1048576 --tasks $((1000 / scale))
    measure payload "$wherry" bench payload -o json --tasks $((1000 / scale))
    measure backlog "$wherry" bench backlog -o json --tasks $((1000000 / scale))
done
python3 -B "$top/tests/bench/report.py" "$lines"
