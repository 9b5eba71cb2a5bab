//! The committed corpus goes through every target in each run of the tests: what once broke something stays found.

use std::{fs, path::Path};

use super::*;

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

#[test]
fn every_target_takes_its_corpus() {
    for (name, run) in TARGETS {
        let corpus: Vec<_> =
            fs::read_dir(fuzz().join("corpus").join(name)).unwrap().map(|file| file.unwrap()).collect();
        assert!(corpus.len() > 1, "{name} has no corpus");
        for file in corpus {
            run(&fs::read(file.path()).unwrap());
        }
        for odd in [&b""[..], b"\n", b"\n\n\n", b"\0", b"\xff\xfe", b": \r\n\r\n", &[b'%'; 300], &[b'['; 9000]] {
            run(odd);
        }
    }
}

#[test]
fn every_target_is_where_cargo_fuzz_looks_for_it() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let mut files: Vec<String> = fs::read_dir(fuzz().join("fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap().replace(".rs", ""))
        .collect();
    files.sort();
    assert_eq!(files, TARGETS.map(|(name, _)| name));
    for (name, _) in TARGETS {
        let text = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(text.contains(&format!("fuzz!(\"{name}\");")), "{text}");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(target(name).is_some());
    }
}

/// Other versions would be compiled anew, and be another program than the one that is fuzzed for.
#[test]
fn the_lock_has_the_versions_of_the_main_build() {
    let versions = |lock: &str| -> Vec<(String, String)> {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(lock)).unwrap();
        let value = |line: Option<&str>| line.unwrap().split('"').nth(1).unwrap().to_owned();
        let packages = text.split("[[package]]\n").skip(1).map(str::lines);
        packages.map(|mut lines| (value(lines.next()), value(lines.next()))).collect()
    };
    let (ours, main) = (versions("fuzz/Cargo.lock"), versions("Cargo.lock"));
    assert!(ours.len() > 100, "{}", ours.len());
    let own = ["sallyport-fuzz", "libfuzzer-sys", "arbitrary"];
    let others: Vec<_> = ours.iter().filter(|one| !main.contains(one) && !own.contains(&one.0.as_str())).collect();
    assert!(others.is_empty(), "run scripts/fuzz.sh --lock: {others:?}");
}
