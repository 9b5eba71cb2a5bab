#!/bin/sh
# Compiles for coverage what is fuzzed, and everything else as always: cargo takes that from the main build.
rustc=$1
shift
case " $* " in
*" --crate-name sallyport "*)
    set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
exec "$rustc" "$@"
