//! Exports that are interrupted, repeated, and refused.

use std::{fs, path::Path};

use super::{
    Scratch, alone, files,
    log::{Log, export},
};
use crate::audit::{
    export::{Epoch, ExportError, Included, SourceError, Written},
    verify::Fault,
};

fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.strip_prefix(dir).unwrap().display().to_string();
    files(dir).iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

#[test]
fn the_same_log_gives_the_same_bytes_and_what_is_right_is_kept() {
    let log = super::bytes::with_a_value(700);
    let (one, two) = (Scratch::new("same-one"), Scratch::new("same-two"));
    assert_eq!(log.export(one.path()), Written { entries: 700, kept: 0 });
    log.export(two.path());
    assert!(contents(one.path()) == contents(two.path()));
    // As after an interruption.
    fs::remove_file(two.file("manifest.json")).unwrap();
    fs::remove_file(two.file("tile/entries/001")).unwrap();
    fs::write(two.file("tile/0/000"), b"half").unwrap();
    fs::write(two.file("tile/0/001.partial"), b"half").unwrap();
    fs::write(two.file("events.jsonl.partial"), b"half").unwrap();
    let cut = fs::read(two.file("tile/entries/002.p/188")).unwrap();
    fs::write(two.file("tile/entries/002.p/188"), &cut[..100]).unwrap();
    assert_eq!(log.export(two.path()), Written { entries: 700, kept: 256 });
    assert!(contents(one.path()) == contents(two.path()));
}

#[test]
fn a_directory_is_brought_up_to_date() {
    let (log, scratch, fresh) = (Log::of("a", 700), Scratch::new("grow"), Scratch::new("grow-fresh"));
    super::bytes::with_a_value(300).export(scratch.path());
    log.first(300).export(scratch.path());
    assert_eq!(log.export(scratch.path()), Written { entries: 700, kept: 256 });
    log.export(fresh.path());
    assert!(contents(scratch.path()) == contents(fresh.path()));
    let part = || log.epoch(Some(Included { first: 300, last: 300 }));
    assert_eq!(export(scratch.path(), part(), Vec::new()).unwrap(), Written { entries: 256, kept: 256 });
    assert_eq!(alone(scratch.path()).unwrap().epochs[0].count, 256);
}

#[test]
fn what_was_not_finished_is_no_export() {
    let (log, scratch) = (Log::of("a", 700), Scratch::new("unfinished"));
    log.export(scratch.path());
    let Epoch { head, .. } = log.epoch(None);
    let mut source = log.source();
    source.events.truncate(600);
    let files = ["tile/entries/001", "tile/entries/002.p/188"];
    files.iter().for_each(|name| fs::remove_file(scratch.file(name)).unwrap());
    let failed = export(scratch.path(), Epoch { head, source: Box::new(source) }, Vec::new()).unwrap_err();
    assert!(matches!(failed, ExportError::Source(SourceError::Missing(_))), "{failed}");
    assert_eq!(failed.to_string(), "one of the entries 512 to 699 is not in the database");
    assert!(matches!(alone(scratch.path()).unwrap_err().fault, Fault::NoManifest));
    assert_eq!(log.export(scratch.path()), Written { entries: 700, kept: 512 });
    assert!(alone(scratch.path()).is_ok());
}

#[test]
fn a_database_that_was_changed_is_noticed_and_the_event_named() {
    let (log, scratch) = (Log::of("a", 300), Scratch::new("database"));
    let mut source = log.source();
    source.events[257].body["n"] = 1.into();
    let head = log.epoch(None).head;
    let failed = export(scratch.path(), Epoch { head, source: Box::new(source) }, Vec::new()).unwrap_err();
    let id = log.events()[257].id;
    assert_eq!(
        failed.to_string(),
        format!("event {id} is not what the log has as its entry 257: the database was damaged or changed")
    );
}

#[test]
fn what_somebody_else_has_there_is_left_alone() {
    let (log, scratch) = (Log::of("a", 3), Scratch::new("taken"));
    fs::write(scratch.file("thesis.odt"), b"42").unwrap();
    let failed = export(scratch.path(), log.epoch(None), Vec::new()).unwrap_err();
    assert!(matches!(failed, ExportError::Foreign(_)) && failed.to_string().contains("thesis.odt"), "{failed}");
    assert_eq!(contents(scratch.path()).len(), 1);
}

#[test]
fn a_log_without_entries_can_be_exported() {
    let (log, scratch) = (Log::of("a", 0), Scratch::new("empty"));
    log.export(scratch.path());
    let report = alone(scratch.path()).unwrap();
    assert_eq!((report.epochs[0].size, report.epochs[0].entries), (0, None));
    assert!(report.to_string().contains("nothing of entries"), "{report}");
}
