#!/usr/bin/env bash
# The Debian packages: lintian has nothing against them, they install with what they depend on in a
# clean Debian container, make their accounts, count words by broker and worker, and run
# `wherry dev` with a `map` for a user without rights.
#
#     cmake --preset package && cmake --build --preset package --target package
#     tests/compose/debs.sh [FOLDER]      default: build/package/packages
#
# Where no Docker engine or no Debian mirror answers it says SKIPPED and ends with 0.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/compose/engine.sh
. "$top/tests/compose/engine.sh"
debs=$(cd "${1:-$top/build/package/packages}" && pwd)

if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error,warning "$debs"/*.deb
    echo "lintian: no errors, no warnings"
else
    echo "SKIPPED: debs.sh: lintian is not installed"
fi

engine_find
base_find
network_find

inside() { # what runs in the container
    set -euo pipefail
    export DEBIAN_FRONTEND=noninteractive WHERRY_BROKER=ipc:///tmp/broker
    said() { # FILE TEXT: within ten seconds
        for _ in $(seq 100); do
            ! grep -q "$2" "$1" || return 0
            sleep 0.1
        done
        cat "$1"
        exit 1
    }
    { apt-get -q update && apt-get -q install -y --no-install-recommends /debs/*.deb; } \
        >/tmp/apt.log 2>&1 || { tail -n 20 /tmp/apt.log; exit 1; }
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' wherry libwherry0 libwherry-dev
    id -u wherry >/dev/null && id -u wherry-worker >/dev/null
    ldconfig -p | grep -q libwherry.so.0

    local examples
    examples=$(dirname "$(dpkg -L wherry | grep '/wordcount$')")
    wherry-broker --listen "$WHERRY_BROKER" --http off --store memory: 2>/tmp/broker.log &
    wherry-worker --processes 2 "$examples/wherry-examples.so" 2>/tmp/worker.log &
    said /tmp/worker.log msg=ready
    wherry submit --wait --timeout 10 wherry.echo '"it works"'
    "$examples/wordcount" /usr/share/doc | tail -n 2

    # The developer's way, by somebody else: nothing to configure, nothing to be root for.
    unset WHERRY_BROKER
    runuser -u nobody -- wherry dev --workers 2 >/tmp/dev.log 2>&1 &
    said /tmp/dev.log Ready
    head -n 1 /tmp/dev.log
    seq 1000 | runuser -u nobody -- wherry map -k -- echo {} >/tmp/mapped
    seq 1000 | cmp - /tmp/mapped
    echo "map: 1000 items as they should be"

    # Removed, its settings stay; purged, they go.
    apt-get -q remove -y wherry >/tmp/apt.log 2>&1 && [ -f /etc/default/wherry ]
    dpkg --purge wherry >/tmp/apt.log 2>&1 && [ ! -e /etc/default/wherry ]
    echo "PASSED"
}

docker run --rm --network "$WHERRY_BUILD_NETWORK" -v "$debs:/debs:ro" "$base" \
    bash -c "$(declare -f inside); inside"
