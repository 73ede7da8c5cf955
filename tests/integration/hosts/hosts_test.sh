#!/usr/bin/env bash
# Many hosts: broker, client and two worker hosts, each in a network namespace of its own, joined by
# a bridge. While the main job runs a third host is added, one is cut off as by a dead switch, and
# comes back. The answer must be right, and what the cut-off host had begun must be refused.
#
#     tests/integration/hosts/hosts_test.sh [FOLDER-OF-PROGRAMS]     default: build/dev/bin
#
#     broker 10.73.0.1    client .2    one .3    two .4    three .5 (comes later)
#        └────────────────────┴──── bridge ┴─────────┴──────────┘
#
# The job: the words of each source file, by `wherry map -- sh count.sh {}`. Files are handed in at
# a steady pace until the story is over, so that no machine is too fast or too slow for it. Each
# takes a while, so that the host that is cut off surely has something begun; and what it had begun
# lasts elsewhere until its own late result was refused, so that an old attempt meets a new one.
# Late results are wrong on purpose: the answer tells if one was taken.
#
# All of it lives in namespaces of this script alone (net, mount, pid), its files in memory there:
# nobody else sees its names, and when its first process ends, however that happens, the kernel ends
# and removes all the rest. Exit 77: SKIPPED, namespaces cannot be made here.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

if [ "${1:-}" != --inside ]; then
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
    programs=$(cd "${1:-$top/build/dev/bin}" && pwd)
    skip() {
        printf 'SKIPPED: tests/integration/hosts: %s\n' "$*"
        exit 77
    }
    for tool in unshare ip iptables hostname; do
        command -v "$tool" >/dev/null || skip "there is no $tool here"
    done
    apart=(unshare --net --mount --pid --fork --kill-child --mount-proc)
    [ "$(id -u)" -eq 0 ] || apart+=(--user --map-root-user)
    "${apart[@]}" sh -c 'mount -t tmpfs none /run && mkdir /run/netns && ip netns add one &&
        ip link add bridge type bridge && ip netns exec one iptables -A INPUT -j DROP' \
        >/dev/null 2>&1 || skip "no right to make network namespaces (root has it)"
    exec "${apart[@]}" bash "${BASH_SOURCE[0]}" --inside "$top" "$programs"
fi

top=$2 programs=$3 place=/run/wherry
mount -t tmpfs none /run
mkdir -p /run/netns "$place/begun"
broker=10.73.0.1
export top place WHERRY_BROKER=tcp://$broker:7380
trap 'exit 143' TERM INT

# ---- telling -----------------------------------------------------------------------------------

now_ms() { date +%s%3N; }
step_ms=$(now_ms)
step() { step_ms=$(now_ms); }                                         # a step begins
told() { printf '%6d ms  %s\n' $(($(now_ms) - step_ms)) "$*"; step; } # it is over

fail() {
    printf 'FAILED: %s\n' "$*"
    for log in "$place"/*.log; do
        printf -- '--- last lines of %s\n' "${log##*/}"
        tail -n 15 "$log"
    done
    exit 1
}

until_true() { # SECONDS WHAT COMMAND…
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "not within its time: $what"
        sleep 0.05
    done
}

# ---- machines ----------------------------------------------------------------------------------

machine_add() { # NAME ADDRESS
    ip netns add "$1"
    ip link add "to-$1" type veth peer name eth0 netns "$1"
    ip link set "to-$1" master bridge up
    ip -n "$1" address add "$2/24" dev eth0
    ip -n "$1" link set eth0 up
    ip -n "$1" link set lo up
}

on() { # NAME COMMAND…: runs there, with that host name
    # shellcheck disable=SC2016
    ip netns exec "$1" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$@"
}

# Both directions at once: else a result still leaves, and only its receipt is lost.
cut_off() {
    printf '%s\n' '*filter' '-A INPUT -i eth0 -j DROP' '-A OUTPUT -o eth0 -j DROP' COMMIT |
        ip netns exec "$1" iptables-restore
    touch "$place/cut"
}
join_again() {
    rm "$place/cut"
    ip netns exec "$1" iptables --flush
}

worker_start() { # NAME
    on "$1" "$programs/wherry-worker" --processes 2 --allow-exec --insecure \
        "$programs/../lib/wherry-examples.so" >"$place/$1.log" 2>&1 &
}

# ---- asking ------------------------------------------------------------------------------------

ask() { on client "$programs/wherry" "$@"; }
total() { # NAME: that number out of the broker's totals, which come last
    ask status -o json |
        awk -F '[:,]' -v name="\"$1\"" '$1 ~ name { last = $2 } END { print last + 0 }'
}
total_is_past() { [ "$(total "$1")" -gt "$2" ]; }
tasks_on() { ask ps | awk -v host="$1" '$4 == host { print $1 }'; }
both_work_on() { [ "$(tasks_on "$1" | wc -l)" -eq 2 ]; }
log_says() { grep -q "$2" "$place/$1.log"; } # NAME TEXT
stale_metric() {
    # shellcheck disable=SC2016
    on client bash -c 'exec 3<>/dev/tcp/$0/7381 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 &&
        cat <&3' "$broker" | awk '/^wherry_refusals_total{reason="stale_token"}/ { print $2 + 0 }'
}

