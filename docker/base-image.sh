#!/usr/bin/env bash
# Makes the base image debian:bookworm-slim from Debian's packages, for a machine that reaches a
# Debian mirror but no registry. Needs debootstrap, root (or sudo) and a Docker engine.
#
#     docker/base-image.sh [TAG]      default: debian:bookworm-slim
#
# The mirror is the one that this machine's apt uses, or $MIRROR.
set -euo pipefail
tag=${1:-debian:bookworm-slim}

fail() {
    printf 'base-image: %s\n' "$*" >&2
    exit 1
}
command -v debootstrap >/dev/null || fail "debootstrap is missing (apt-get install debootstrap)"
docker version >/dev/null 2>&1 || fail "no Docker engine answers"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

mirror() { # the first one for bookworm itself
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
        2>/dev/null | grep -v '^ *#' | grep -Eo 'https?://[^ ]+/debian/?( |$)' | head -n 1
}
mirror=${MIRROR:-$(mirror || true)}
mirror=${mirror:-http://deb.debian.org/debian}
mirror=${mirror% }

place=$(mktemp -d "${TMPDIR:-/tmp}/wherry-base.XXXXXX")
trap '"${as_root[@]}" rm -rf "$place"' EXIT
root=$place/root

"${as_root[@]}" debootstrap --variant=minbase bookworm "$root" "$mirror"
"${as_root[@]}" tee "$root/etc/apt/sources.list" >/dev/null <<SOURCES
deb $mirror bookworm main
deb $mirror bookworm-updates main
deb ${mirror%/debian*}/debian-security bookworm-security main
SOURCES
# Caches stay empty in every layer above, too; documents and translations are not installed, but
# licences are.
"${as_root[@]}" tee "$root/etc/apt/apt.conf.d/90small" >/dev/null <<'CONF'
APT::Install-Recommends "false";
Acquire::Languages "none";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
CONF
"${as_root[@]}" tee "$root/etc/dpkg/dpkg.cfg.d/small" >/dev/null <<'CONF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
CONF
"${as_root[@]}" chroot "$root" apt-get clean
"${as_root[@]}" rm -rf "$root/var/lib/apt/lists" "$root/usr/share/man" "$root/usr/share/locale"
"${as_root[@]}" mkdir -p "$root/var/lib/apt/lists/partial"
"${as_root[@]}" tar -C "$root" -c . | docker import - "$tag"
docker image ls "$tag"
