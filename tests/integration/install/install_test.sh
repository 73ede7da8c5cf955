#!/usr/bin/env bash
# What `cmake --install` gives is whole: installs a build into a temporary prefix, builds a consumer
# in C and in C++ by pkg-config and by find_package, and runs the installed programs with it.
#
#     tests/integration/install/install_test.sh BUILD-FOLDER
#
# ctest sets $CC, $WHERRY_SANITIZE (what the libraries were built with), $PREFIX and $LIBDIR (what
# the build was configured for).
set -euo pipefail
build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
cc=${CC:-cc}
libdir=${LIBDIR:-lib}

place=$(mktemp -d "${TMPDIR:-/tmp}/wherry-install.XXXXXX")
root=$place/root
broker=''
worker=''
clean_up() {
    local pid
    for pid in $worker $broker; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$place"
}
trap clean_up EXIT

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    for log in "$place"/*.log; do
        [ -s "$log" ] || continue
        printf -- '--- last lines of %s\n' "${log##*/}" >&2
        tail -n 20 "$log" >&2
    done
    exit 1
}

run() { # NAME COMMAND…: its output goes into NAME.log, which is shown if it fails
    local name=$1
    shift
    "$@" >"$place/$name.log" 2>&1 || fail "$name: $*"
    printf 'ok: %s\n' "$name"
}

until_true() { # SECONDS COMMAND…
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# ---- installed, and in its place ---------------------------------------------------------------

run install cmake --install "$build" --prefix "$root"
for file in bin/wherry bin/wherry-broker bin/wherry-worker include/wherry.h \
    include/wherry_worker.h include/wherry_base.h "$libdir/libwherry.so.0" \
    "$libdir/libwherry-worker.so.0" "$libdir/pkgconfig/wherry.pc" \
    "$libdir/wherry/examples/wordcount" lib/systemd/system/wherry-broker.service \
    lib/systemd/system/wherry-worker@.service lib/sysusers.d/wherry.conf \
    share/man/man1/wherry.1.gz share/man/man1/wherry-broker.1.gz share/man/man1/wherry-worker.1.gz \
    share/bash-completion/completions/wherry share/doc/wherry/examples/broker.conf; do
    [ -e "$root/$file" ] || fail "$file was not installed"
done
for program in wherry wherry-broker wherry-worker; do
    "$root/bin/$program" --version >"$place/version.log" 2>&1 || fail "$program --version"
    printf 'ok: %s\n' "$(cat "$place/version.log")"
done
strangers=$(for library in wherry wherry-worker; do
    nm -D --defined-only "$root/$libdir/lib$library.so"
done | awk '$3 !~ /^wherry_/ { print $3 }')
[ -z "$strangers" ] || fail "the libraries export more than wherry_*: $strangers"
if ldd "$root/bin/wherry" "$root/bin/wherry-worker" | grep libwherry | grep -v " $root/"; then
    fail "an installed program takes a library from elsewhere"
fi

# ---- a consumer, both ways, in both languages --------------------------------------------------

flags=()
[ -z "${WHERRY_SANITIZE:-}" ] || flags=("-fsanitize=$WHERRY_SANITIZE")
case $cc in
*clang*) cxx=clang++ ;;
*) cxx=g++ ;;
esac
command -v "$cxx" >/dev/null || cxx=''

export PKG_CONFIG_PATH=$root/$libdir/pkgconfig
read -r -a packaged <<<"$(pkg-config --cflags --libs wherry wherry-worker)"
run pkg-config-c "$cc" "${flags[@]}" -Wall -Wextra -Werror -o "$place/hello" \
    "$top/examples/hello.c" "${packaged[@]}" "-Wl,-rpath,$root/$libdir"
if [ -n "$cxx" ]; then
    run pkg-config-c++ "$cxx" "${flags[@]}" -std=c++17 -Wall -Wextra -Wpedantic -Werror \
        -o "$place/greet" "$here/consumer/greet.cpp" "${packaged[@]}" "-Wl,-rpath,$root/$libdir"
    run greet "$place/greet"
else
    echo "SKIPPED: the consumer in C++: no compiler"
fi

mkdir "$place/consumer"
cp "$here/consumer/CMakeLists.txt" "$here/consumer/greet.cpp" "$top/examples/hello.c" \
    "$place/consumer"
CC=$cc CXX=$cxx run find_package cmake -G Ninja -S "$place/consumer" -B "$place/consumer/build" \
    "-DCMAKE_PREFIX_PATH=$root" "-DCMAKE_C_FLAGS=${flags[*]}" "-DCMAKE_CXX_FLAGS=${flags[*]}" \
    "-DWITH_CXX=${cxx:+ON}"
run find_package-build cmake --build "$place/consumer/build"

# ---- it works ----------------------------------------------------------------------------------

unset WHERRY_KEYS
export WHERRY_BROKER=ipc://$place/broker
"$root/bin/wherry-broker" --listen "$WHERRY_BROKER" --http off --store memory: \
    >"$place/broker.log" 2>&1 &
broker=$!
"$place/consumer/build/hello" work --processes 2 >"$place/worker.log" 2>&1 &
worker=$!
until_true 30 grep -q msg=ready "$place/worker.log" || fail "the worker did not come up"
run submit "$root/bin/wherry" submit --wait --timeout 30 square 12
[ "$(cat "$place/submit.log")" = 144 ] || fail "12 times 12 is not $(cat "$place/submit.log")"
for address in "$WHERRY_BROKER" local:; do # the second has to find the installed broker
    run hello "$place/hello" "$address"
    grep -q '9 times 9 is 81' "$place/hello.log" || fail "hello $address did not print its squares"
done

# ---- units -------------------------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
    mkdir "$place/units"
    for unit in "$root"/lib/systemd/system/*; do
        sed -e "s|=${PREFIX:-/usr/local}/bin/|=$root/bin/|" \
            -e '/^Documentation=/d' "$unit" >"$place/units/${unit##*/}"
    done
    run systemd-analyze-verify systemd-analyze verify --man=no --recursive-errors=no \
        "$place/units/wherry-broker.service" "$place/units/wherry-worker@.service"
    [ ! -s "$place/systemd-analyze-verify.log" ] || fail "systemd-analyze verify has remarks"
    run systemd-analyze-security systemd-analyze security --offline=yes --threshold=20 \
        "$place/units/wherry-broker.service"
else
    echo "SKIPPED: systemd-analyze verify: no systemd-analyze here"
fi
