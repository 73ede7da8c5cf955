#!/usr/bin/env bash
# Lets the programs of a build write their manual pages and bash completions.
#
#     packaging/manual.sh BIN SHARE      SHARE/man/man1/*.1, SHARE/bash-completion/completions/*
#
# SHARE/compressed/man1/*.1.gz is what of the pages is installed.
set -euo pipefail
bin=$1
share=$2
pages=$share/man/man1
completions=$share/bash-completion/completions
rm -rf "$share/man" "$share/bash-completion" "$share/compressed"
mkdir -p "$pages" "$completions"
for program in wherry wherry-broker wherry-worker; do
    "$bin/$program" --manual >"$pages/$program.1"
    "$bin/$program" --completion >"$completions/$program"
done
"$bin/wherry" --verbs | while read -r verb; do
    "$bin/wherry" "$verb" --manual >"$pages/page"
    name=$(sed -n '/^.SH NAME/{n;s/ .*//;s/\\//g;p}' "$pages/page") # not always wherry-VERB
    mv "$pages/page" "$pages/$name.1"
done
mkdir "$share/compressed"
cp -r "$share/man/man1" "$share/compressed"
gzip -9n "$share/compressed/man1"/*
