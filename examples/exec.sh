#!/usr/bin/env bash
# Outside commands as functions: no line of C. Each gets its arguments as one JSON array on stdin;
# what it prints is the answer, as JSON if it parses, else as a string.
#
#     examples/exec.sh [FOLDER OF THE PROGRAMS]        default: build/release/bin
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$(cd "${1:-$top/build/release/bin}" && pwd)
place=$(mktemp -d "${TMPDIR:-/tmp}/wherry-exec.XXXXXX")
export WHERRY_BROKER=ipc://$place/broker

"$bin/wherry-broker" --listen "$WHERRY_BROKER" --http off --store memory: 2>"$place/broker.log" &
broker=$!
# shellcheck disable=SC2016
add='awk -F "[][,]" "{ for (i = 2; i < NF; i++) sum += \$i } END { print sum }"'
"$bin/wherry-worker" --processes 2 --exec upper='tr a-z A-Z' --exec sum="$add" \
    2>"$place/worker.log" &
worker=$!
trap 'kill "$worker" "$broker"; wait; rm -rf "$place"' EXIT

set -x
"$bin/wherry" submit --wait --timeout 20 upper '"hello"'
"$bin/wherry" submit --wait --timeout 20 sum 1 2 3 4
