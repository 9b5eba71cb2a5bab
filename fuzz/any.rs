//! Any target, as `FUZZ_TARGET` says: one program to build and link where cargo-fuzz has many.

#![no_main]

use std::sync::LazyLock;

static NAME: LazyLock<String> = LazyLock::new(|| std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| sallyport_fuzz::run(&NAME, data));
