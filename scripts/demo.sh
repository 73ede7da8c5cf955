#!/usr/bin/env bash
# The main job, end to end: installs what is missing, builds, and counts the words of every text
# file under /usr/share/doc and /usr/include with a broker and four worker processes. One of them is
# killed with SIGKILL in the middle; the answer is compared with a plain sequential count.
#
#     scripts/demo.sh
#
# Everything that runs is private to this call: a temporary folder, an ipc endpoint, no port.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
bin=$top/build/release/bin
lib=$top/build/release/lib

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf 'demo: %s\n' "$*" >&2
    for log in "$place"/*.log; do
        [ -s "$log" ] || continue
        printf -- '--- last lines of %s\n' "${log##*/}" >&2
        tail -n 15 "$log" >&2
    done
    exit 1
}

place=$(mktemp -d "${TMPDIR:-/tmp}/wherry-demo.XXXXXX")
broker=''
worker=''
client=''
clean_up() {
    local pid
    for pid in $client $worker $broker; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$place"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# until_true SECONDS COMMAND…: tries ten times a second
until_true() {
    local tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# The table of `wherry pool` has one row a process: HOST PID STATE …
four_processes() { [ "$("$bin/wherry" pool | awk '$2 ~ /^[0-9]+$/' | wc -l)" -ge 4 ]; }
busy_process() { "$bin/wherry" pool | awk '$3 == "running" && $2 ~ /^[0-9]+$/ { print $2; exit }'; }
alive() { kill -0 "$1" 2>/dev/null; }

# One process that is running a task dies by SIGKILL, as if the kernel were short of memory.
kill_one() {
    local victim
    while alive "$client"; do
        victim=$(busy_process)
        if [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null; then
            printf '\n== Killed worker process %s with SIGKILL, on purpose\n' "$victim"
            return
        fi
    done
    echo "== The job was over before a process could be killed"
}

say "Building (the first time takes a minute or two)"
scripts/setup.sh build
cmake --preset release --log-level=WARNING
cmake --build --preset release -j "$(nproc)" --target bin/wherry-broker bin/wherry-worker \
    bin/wherry bin/wordcount lib/wherry-examples.so

say "Starting a broker and four worker processes"
chmod 700 "$place"
export WHERRY_BROKER=ipc://$place/broker
"$bin/wherry-broker" --listen "$WHERRY_BROKER" --http off --store memory: \
    >"$place/broker.log" 2>&1 &
broker=$!
"$bin/wherry-worker" --broker "$WHERRY_BROKER" --processes 4 "$lib/wherry-examples.so" \
    >"$place/worker.log" 2>&1 &
worker=$!
until_true 20 four_processes || fail "the four worker processes did not come up within 20 s"
"$bin/wherry" pool

say "Counting words"
"$bin/wordcount" &
client=$!
kill_one
status=0
wait "$client" || status=$?
client=''
[ "$status" -eq 0 ] || fail "the word count failed (exit $status)"

say "What the broker saw"
"$bin/wherry" status
say "The answer is right, although one worker process was killed on the way."
