#!/usr/bin/env bash
# Puts the pictures that docs name into docs/screenshots, from what the browser tests left behind, as small as can be.
#
#     cargo test --test it browser:: && scripts/screenshots.sh [NAME...]
#
# Without names: all that docs name and the tests make. Others are made by hand, as docs/architecture.md says.
set -euo pipefail
cd "$(dirname "$0")/.."
made=${CARGO_TARGET_DIR:-target}/tmp
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(grep -rhoE 'screenshots/[a-z-]+\.png' docs README.md | sed 's|screenshots/||; s|\.png||' | sort -u)
for name in "${names[@]}"; do
    for of in first everybody security identity console platform; do
        if [ -e "$made/$of/$name.png" ]; then
            # docs::pictures_are_small says how large a picture may be.
            for colours in 128 64 32 16; do
                pngquant --strip --force --speed 1 "$colours" --output "docs/screenshots/$name.png" "$made/$of/$name.png"
                [ "$(stat -c %s "docs/screenshots/$name.png")" -ge 150000 ] || break
            done
            break
        fi
    done
done
