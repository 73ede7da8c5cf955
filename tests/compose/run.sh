#!/usr/bin/env bash
# The cluster of compose.yaml for real: builds the image, looks at it, starts three workers, runs
# the main job, kills one worker container in the middle, then the broker's in the middle of
# another, scales to five, runs it again, and takes all down.
#
#     tests/compose/run.sh                              build and run
#     WHERRY_IMAGE=wherry:local tests/compose/run.sh    with an image that is there already
#
# Every answer is checked against a plain count; every worker must have worked. Where no Docker
# engine, no Compose or no Debian mirror answers it says SKIPPED and ends with 0.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
# shellcheck source=tests/compose/engine.sh
. tests/compose/engine.sh

say() { printf '\n== [%3d s] %s\n' "$SECONDS" "$*"; }

engine_find
if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
else
    skip "neither 'docker compose' nor docker-compose is here"
fi
say "Engine $engine, ${compose[*]} $("${compose[@]}" version --short)"

# A project of its own and ports that the system chooses: other clusters are not touched.
export COMPOSE_PROJECT_NAME=wherry-test-$$ WHERRY_PORT=0 WHERRY_HTTP_PORT=0
job=''
built=''
place=$(mktemp -d "${TMPDIR:-/tmp}/wherry-compose.XXXXXX")
clean_up() {
    [ -z "$job" ] || kill "$job" 2>/dev/null || true
    wait
    "${compose[@]}" --profile demo down -v -t 2 --remove-orphans >"$place/down" 2>&1 ||
        cat "$place/down"
    [ -z "$built" ] || docker image rm "$built" >/dev/null 2>&1 || true
    rm -rf "$place"
}
trap clean_up EXIT

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    "${compose[@]}" ps >&2 || true
    { ask status && ask pool; } >&2 || true
    "${compose[@]}" logs --tail 10 >&2 || true
    exit 1
}

