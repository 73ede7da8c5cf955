#!/usr/bin/env bash
# Installs the Debian packages that are missing, and nothing else.
#
#     scripts/setup.sh            what building and testing need
#     scripts/setup.sh build      what building needs
#     scripts/setup.sh package    what making and testing Debian packages and images needs beside
#     scripts/setup.sh run        what installed programs need
#
# With nothing missing it neither calls apt nor asks for a password. The list: scripts/packages.txt.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

wanted() { # role: its packages, one a line
    awk -v role="$1" '$1 == role || ($1 == "build" && role == "test") { print $2 }' \
        "$here/packages.txt"
}

missing() { # role
    local package
    wanted "$1" | while read -r package; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            printf '%s\n' "$package"
        fi
    done
}

role=${1:-test}
case $role in
build | test | package | run) ;;
*) fail "unknown argument '$role': use build, test, package or run" ;;
esac
command -v dpkg-query >/dev/null ||
    fail "this machine has no dpkg. Install what scripts/packages.txt names by your own means."

mapfile -t packages < <(missing "$role")
[ "${#packages[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        fail "missing: ${packages[*]}. Run this as root, or install them and come again."
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
printf 'setup: installing %s\n' "${packages[*]}"
"${as_root[@]}" apt-get -q update
"${as_root[@]}" apt-get -q install -y --no-install-recommends "${packages[@]}"
