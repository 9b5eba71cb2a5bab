//! A byte that is another, one too few, and one too many: anywhere.

use std::fs;

use super::{
    Scratch, alone, files,
    log::{Log, export},
};
use crate::audit::export::{Value, digest};

/// A log whose entry 1 has a commitment to a value.
pub(super) fn with_a_value(size: u64) -> Log {
    let commitment = format!("sha256:{}", digest(b"0123456789abcdefada").sha256);
    let (salt, value) = ("MDEyMzQ1Njc4OWFiY2RlZg==".to_owned(), "YWRh".to_owned());
    let value = Value { index: 1, event: String::new(), commitment, kind: "personal".to_owned(), salt, value };
    Log::of("a", size).with_value(1, value)
}

#[test]
fn no_byte_of_an_export_can_be_another() {
    let scratch = Scratch::new("bytes");
    with_a_value(2).export(scratch.path());
    assert!(alone(scratch.path()).is_ok());
    let mut flips = 0;
    for file in files(scratch.path()) {
        let good = fs::read(&file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&file, &bad).unwrap();
            assert!(alone(scratch.path()).is_err(), "{file:?} at {at}");
            flips += 1;
        }
        let (short, long) = (&good[..good.len() - 1], [&good[..], b"\n"].concat());
        for bad in [short, &long, b""] {
            fs::write(&file, bad).unwrap();
            assert!(alone(scratch.path()).is_err(), "{file:?} with {} bytes", bad.len());
        }
        fs::write(&file, good).unwrap();
    }
    assert!(flips > 5_000, "{flips}");
    assert!(alone(scratch.path()).is_ok());
}

/// Of upper and lower tiles, bundles that are full, and of what is below `previous/`: one byte of each file.
#[test]
fn no_file_of_a_larger_export_can_be_another() {
    let scratch = Scratch::new("bytes-large");
    let old = Log::of("a", 520);
    let new = Log::restarted(&old, 2, 300);
    export(scratch.path(), new.epoch(None), vec![old.epoch(None)]).unwrap();
    assert!(alone(scratch.path()).is_ok());
    for file in files(scratch.path()) {
        let good = fs::read(&file).unwrap();
        for at in [0, good.len() / 3, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            assert!(alone(scratch.path()).is_err(), "{file:?} at {at}");
        }
        fs::write(&file, good).unwrap();
    }
}
