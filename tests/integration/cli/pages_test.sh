#!/usr/bin/env bash
# Manual pages and bash completion, as a build made them: every verb and program has a page that
# formats without a complaint and shows every flag of its --help; bash completes by the scripts.
#
#     tests/integration/cli/pages_test.sh BIN SHARE
set -euo pipefail
bin=$1
share=$2
pages=$share/man/man1

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

equal() { # WHAT GOT WANTED
    [ "$2" = "$3" ] || fail "$1: got \"$2\", wanted \"$3\""
}

# ---- pages ---------------------------------------------------------------------------------------

formatted() { # PAGE: as text without overstrikes; whatever man complains of fails
    local complaints
    complaints=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)
    [ -z "$complaints" ] || fail "$1: $complaints"
    LC_ALL=C.UTF-8 MANWIDTH=200 man -l "$1" | col -b
}

shows_help() { # PAGE COMMAND…: each flag of --help stands on the page
    local page=$1 text flag
    shift
    text=$(formatted "$page")
    for flag in $("$@" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
        grep -qF -- "$flag" <<<"$text" || fail "$page does not show $flag"
    done
    grep -qF "EXAMPLES" <<<"$text" || fail "$page has no examples"
}

for program in wherry-broker wherry-worker; do
    shows_help "$pages/$program.1" "$bin/$program"
done
whole=$(formatted "$pages/wherry.1")
for verb in $("$bin/wherry" --verbs); do
    page=wherry-$verb
    [ "$verb" != worker ] || page=wherry-worker-hosts
    shows_help "$pages/$page.1" "$bin/wherry" "$verb"
    grep -qF "$page(1)" <<<"$whole" || fail "wherry.1 does not name $page(1)"
    "$bin/wherry" --help | grep -qE "^  $verb " || fail "wherry --help does not name $verb"
done
! command -v mandoc >/dev/null || mandoc -T lint -W error "$pages"/*.1 || fail "mandoc complains"
echo "ok: pages"

# ---- completion ----------------------------------------------------------------------------------

compopt() { :; } # works only while bash itself completes
for program in wherry wherry-broker wherry-worker; do
    # shellcheck disable=SC1090
    . "$share/bash-completion/completions/$program"
done

complete_line() { # WORD…: what bash would offer for the last of them
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    "_${1//-/_}"
    echo "${COMPREPLY[*]}"
}

equal verb "$(complete_line wherry sub)" submit
equal verbs "$(complete_line wherry w)" "wait worker"
equal "help of a verb" "$(complete_line wherry help re)" result
equal flag "$(complete_line wherry map --jo)" --joblog
equal choice "$(complete_line wherry map --halt '')" "never soon now"
equal format "$(complete_line wherry status -o j)" json
equal "no choice" "$(complete_line wherry submit --timeout '')" ""
equal action "$(complete_line wherry queue sh)" show
equal benchmark "$(complete_line wherry bench th)" throughput
equal "broker's flag" "$(complete_line wherry-broker --check-)" --check-config
equal "broker's level" "$(complete_line wherry-broker --log w)" warn
equal "worker's flag" "$(complete_line wherry-worker --max)" --max-processes
for verb in $("$bin/wherry" --verbs); do
    equal "$verb" "$(complete_line wherry "$verb" --versi)" --version
done
bash -n "$share/bash-completion/completions/wherry"
echo "ok: completion"
