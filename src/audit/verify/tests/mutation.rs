//! Each way to tamper with an export, and what is said of it.

use std::fs;

use super::{
    Scratch, alone,
    log::{Log, export},
    with_key,
};
use crate::{
    audit::{
        export::{Epoch, Extent, Manifest, digest},
        log::{Hash, bundle, entry_hash, unbundle},
        verify::Fault,
    },
    store::audit::EventRow,
};

/// What is said of an export whose first bundle was changed.
fn changed_bundle(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> String {
    let (log, scratch) = (Log::of("a", 300), Scratch::new("bundle"));
    log.export(scratch.path());
    let file = scratch.file("tile/entries/000");
    let bytes = fs::read(&file).unwrap();
    let mut entries: Vec<Vec<u8>> = unbundle(&bytes, 256).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    change(&mut entries);
    fs::write(&file, bundle(entries.iter().map(Vec::as_slice))).unwrap();
    with_key(scratch.path(), &log.key()).unwrap_err().to_string()
}

#[test]
fn the_entry_that_does_not_hold_is_named() {
    let log = Log::of("a", 300);
    let name = |index: usize| format!("(event {}), in tile/entries/000: ", log.events()[index].id);
    let edited = changed_bundle(|entries| {
        let text = String::from_utf8(entries[5].clone()).unwrap();
        entries[5] = text.replace("\"n\":5", "\"n\":6").into_bytes();
    });
    assert_eq!(edited, format!("entry 5 {}it is not the entry that the tree has at this place", name(5)));
    let moved = |to: u64| format!("the tree has this entry as its entry {to}: entries were dropped, inserted or moved");
    let dropped = changed_bundle(|entries| drop(entries.remove(5)));
    assert_eq!(dropped, format!("entry 5 {}{}", name(6), moved(6)));
    let twice = changed_bundle(|entries| entries.insert(6, entries[5].clone()));
    assert_eq!(twice, format!("entry 6 {}{}", name(5), moved(5)));
    let swapped = changed_bundle(|entries| entries.swap(100, 200));
    assert_eq!(swapped, format!("entry 100 {}{}", name(200), moved(200)));
    let other = Log::of("b", 1).entry(0);
    let inserted = changed_bundle(|entries| entries.insert(7, other.bytes().to_vec()));
    assert!(inserted.starts_with("entry 7 (event ") && inserted.ends_with("at this place"), "{inserted}");
    let garbage = changed_bundle(|entries| entries[9] = b"{".to_vec());
    assert_eq!(garbage, "entry 9, in tile/entries/000: it is not the entry that the tree has at this place");
    let short = changed_bundle(|entries| drop(entries.pop()));
    assert_eq!(short, "tile/entries/000: a bundle of entries that is not made of 256 entries");
    let long = changed_bundle(|entries| entries.push(other.bytes().to_vec()));
    assert_eq!(long, short);
}

/// An export of a log that was tampered with, tree, views and digests and all, under the checkpoint that was signed.
fn forged(log: &Log, forged: &Log) -> String {
    let scratch = Scratch::new("forged");
    let head = log.epoch(None).head;
    let written = export(scratch.path(), Epoch { head, source: Box::new(forged.source()) }, Vec::new());
    written.unwrap();
    with_key(scratch.path(), &log.key()).unwrap_err().to_string()
}

#[test]
fn a_whole_tree_that_was_made_anew_is_not_the_one_that_was_signed() {
    type Change = fn(&mut Vec<EventRow>);
    let (log, more) = (Log::of("a", 300), Log::of("a", 301));
    let changes: [(&Log, Change); 5] = [
        (&log, |events| events[17].body["n"] = 18.into()),
        (&more, |events| drop(events.remove(17))),
        (&more, |events| drop(events.drain(..1))),
        (&log, |events| events.swap(17, 18)),
        (&log, |events| {
            events.insert(17, events[0].clone());
            events.truncate(300);
        }),
    ];
    for (from, change) in changes {
        let said = forged(&log, &from.clone().with(change));
        assert!(said.starts_with("checkpoint: its root is not the one"), "{said}");
    }
    let (one, two) = (Log::of("a", 300), Log::of("b", 300));
    let splice = one.clone().with(|events| events[150..].clone_from_slice(&two.events()[150..]));
    assert!(forged(&one, &splice).starts_with("checkpoint: its root is not the one"));
}

#[test]
fn a_log_that_was_cut_off_is_not_the_one_that_was_signed() {
    let (log, scratch) = (Log::of("a", 300), Scratch::new("cut"));
    let mut head = log.epoch(None).head;
    head.extent = Extent::all(256).unwrap();
    export(scratch.path(), Epoch { head, source: Box::new(log.first(256).source()) }, Vec::new()).unwrap();
    let refused = with_key(scratch.path(), &log.key()).unwrap_err();
    assert!(matches!(refused.fault, Fault::Missing) && refused.file == "tile/0/001.p/44", "{refused}");
}

#[test]
fn a_part_of_another_log_is_not_taken_in() {
    let (log, other) = (Log::of("a", 700), Log::of("b", 700));
    let (one, two) = (Scratch::new("splice-one"), Scratch::new("splice-two"));
    log.export(one.path());
    other.export(two.path());
    for name in ["tile/0/001", "tile/entries/001"] {
        fs::copy(two.file(name), one.file(name)).unwrap();
    }
    let refused = with_key(one.path(), &log.key()).unwrap_err();
    assert!(
        matches!(refused.fault, Fault::Hashes { first: 256, last: 511 }) && refused.file == "tile/0/001",
        "{refused}"
    );
}

#[test]
fn another_key_is_noticed_by_whoever_has_the_right_one() {
    let (log, forged) = (Log::of("a", 10), Log::signed_with("a", 10, 9));
    let scratch = Scratch::new("key");
    forged.export(scratch.path());
    let refused = with_key(scratch.path(), &log.key()).unwrap_err();
    assert!(matches!(refused.fault, Fault::NotByKey), "{refused}");
    let elsewhere = with_key(scratch.path(), &Log::of("b", 1).key()).unwrap_err();
    assert!(matches!(elsewhere.fault, Fault::OtherKey(_)), "{elsewhere}");
    let report = alone(scratch.path()).unwrap();
    assert!(!report.authenticated());
    let text = report.to_string();
    assert!(text.starts_with("consistent; signer NOT authenticated\n"), "{text}");
    assert!(text.contains("no rollback, no fork"), "{text}");
    let text = with_key(scratch.path(), &forged.key()).unwrap().to_string();
    assert!(text.starts_with("verified\n") && text.contains("signed by   auth.example.com/audit/"), "{text}");
}

#[test]
fn what_the_manifest_does_not_name_is_refused_and_what_it_names_must_be_there() {
    let (log, scratch) = (Log::of("a", 300), Scratch::new("foreign"));
    log.export(scratch.path());
    let said = || alone(scratch.path()).unwrap_err().to_string();
    let foreign = "it is no part of the export: the manifest does not name it";
    for name in ["notes.txt", "tile/0/002", "tile/entries/001", "tile/1/000", "tile/x", "events.jsonl.partial"] {
        fs::write(scratch.file(name), b"").unwrap();
        assert_eq!(said(), format!("{name}: {foreign}"));
        fs::remove_file(scratch.file(name)).unwrap();
    }
    fs::create_dir_all(scratch.file("previous/1")).unwrap();
    assert_eq!(said(), format!("previous: {foreign}"));
    fs::remove_dir_all(scratch.file("previous")).unwrap();
    for name in super::files(scratch.path()) {
        let away = scratch.path().with_extension("away");
        fs::rename(&name, &away).unwrap();
        let refused = alone(scratch.path()).unwrap_err();
        assert!(matches!(refused.fault, Fault::Missing | Fault::NoManifest), "{refused}");
        assert!(name.ends_with(&refused.file));
        std::os::unix::fs::symlink(&away, &name).unwrap();
        let refused = alone(scratch.path()).unwrap_err();
        assert!(matches!(refused.fault, Fault::NotPlain) && name.ends_with(&refused.file), "{refused}");
        fs::rename(&away, &name).unwrap();
    }
    assert!(alone(scratch.path()).is_ok());
}

/// Writes a file and makes its digests right, as somebody would who cannot sign.
fn forge(scratch: &Scratch, name: &str, bytes: &[u8]) {
    let parse = || Manifest::parse(&fs::read(scratch.file("manifest.json")).unwrap()).unwrap();
    let mut manifest = parse();
    let old = manifest.files.insert(name.to_owned(), digest(bytes)).unwrap();
    fs::write(scratch.file(name), bytes).unwrap();
    let sums = fs::read_to_string(scratch.file("SHA256SUMS")).unwrap().replace(&old.sha256, &digest(bytes).sha256);
    fs::write(scratch.file("SHA256SUMS"), &sums).unwrap();
    manifest.files.insert("SHA256SUMS".to_owned(), digest(sums.as_bytes()));
    fs::write(scratch.file("manifest.json"), manifest.bytes()).unwrap();
}

#[test]
fn a_view_follows_from_the_entries() {
    let (log, scratch) = (Log::of("a", 10), Scratch::new("view"));
    log.export(scratch.path());
    let text = fs::read_to_string(scratch.file("events.jsonl")).unwrap();
    let id = log.events()[4].id;
    assert!(
        text.lines().nth(4).unwrap().starts_with("{\"index\":4,\"event\":{\"at\":\"2026-08-03T10:00:04.000000Z\""),
        "{text}"
    );
    forge(&scratch, "events.jsonl", text.replace("\"n\":4", "\"n\":5").as_bytes());
    let said = alone(scratch.path()).unwrap_err().to_string();
    assert_eq!(
        said,
        format!("entry 4 (event {id}), in events.jsonl: the line is not the one that follows from the entry")
    );
    forge(&scratch, "events.jsonl", (text.clone() + "{}\n").as_bytes());
    assert_eq!(alone(scratch.path()).unwrap_err().to_string(), "events.jsonl: it goes on after the last entry");
    forge(&scratch, "events.jsonl", text.as_bytes());
    assert!(alone(scratch.path()).is_ok());
    // What proves nothing is what the manifest says it is; whoever makes a new manifest can change it.
    fs::write(scratch.file("README.md"), b"Trust us.").unwrap();
    assert_eq!(
        alone(scratch.path()).unwrap_err().to_string(),
        "README.md: its length or SHA-256 is not the one that the manifest has"
    );
}

#[test]
fn a_value_is_what_was_committed_to() {
    let (log, scratch) = (super::bytes::with_a_value(10), Scratch::new("value"));
    log.export(scratch.path());
    assert_eq!(alone(scratch.path()).unwrap().epochs[0].values, 1);
    let text = fs::read_to_string(scratch.file("values.jsonl")).unwrap();
    let id = log.events()[1].id;
    for (from, to, said) in [
        ("\"value\":\"YWRh\"", "\"value\":\"YWRi\"", "the value: it is not what its commitment was made of"),
        ("\"kind\":\"personal\"", "\"kind\":\"secret\"", "the value: it is not a value"),
        ("\"event\":\"01", "\"event\":\"02", "the value: the entry does not have its commitment"),
    ] {
        forge(&scratch, "values.jsonl", text.replace(from, to).as_bytes());
        let refused = alone(scratch.path()).unwrap_err().to_string();
        assert_eq!(refused, format!("entry 1 (event {id}), in values.jsonl: {said}"));
    }
    forge(&scratch, "values.jsonl", text.replace("\"index\":1", "\"index\":11").as_bytes());
    assert_eq!(alone(scratch.path()).unwrap_err().to_string(), "values.jsonl: a value belongs to no entry here");
}

#[test]
fn an_entry_that_is_not_canonical_is_none_even_where_it_was_signed() {
    let (log, scratch) = (Log::of("a", 3), Scratch::new("form"));
    let text = String::from_utf8(log.entry(1).bytes().to_vec()).unwrap().replace("\"n\":1", "\"n\": 1");
    log.export(scratch.path());
    let entries = [log.entry(0).bytes().to_vec(), text.into_bytes(), log.entry(2).bytes().to_vec()];
    fs::write(scratch.file("tile/entries/000.p/3"), bundle(entries.iter().map(Vec::as_slice))).unwrap();
    let leaves: Vec<Hash> = entries.iter().map(|entry| entry_hash(entry)).collect();
    let tile: Vec<u8> = leaves.iter().flat_map(|hash| hash.0).collect();
    let old = fs::read(scratch.file("tile/0/000.p/3")).unwrap();
    fs::write(scratch.file("tile/0/000.p/3"), &tile).unwrap();
    let sums = fs::read_to_string(scratch.file("SHA256SUMS")).unwrap();
    fs::write(scratch.file("SHA256SUMS"), sums.replace(&digest(&old).sha256, &digest(&tile).sha256)).unwrap();
    let (root, note) = log.sign(&leaves);
    fs::write(scratch.file("checkpoint"), note).unwrap();
    let mut manifest = Manifest::parse(&fs::read(scratch.file("manifest.json")).unwrap()).unwrap();
    manifest.checkpoint.root = root;
    fs::write(scratch.file("manifest.json"), manifest.bytes()).unwrap();
    let said = with_key(scratch.path(), &log.key()).unwrap_err().to_string();
    assert!(said.starts_with("entry 1 ") && said.ends_with("it is not in canonical form (RFC 8785)"), "{said}");
}
