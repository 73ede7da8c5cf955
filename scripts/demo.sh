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
processes() { "$bin/wherry" pool | awk '$2 ~ /^[0-9]+$/ { print $2, $3 }'; }
four_processes() { [ "$(processes | wc -l)" -ge 4 ]; }
alive() { kill -0 "$1" 2>/dev/null; }
retried() {
    "$bin/wherry" status | grep -Eq " [1-9][0-9]* (retried after a crash|after a lost lease)"
}
retried_or_over() { retried || ! alive "$client"; }

# The pid of a process that computes at this very moment, or nothing.
computing_process() {
    local pid state
    while read -r pid state; do
        if [ "$state" = running ] && grep -q '^State:.R' "/proc/$pid/status" 2>/dev/null; then
            printf '%s\n' "$pid"
            return
        fi
    done < <(processes)
}

# A process dies by SIGKILL, as if the kernel were short of memory. If it died just between two
# tasks, nothing had to be repeated and there is nothing to see: then another one dies.
kill_one() {
    local victim
    while alive "$client"; do
        victim=$(computing_process)
        if [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null; then
            printf '\n== Killed worker process %s with SIGKILL, on purpose\n' "$victim"
            until_true 2 retried_or_over || true
            ! retried || return 0
        fi
    done
}

say "Building (the first time takes a minute or two)"
scripts/setup.sh build
cmake --preset release --log-level=WARNING >/dev/null
cmake --build --preset release -j "$(nproc)" --target bin/wherry-broker bin/wherry-worker \
    bin/wherry bin/wordcount bin/hello lib/wherry-examples.so

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
