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
fn nothing_is_written_through_a_link() {
    let (log, elsewhere) = (Log::of("a", 300), Scratch::new("links-elsewhere"));
    fs::write(elsewhere.file("kept"), b"42").unwrap();
    for name in ["tile", "tile/0", "tile/entries/000.partial", "events.jsonl.partial", "checkpoint", "previous"] {
        let scratch = Scratch::new("links");
        log.export(scratch.path());
        let _ = fs::remove_file(scratch.file(name));
        let _ = fs::remove_dir_all(scratch.file(name));
        let to = if name.contains('.') { elsewhere.file("kept") } else { elsewhere.path().to_owned() };
        std::os::unix::fs::symlink(to, scratch.file(name)).unwrap();
        let failed = export(scratch.path(), log.epoch(None), Vec::new()).unwrap_err();
        assert!(matches!(&failed, ExportError::Link(path) if *path == scratch.file(name)), "{name}: {failed}");
        assert_eq!(contents(elsewhere.path()), [("kept".to_owned(), b"42".to_vec())], "{name}");
    }
    // The directory itself is whoever's who names it.
    let (scratch, link) = (Scratch::new("links-out"), Scratch::new("links-out-link"));
    std::os::unix::fs::symlink(scratch.path(), link.file("out")).unwrap();
    log.export(&link.file("out"));
    assert!(alone(scratch.path()).is_ok());
}

#[test]
fn a_file_among_tiles_that_is_none_is_left_alone() {
    let log = Log::of("a", 300);
    for name in
        ["tile/notes.txt", "tile/0/001.p/300", "tile/9/000", "tile/entries/0", "tile/0/000.orig", "previous/x/y"]
    {
        let scratch = Scratch::new("among-tiles");
        log.export(scratch.path());
        fs::create_dir_all(scratch.file(name).parent().unwrap()).unwrap();
        fs::write(scratch.file(name), b"42").unwrap();
        let failed = export(scratch.path(), log.epoch(None), Vec::new()).unwrap_err();
        assert!(matches!(failed, ExportError::Foreign(_)), "{name}: {failed}");
        assert_eq!(fs::read(scratch.file(name)).unwrap(), b"42");
    }
}

#[test]
fn a_directory_that_holds_no_export_is_not_written_into() {
    let log = Log::of("a", 3);
    for name in ["README.md", "events.jsonl", "tile/0/000"] {
        let scratch = Scratch::new("no-export");
        fs::create_dir_all(scratch.file(name).parent().unwrap()).unwrap();
        fs::write(scratch.file(name), b"42").unwrap();
        let failed = export(scratch.path(), log.epoch(None), Vec::new()).unwrap_err();
        assert!(failed.to_string().contains("is not empty and holds no export"), "{failed}");
        assert_eq!(contents(scratch.path()), [(name.to_owned(), b"42".to_vec())]);
    }
}

#[test]
fn an_export_that_was_interrupted_in_an_earlier_epoch_goes_on() {
    let (one, scratch) = (Log::of("a", 300), Scratch::new("interrupted-before"));
    let two = Log::restarted(&one, 2, 5);
    let mut source = one.source();
    source.events.truncate(1);
    let broken = Epoch { head: one.epoch(None).head, source: Box::new(source) };
    export(scratch.path(), two.epoch(None), vec![broken]).unwrap_err();
    assert!(scratch.file("previous/1").exists() && !scratch.file("checkpoint").exists());
    export(scratch.path(), two.epoch(None), vec![one.epoch(None)]).unwrap();
    assert!(alone(scratch.path()).is_ok());
}

#[test]
fn a_log_without_entries_can_be_exported() {
    let (log, scratch) = (Log::of("a", 0), Scratch::new("empty"));
    log.export(scratch.path());
    let report = alone(scratch.path()).unwrap();
    assert_eq!((report.epochs[0].size, report.epochs[0].entries), (0, None));
    assert!(report.to_string().contains("nothing of entries"), "{report}");
}
