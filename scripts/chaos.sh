#!/usr/bin/env bash
# Kills real processes at random moments, as long as one likes, and checks that nothing
# acknowledged is lost (tests/chaos). Each role in turn, with a seed of its own.
#
#     scripts/chaos.sh                         60 kills of each role
#     scripts/chaos.sh --rounds 1000 broker    1,000 kills of the broker
#                                              (broker house child client all silent)
#     scripts/chaos.sh --seed 7 all            with that seed
#
# Ends with 1 if anything was wrong; a run that failed keeps its journal and logs (the folder is
# named). CHAOS_BUILD=release takes that build folder instead of the sanitizers'.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/${CHAOS_BUILD:-dev}
rounds=60
roles=()

wrong() {
    printf 'chaos.sh: %s (see the head of %s)\n' "$1" "$0" >&2
    exit 2
}

while [ "$#" -gt 0 ]; do
    case $1 in
    --rounds | --seed)
        [[ ${2:-} =~ ^[0-9]+$ ]] || wrong "$1 needs a number"
        if [ "$1" = --rounds ]; then rounds=$2; else export CHAOS_SEED=$2; fi
        shift 2
        ;;
    broker | house | child | client | all | silent)
        roles+=("$1")
        shift
        ;;
    *) wrong "$1: no such flag or role" ;;
    esac
done

cmake --preset "${CHAOS_BUILD:-dev}" --log-level=WARNING >/dev/null
cmake --build "$build" -j "$(nproc)" --target chaos_test
export WHERRY_BIN=$PWD/$build/bin CHAOS_CLIENT=$PWD/$build/tests/chaos-client
export CHAOS_PLUGIN=$PWD/$build/lib/chaos-functions.so CHAOS_KILLS=$rounds
export WHERRY_TEST_DEADLINE_S=$((300 + rounds * 10))
status=0
for role in "${roles[@]:-broker house child client all}"; do
    # shellcheck disable=SC2086 # the default is several roles
    "$build/tests/chaos_test" $role || status=1
done
exit "$status"
