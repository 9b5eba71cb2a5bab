#!/usr/bin/env bash
# Runs fuzz targets for a few seconds each, two at a time: a smoke test. See fuzz/README.md for long runs.
#
#   scripts/fuzz.sh [--seconds N] [TARGET]...      all targets when none is named
#   scripts/fuzz.sh --lock                         takes the versions of Cargo.lock into fuzz/Cargo.lock
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

if [ "${1:-}" = --lock ]; then
    cp Cargo.lock fuzz/Cargo.lock
    quietly cargo metadata --manifest-path fuzz/Cargo.toml --format-version 1
    exit
fi
seconds=5
if [ "${1:-}" = --seconds ]; then
    seconds=${2:?--seconds needs a number}
    shift 2
fi
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    mapfile -t targets < <(basename -s .rs fuzz/fuzz_targets/*.rs)
fi

# No sanitizer: there is no unsafe code to watch. Libraries are compiled as the tests compile them, so they are there.
RUSTC_WRAPPER=$ROOT/fuzz/rustc.sh CARGO_TARGET_DIR=$TARGET cargo build --locked --manifest-path fuzz/Cargo.toml --bin any

# What is found goes to the target directory; the committed corpus is only read.
one() {
    local target=$1 seconds=$2 kept=$TARGET/fuzz/$1 log
    [ -d "fuzz/corpus/$target" ] || die "there is no target $target"
    mkdir -p "$kept/corpus"
    log=$kept/log
    if ! FUZZ_TARGET=$target "$TARGET/debug/any" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -max_len=8192 \
        -artifact_prefix="$kept/" "$kept/corpus" "fuzz/corpus/$target" >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log" >&2
        die "$target failed: the input is in $kept; add it to fuzz/corpus/$target once it is mended"
    fi
    say "$target: $(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 runs in \2 s/p' "$log")"
}
export -f one say die
export TARGET
# shellcheck disable=SC2016
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'set -euo pipefail; one "$1" "$2"' fuzz {} "$seconds"
