#!/usr/bin/env bash
# The Debian packages in a clean Debian container: they install with what they depend on, make their
# accounts, and run the word count.
#
#     cmake --preset package && cmake --build --preset package --target package
#     tests/compose/debs.sh [FOLDER]      default: build/package/packages
#
# Where no Docker engine answers it says SKIPPED and ends with 0. The container uses the network of
# the host, for apt.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
debs=$(cd "${1:-$top/build/package/packages}" && pwd)

docker version >/dev/null 2>&1 || {
    echo "SKIPPED: tests/compose/debs.sh: no Docker engine answers"
    exit 0
}

inside() { # what runs in the container
    set -euo pipefail
    export DEBIAN_FRONTEND=noninteractive WHERRY_BROKER=ipc:///tmp/broker
    { apt-get -q update && apt-get -q install -y --no-install-recommends /debs/*.deb; } \
        >/tmp/apt.log 2>&1 || { tail -n 20 /tmp/apt.log; exit 1; }
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' wherry libwherry0 libwherry-dev
    id -u wherry >/dev/null && id -u wherry-worker >/dev/null
    local examples
    examples=$(dirname "$(dpkg -L wherry | grep '/wordcount$')")
    wherry-broker --listen "$WHERRY_BROKER" --http off 2>/tmp/broker.log &
    wherry-worker --processes 2 "$examples/wherry-examples.so" 2>/tmp/worker.log &
    for _ in $(seq 100); do
        ! grep -q msg=ready /tmp/worker.log || break
        sleep 0.1
    done
    wherry submit --wait --timeout 10 wherry.echo '"it works"'
    "$examples/wordcount" /usr/share/doc | tail -n 2
    # Removed, its settings stay; purged, they go.
    apt-get -q remove -y wherry >/tmp/apt.log 2>&1 && [ -f /etc/default/wherry ]
    dpkg --purge wherry >/tmp/apt.log 2>&1 && [ ! -e /etc/default/wherry ]
    echo "PASSED"
}

docker run --rm --network host -v "$debs:/debs:ro" "${WHERRY_BASE:-debian:bookworm-slim}" \
    bash -c "$(declare -f inside); inside"