# ---- the job -----------------------------------------------------------------------------------

# Files at a steady pace, as long as the story lasts.
feed() {
    while :; do
        while read -r file; do
            [ -e "$place/story" ] || return 0
            printf '%s\n' "$file"
            sleep 0.05
        done <"$place/files"
    done
}

# Runs on the hosts.
cat >"$place/count.sh" <<'COUNT'
mark=$place/begun/$(echo "$1" | tr / _)
if [ "$(hostname)" = two ]; then
    : >"$mark"
elif [ -e "$mark" ]; then
    until [ -e "$place/refused" ]; do sleep 0.05; done
fi
sleep 0.25
if [ "$(hostname)" = two ] && [ -e "$place/cut" ]; then
    echo late
else
    wc -w <"$top/$1"
fi
COUNT

job_start() {
    (cd "$top" && find broker client common worker -name '*.[ch]') | sort >"$place/files"
    touch "$place/story"
    { feed | tee "$place/fed" | ask map --keep-order -- sh "$place/count.sh" {}; } \
        >"$place/answers" 2>"$place/map.log" &
    job=$!
}

job_end() {
    local status=0
    rm "$place/story"
    wait "$job" || status=$?
    [ "$status" -eq 0 ] || fail "the job ended with $status"
    while read -r file; do
        wc -w <"$top/$file"
    done <"$place/fed" >"$place/expected"
    cmp "$place/expected" "$place/answers" || fail "the answer is wrong"
}

# ---- the story ---------------------------------------------------------------------------------

ip link add bridge type bridge
ip link set bridge up
address=1
for name in broker client one two; do
    machine_add "$name" "10.73.0.$address"
    address=$((address + 1))
done
told "four machines made: broker, client, one and two"

on broker "$programs/wherry-broker" --listen "$WHERRY_BROKER" --http "$broker:7381" --insecure \
    --store memory: >"$place/broker.log" 2>&1 &
worker_start one
worker_start two
until_true 20 "host one is ready" log_says one msg=ready
until_true 20 "host two is ready" log_says two msg=ready
told "broker and two hosts of two processes are ready"

job_start
until_true 20 "two tasks on host one" both_work_on one
until_true 20 "two tasks on host two" both_work_on two
told "the job is on its way on both hosts"

machine_add three 10.73.0.5
worker_start three
until_true 20 "two tasks on host three" both_work_on three
told "host three added in the middle of the job: it works"

until_true 20 "two tasks on host two" both_work_on two
cut_off two
step
until_true 20 "the broker takes host two for lost" log_says broker 'host left.*"two".*silent'
told "host two cut off: the broker takes it for lost"
until_true 20 "its tasks go to others" total_is_past retries_lease 0
until_true 20 "host two knows" log_says two "lost the broker"
told "its tasks went to others, and it knows that it is alone"
[ "$(total stale_results)" -eq 0 ] || fail "a stale result before host two is back"

join_again two
step
until_true 20 "late results are refused" total_is_past stale_results 0
told "host two back: the late results of what it had begun are refused"
touch "$place/refused"
until_true 20 "two tasks on host two" both_work_on two
told "it works again"

job_end
told "the job is over: $(wc -l <"$place/fed") files, each counted once and right"

# Fenced: what host two had begun before it was cut off. (A process says a result until it has a
# receipt, so the log may name one twice, or one whose receipt was lost.)
tokens() { grep "$1" "$place/broker.log" | grep -Eo 'token=[0-9.]+' | sort -u; }
tokens 'lease lost.*"two"' >"$place/leases"
tokens 'stale result refused' >"$place/stale"
fenced=$(comm -12 "$place/leases" "$place/stale" | wc -l)
[ "$fenced" -ge 1 ] || fail "no late result was refused"
# (The log leaves out lines that repeat too fast; the metric counts all.)
[ "$(stale_metric)" -ge "$(grep -c 'stale result refused' "$place/broker.log")" ] ||
    fail "the metrics tell less than the log"
[ "$(total lost)$(total failed)$(total cancelled)" = 000 ] || fail "tasks failed or were lost"
printf 'leases that host two lost: %d; late results refused: %d\n' "$(wc -l <"$place/leases")" \
    "$fenced"

step
on client "$programs/wordcount" "$top"/{broker,client,common,docs,tests,worker} \
    >"$place/wordcount.log" 2>&1 || fail "the word count"
grep -q "its answer is the same" "$place/wordcount.log" || fail "the word count's answer"
told "the word count of examples/, by all three: $(grep ' files, ' "$place/wordcount.log")"