until_true() { # SECONDS COMMAND…
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

containers() { "${compose[@]}" ps -q "$1"; }
ask() { docker exec "$broker" wherry "$@"; }
hosts() { ask pool | awk '$2 ~ /^[0-9]+$/ { print $1 }' | sort -u; }
hosts_are() { [ "$(hosts | wc -l)" -eq "$1" ]; }
workers_up() { # N, and the broker
    "${compose[@]}" up -d --no-build --scale worker="$1" >"$place/up" 2>&1 ||
        fail "$(cat "$place/up")"
    broker=$(containers broker)
    until_true 60 hosts_are "$1" || fail "$1 workers did not come up"
}
alive() { kill -0 "$1" 2>/dev/null; }
over() { ! alive "$1"; }
total() { # NAME: that number out of the broker's totals, which come last
    ask status -o json |
        awk -F '[:,]' -v name="\"$1\"" '$1 ~ name { last = $2 } END { print last + 0 }'
}
retried() { [ $(($(total retries_lease) + $(total retries_crash))) -gt 0 ]; }
past() { [ "$(total "done")" -gt "$1" ]; }

# The word count reads the same files several times, under other names, and several times over, so
# that it lasts a while.
job_start() {
    local path=/usr/share folders=()
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
        folders+=("$path")
        path=$path/.
    done
    # shellcheck disable=SC2016
    "${compose[@]}" run --rm -T --no-deps demo \
        sh -c 'for pass in 1 2; do "$@" || exit 1; done' pass \
        /usr/local/lib/wherry/examples/wordcount "${folders[@]}" \
        >"$place/job" 2>&1 </dev/null &
    job=$!
}
job_end() {
    local status=0
    until_true 120 over "$job" || fail "the word count does not end"
    wait "$job" || status=$?
    job=''
    grep -E ' files, |plain loop' "$place/job" || true
    [ "$status" -eq 0 ] || fail "the word count ended with $status: $(tail -n 5 "$place/job")"
    [ "$(grep -c 'its answer is the same' "$place/job")" -eq 2 ] ||
        fail "the word count does not say twice that it was right"
}

# The job, and a container that computes at this very moment dies. Its host name is the beginning of
# its id.
job_with_a_death() {
    local victim='' before
    before=$(total "done")
    job_start
    until_true 60 past $((before + 1000)) || fail "the job did not begin: $(cat "$place/job")"
    while [ -z "$victim" ] && alive "$job"; do
        victim=$(ask pool | awk '$3 == "running" { print $1; exit }')
    done
    [ -z "$victim" ] || docker kill "$victim" >/dev/null
    printf 'killed %s after %d tasks\n' "${victim:-nobody}" "$(total "done")"
    job_end
}

# A broker says how much it found in its store; the first one found nothing.
read_again() { docker logs "$broker" 2>&1 | grep -o 'records=[1-9].*'; }

# The job, and the broker dies without a word while it runs. A container that was killed by hand is
# not started again by its restart policy. The volume still has what was acknowledged, and client
# and workers come back by themselves.
job_with_a_broker_death() {
    local before
    before=$(total "done")
    job_start
    until_true 60 past $((before + 1000)) || fail "the job did not begin: $(cat "$place/job")"
    alive "$job" || fail "the job was over before the broker died"
    docker kill --signal KILL "$broker" >/dev/null
    [ "$(docker inspect --format '{{.State.ExitCode}}' "$broker")" = 137 ] ||
        fail "the broker did not die"
    docker start "$broker" >/dev/null
    until_true 60 read_again || fail "the broker does not say that it read its store"
    job_end
    printf 'killed the broker; %s\n' "$(read_again)"
}

hosts_used() { sort -u "$place/used" | wc -l; }

# The job, and a look at who computes, until all N hosts were seen to.
job_by() {
    job_start
    while [ "$(hosts_used)" -lt "$1" ] && alive "$job"; do
        ask pool | awk '$3 == "running" { print $1 }' >>"$place/used"
    done
    job_end
}

# ---- the image ---------------------------------------------------------------------------------

base_find
if [ -z "${WHERRY_IMAGE:-}" ]; then
    network_find
    # A name of its own: another run's build must not come between. wherry:test keeps the layers.
    export WHERRY_IMAGE=wherry:test-$$
    built=$WHERRY_IMAGE
    say "Building $WHERRY_IMAGE by ${compose[*]}, network $WHERRY_BUILD_NETWORK"
    "${compose[@]}" build broker >"$place/build" 2>&1 ||
        { tail -n 40 "$place/build"; fail "the image does not build"; }
    docker tag "$WHERRY_IMAGE" wherry:test
fi

of_image() { docker image inspect --format "$1" "${2:-$WHERRY_IMAGE}"; }
label() { of_image "{{index .Config.Labels \"org.opencontainers.image.$1\"}}"; }

say "The image"
size=$(of_image '{{.Size}}') over=$(($(of_image '{{.Size}}') - $(of_image '{{.Size}}' "$base")))
printf '%s: %d MB, %d MB over %s\n' "$WHERRY_IMAGE" $((size / 1000000)) $((over / 1000000)) "$base"
[ "$over" -lt 40000000 ] || fail "more than 40 MB over the base"
[ "$(of_image '{{.Config.User}}')" = 65532:65532 ] || fail "its user is no number"
[ "$(of_image '{{.Config.StopSignal}}')" = SIGTERM ] || fail "no STOPSIGNAL"
[ "$(of_image '{{.Config.Healthcheck.Test}}')" = "[CMD wherry-health]" ] || fail "no HEALTHCHECK"
for name in title description version revision licenses; do
    [ -n "$(label $name)" ] || fail "the label $name is missing"
done
docker run --rm "$WHERRY_IMAGE" wherry --version | grep -qw "$(label version)" ||
    fail "its label says $(label version), its programs say otherwise"

say "A worker that does not reach its broker"
code=0
docker run --rm --network none "$WHERRY_IMAGE" wherry-worker --broker tcp://broker:7380 \
    --connect-timeout 5 >"$place/alone" 2>&1 || code=$?
cat "$place/alone"
[ "$code" -eq 5 ] || fail "its exit code is $code, not 5"
[ "$(grep -c 'msg="no broker yet"' "$place/alone")" -eq 1 ] || fail "it does not say so once"

# ---- the cluster -------------------------------------------------------------------------------

say "Up with three workers"
workers_up 3
web=$("${compose[@]}" port broker 7381)
for port in "$("${compose[@]}" port broker 7380)" "$web"; do
    [[ $port == 127.0.0.1:* ]] || fail "a port is published on $port"
done
exec 3<>"/dev/tcp/${web/:/\/}"
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
grep -q '200 OK' <&3 || fail "/readyz does not say 200"
exec 3>&-
[ "$(docker exec "$broker" id -u)" = 65532 ] || fail "the broker does not run as 65532"

say "The demo of compose.yaml, as in the README"
"${compose[@]}" run --rm -T --no-deps demo >"$place/demo" 2>&1 </dev/null ||
    { cat "$place/demo"; fail "the demo"; }
hosts_are 3 || fail "it did not leave three workers"
grep -E ' files, |plain loop' "$place/demo"

say "The main job, and one worker container dies in the middle"
# Whoever was just between two tasks after all cost nobody anything: then another one dies.
for _ in 1 2 3 4 5; do
    job_with_a_death
    ! retried || break
    workers_up 3
done
retried || fail "nothing had to be tried again: no container died in the middle of a task"
printf 'tried again: %d after a lost lease, %d after a crash\n' "$(total retries_lease)" \
    "$(total retries_crash)"

say "The main job, and the broker's container dies in the middle"
workers_up 3
job_with_a_broker_death
until_true 60 hosts_are 3 || fail "three workers did not come back to the broker"

say "Five workers"
workers_up 5
: >"$place/used"
for _ in 1 2 3 4 5; do
    [ "$(hosts_used)" -eq 5 ] || job_by 5
done
printf '%d of 5 worker containers were seen computing\n' "$(hosts_used)"
[ "$(hosts_used)" -eq 5 ] || fail "not every worker was used"
[ "$(total failed)$(total lost)$(total cancelled)" = 000 ] || fail "tasks failed or were lost"
printf '%d tasks submitted, %d done\n' "$(total submitted)" "$(total "done")"

say "Down"
"${compose[@]}" --profile demo down -v >"$place/down" 2>&1 || { cat "$place/down"; fail down; }
[ -z "$(docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")" ] ||
    fail "containers are left"
say "PASSED"
