# shellcheck shell=bash disable=SC2034,SC2154
# What the tests with containers share: an engine, a base image, and a network by which a build
# reaches a Debian mirror. To be sourced, with $top set.
set -euo pipefail
base=${WHERRY_BASE:-debian:bookworm-slim}

skip() {
    printf 'SKIPPED: %s: %s\n' "$(basename "$0")" "$*"
    exit 0
}

engine_find() { # sets $engine, its version
    engine=$(docker version --format '{{.Server.Version}}' 2>/dev/null) ||
        skip "no Docker engine answers"
}

# $base is here already, comes from a registry, or is made of Debian's packages.
base_find() {
    if docker image inspect "$base" >/dev/null 2>&1 ||
        timeout 300 docker pull -q "$base" >/dev/null 2>&1; then
        return
    fi
    [ "$base" = debian:bookworm-slim ] || skip "there is no image $base"
    echo "no registry has $base: making it of Debian's packages"
    "$top/docker/base-image.sh" "$base" >/dev/null 2>&1 || skip "$base cannot be made here"
}

network_reaches_mirror() {
    timeout 60 docker run --rm --network "$1" "$base" apt-get -qq update \
        -o APT::Update::Error-Mode=any -o Acquire::Retries=0 -o Acquire::http::Timeout=10 \
        >/dev/null 2>&1
}

# Sets $WHERRY_BUILD_NETWORK, which compose.yaml reads: the engine's network, else the host's.
network_find() {
    local network
    [ -z "${WHERRY_BUILD_NETWORK:-}" ] || return 0
    for network in default host; do
        if network_reaches_mirror "$network"; then
            export WHERRY_BUILD_NETWORK=$network
            return
        fi
    done
    skip "containers reach no Debian mirror"
}
