//! Older checkpoints from elsewhere: rollbacks and forks.

use super::{
    Scratch,
    log::{Log, export},
    since,
};
use crate::audit::{export::Included, verify::Fault};

#[test]
fn a_log_that_has_only_grown_is_found_to_have() {
    for size in [700, 256, 512] {
        let (log, scratch) = (Log::of("a", size), Scratch::new(&format!("grown-{size}")));
        log.export(scratch.path());
        for older in [0, 1, 2, 255, 256, 257, 511, 512, 513, 699, 700].into_iter().filter(|older| *older <= size) {
            let report = since(scratch.path(), &log.key(), &log.note(older)).unwrap();
            let previous = report.previous.as_ref().unwrap();
            assert_eq!((previous.size, previous.in_gap, previous.signers.len()), (older, false, 1));
            assert!(report.unproven.is_empty(), "{:?}", report.unproven);
            assert!(report.to_string().contains("begins with the"));
        }
    }
}

#[test]
fn a_rollback_is_refused() {
    let (log, scratch) = (Log::of("a", 300), Scratch::new("rollback"));
    log.first(280).export(scratch.path());
    let refused = since(scratch.path(), &log.key(), &log.note(281)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "checkpoint: rollback: the older checkpoint is over 281 entries, and this log has only 280"
    );
    assert!(since(scratch.path(), &log.key(), &log.note(280)).is_ok());
}

#[test]
fn a_fork_is_refused() {
    let (log, scratch) = (Log::of("a", 700), Scratch::new("fork"));
    let fork = log.clone().with(|events| events[300].body["n"] = 1.into());
    log.export(scratch.path());
    for size in [301, 512, 513, 700] {
        let refused = since(scratch.path(), &log.key(), &fork.note(size)).unwrap_err();
        assert!(matches!(refused.fault, Fault::Fork(of) if of == size), "{refused}");
    }
    assert!(since(scratch.path(), &log.key(), &fork.note(300)).is_ok());
}

#[test]
fn an_older_checkpoint_must_be_of_this_log_and_signed() {
    let (log, scratch) = (Log::of("a", 10), Scratch::new("older"));
    log.export(scratch.path());
    let said = |note: &str| since(scratch.path(), &log.key(), note).unwrap_err().to_string();
    assert_eq!(
        said(&Log::signed_with("a", 5, 9).note(5)),
        "the older checkpoint: none of the keys given has signed it"
    );
    assert_eq!(said(&Log::of("b", 5).note(5)), "the older checkpoint: none of the keys given has signed it");
    assert_eq!(said("hello"), "the older checkpoint: it is not a checkpoint");
    let forged = log.note(5).replace("\n5\n", "\n4\n");
    assert!(said(&forged).starts_with("the older checkpoint: its signature by the key "));
    let keys = [log.key(), Log::of("b", 5).key()];
    let note = Log::of("b", 5).note(5);
    let refused = super::verify(
        scratch.path(),
        super::Against { keys: &keys, previous: Some(&note), ..super::Against::default() },
        &mut |_, _| {},
    );
    assert!(matches!(refused.unwrap_err().fault, Fault::OtherLog(_)));
    // Without a key it is taken as what it says.
    let note = Log::signed_with("a", 5, 9).note(5);
    let report = super::verify(
        scratch.path(),
        super::Against { keys: &[], previous: Some(&note), ..super::Against::default() },
        &mut |_, _| {},
    );
    assert!(report.unwrap().unproven.iter().any(|text| text.starts_with("who signed the older checkpoint")));
}

#[test]
fn a_part_says_what_it_cannot_be_compared_with() {
    let (log, scratch) = (Log::of("a", 1000), Scratch::new("part"));
    export(scratch.path(), log.epoch(Some(Included { first: 600, last: 601 })), Vec::new()).unwrap();
    let report = since(scratch.path(), &log.key(), &log.note(600)).unwrap();
    let newest = &report.epochs[0];
    assert_eq!((newest.count, newest.entries), (256, Some(Included { first: 512, last: 767 })));
    assert_eq!(report.unproven, [format!("what the 744 entries of {} say that are not in this export", newest.origin)]);
    // Whole tiles are known from those above them.
    assert!(since(scratch.path(), &log.key(), &log.note(256)).is_ok());
    assert!(since(scratch.path(), &log.key(), &log.note(999)).is_ok());
    let refused = since(scratch.path(), &log.key(), &log.note(300)).unwrap_err();
    assert!(matches!(&refused.fault, Fault::Beyond(file) if file == "tile/0/001"), "{refused}");
    let fork = log.clone().with(|events| events[3].body["n"] = 1.into());
    assert!(matches!(since(scratch.path(), &log.key(), &fork.note(600)).unwrap_err().fault, Fault::Fork(600)));
}
