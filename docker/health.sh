#!/bin/bash
# Is this container healthy? The image's HEALTHCHECK: a broker must answer a question, a worker must
# be known to its broker with at least one process; a container with neither is healthy as it is.
#
#     wherry-health
set -euo pipefail

runs() { # NAME: is there a process of that name here?
    local comm name
    for comm in /proc/[0-9]*/comm; do
        read -r name 2>/dev/null <"$comm" || continue
        # The kernel keeps fifteen characters.
        [ "$name" != "${1:0:15}" ] || return 0
    done
    return 1
}

if runs wherry-broker; then
    exec wherry status --broker tcp://127.0.0.1:7380
elif runs wherry-worker; then
    # A row a process: HOST PID STATE …
    wherry pool "${WHERRY_POOL:-default}" |
        awk -v host="$HOSTNAME" '$1 == host && $2 ~ /^[0-9]+$/ { found = 1 } END { exit !found }'
fi
