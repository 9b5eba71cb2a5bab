#!/usr/bin/env bash
# House rules that no compiler knows: no long files, no leftover notes, no paths of somebody's machine.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

limit=600
advised=400
failed=false

code() { git ls-files -- '*.rs' '*.mjs' '*.sh' '*.sql' '*.html' '*.css' '*.toml' Makefile .ci/run; }

while IFS= read -r file; do
    [ -f "$file" ] || continue
    lines=$(wc -l <"$file")
    if [ "$lines" -gt "$limit" ]; then
        say "$file has $lines lines, $limit is the limit: split it"
        failed=true
    elif [ "$lines" -gt "$advised" ]; then
        say "note: $file has $lines lines; $advised is what we aim for"
    fi
done < <(code)

# The brackets keep this file from finding itself.
if git grep -nIwE 'TO[D]O|FIX[M]E|X[X]X' -- ':!*lock*' ':!LICENSE'; then
    say "the lines above hold leftover notes: do it now, or write an issue"
    failed=true
fi

# Home directories, and the place where this checkout lies unless every system has it.
paths='root|home/[a-z]+|Users/[A-Za-z]+'
place=$(printf '%s' "$ROOT" | cut -d / -f 2)
if [[ ! $place =~ ^(etc|home|media|mnt|opt|private|root|run|srv|tmp|usr|var|Users|Volumes)$ && $place =~ ^[A-Za-z0-9_-]+$ ]]; then
    paths="$paths|$place"
fi
if git grep -nIE "(^|[^A-Za-z0-9_.\$}~-])/($paths)/" -- ':!*lock*' ':!scripts/check-files.sh'; then
    say "the lines above name a path of one particular machine"
    failed=true
fi

while IFS= read -r script; do
    bash -n "$script" || failed=true
done < <(git ls-files -- '*.sh' .ci/run)

if have node; then
    while IFS= read -r program; do
        node --check "$program" || failed=true
    done < <(git ls-files -- '*.mjs')
fi

if "$failed"; then exit 1; fi
say "$(code | wc -l) files are short and clean"
