#!/usr/bin/env bash
# Where the processor time of one call goes: a sampled profile of Sallyport under the load of `make bench`, at 16
# connections, as a table for docs/benchmarks.md. Needs Linux and perf (Debian: linux-perf), and a build with symbols:
#
#   CARGO_PROFILE_RELEASE_STRIP=none cargo bench --locked --bench gateway --no-run
#   scripts/profile.sh PROGRAM [before|overlap]      PROGRAM is what the line above names: target/release/deps/gateway-…
set -euo pipefail
source "$(dirname "$0")/lib.sh"

program=${1:-} evidence=${2:-overlap}
[ -x "$program" ] || die "name the benchmark's program: cargo bench --locked --bench gateway --no-run says which it is"
have perf || die "perf is missing (Debian: apt-get install linux-perf)"
export PATH=$PATH:/usr/sbin
scratch=$(mktemp -d /tmp/sallyport-profile.XXXXXX)
trap 'rm -rf "$scratch"' EXIT

# One line at 1, 16 and 64 connections, six seconds each. A process of load is started for each of them.
"$program" --bench --rounds 1 --seconds 6 --only "Sallyport, $evidence" >"$scratch/said" &
bench=$!
load() { pgrep -P "$bench" -f -- '--role load' || true; }
alive() { kill -0 "$bench" 2>/dev/null || die "the benchmark ended early: $(cat "$scratch/said")"; }
while [ -z "$(load)" ]; do alive; sleep 0.1; done
first=$(load)
while [ -z "$(load)" ] || [ "$(load)" = "$first" ]; do alive; sleep 0.1; done
sleep 1
serve=$(pgrep -P "$bench" -f 'sallyport serve')
perf record -q -e cpu-clock -F 999 --call-graph dwarf,4096 -o "$scratch/data" -p "$serve" -- sleep 4 2>/dev/null
wait "$bench"

# The sixth number from the end of the second table's line, before database, load and memory.
micros=$(awk '/^Sallyport, / && ++n == 2 { print $(NF - 3) }' "$scratch/said")
perf script -i "$scratch/data" -F comm,ip,sym 2>/dev/null | awk -v micros="$micros" -v evidence="$evidence" '
    # A stack, innermost frame first. What everything passes through is told by the innermost frame that says something;
    # the first three are told wherever they are in the stack.
    function group(  n, at) {
        if (all ~ /calls::writer|sqlx_/) return "the writer of events: batches, and its connection to PostgreSQL"
        if (all ~ /do_writev|tcp_sendmsg/) return "kernel: sending, and waking who receives"
        if (all ~ /sys_recvfrom|tcp_recvmsg/) return "kernel: receiving"
        if (all ~ /epoll|futex|eventfd|__schedule/) return "kernel and tokio: waiting, and waking threads"
        if (all ~ /tracing_subscriber|tracing_core|tracing::span|sharded_slab/) return "the line of log and its span"
        if (all ~ /malloc|_int_free|libc_free|realloc|tcache|unlink_chunk/) return "malloc and free"
        for (at = 1; at <= frames; at++) {
            n = frame[at]
            if (n ~ /sallyport::mcp|serde_json::(de|read)/) return "strict JSON, checks of the message, digest of the arguments"
            if (n ~ /calls::row|serde_json::ser|new_uuid|gateway::(witness|ending)|aws_lc.*(rand|aes)/)
                return "the two events: JSON, ids, randomness"
            if (n ~ /sallyport::(token|cluster|keys|secret)/) return "token: HMAC, cache, lease"
            if (n ~ /axum|tower|hyper_util::service/) return "routes and layers (axum, tower)"
            if (n ~ /sallyport::/) return "the gateway: decision, headers, order of things"
            if (n ~ /hyper|httparse|http::|bytes::/) return "HTTP/1 on both sides: reading, writing, pool (hyper)"
            if (n ~ /tokio/) return "tokio: tasks, channels, timers"
        }
        return "the rest"
    }
    function close_stack() { if (frames) { count[group()]++; total++ } frames = 0; all = "" }
    /^[^ \t]/ || NF == 0 { close_stack(); next }
    NF > 1 { sub(/^[ \t]*[0-9a-f]+ /, ""); frame[++frames] = $0; all = all "\n" $0 }
    END {
        close_stack()
        printf "| one call, `%s`, 16 connections | µs | share |\n|---|--:|--:|\n", evidence
        for (name in count)
            printf "| %s | %.1f | %.0f %% |\n", name, micros * count[name] / total, 100 * count[name] / total | "sort -t \"|\" -k 3,3 -rn"
        close("sort -t \"|\" -k 3,3 -rn")
        printf "| all (%d samples) | %.1f | 100 %% |\n", total, micros
    }'
