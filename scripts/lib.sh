# shellcheck shell=bash
# Shared by the scripts beside it; source it, do not run it.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# What the scripts build or install for themselves lives below cargo's target directory.
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
# shellcheck disable=SC2034
TOOLS=$TARGET/tools

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }

die() {
    say "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command quietly; its output is shown only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# The directory of the newest Postgres server's programs; empty when there is none.
postgres_bin() {
    local dir newest=
    while IFS= read -r dir; do
        [ -x "$dir/initdb" ] && newest=$dir
    done < <(printf '%s\n' /opt/homebrew/opt/postgresql*/bin /usr/lib/postgresql/*/bin | sort -V)
    if [ -z "$newest" ] && have initdb; then
        newest=$(dirname "$(command -v initdb)")
    fi
    echo "$newest"
}

# The browser that the tests drive; empty when there is none. CHROMIUM names another one.
chromium_bin() {
    local name
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome; do
        if have "$name"; then
            command -v "$name"
            return
        fi
    done
}
