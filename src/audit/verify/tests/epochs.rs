//! Logs that were begun anew.

use super::{
    Scratch, alone,
    log::{Log, export},
    since, with_key,
};
use crate::audit::verify::{Against, Fault, Refusal, Report, verify};

fn verified(name: &str, new: &Log, old: &[&Log], since_note: Option<&str>) -> Result<Report, Refusal> {
    let scratch = Scratch::new(name);
    export(scratch.path(), new.epoch(None), old.iter().map(|log| log.epoch(None)).collect()).unwrap();
    match since_note {
        Some(note) => since(scratch.path(), &new.key(), note),
        None => with_key(scratch.path(), &new.key()),
    }
}

#[test]
fn a_log_that_lost_nothing_is_followed_over_its_epochs() {
    let one = Log::of("a", 300);
    let two = Log::restarted(&one, 2, 260);
    let three = Log::restarted(&two, 3, 7);
    let report = verified("chain", &three, &[&one, &two], Some(&one.note(257))).unwrap();
    let epochs: Vec<(u32, u64, bool)> =
        report.epochs.iter().map(|epoch| (epoch.epoch, epoch.count, epoch.signer.authenticated)).collect();
    assert_eq!(epochs, [(3, 7, true), (2, 260, true), (1, 300, true)]);
    assert!(report.gaps.iter().all(|gap| gap.lost == 0 && gap.proved), "{:?}", report.gaps);
    assert!(report.unproven.is_empty(), "{:?}", report.unproven);
    // More was signed, or found, of the old log than the new one knows of.
    let report = verified("chain-more", &Log::restarted(&one.first(290), 2, 3), &[&one], None).unwrap();
    assert!(report.gaps[0].proved && report.gaps[0].lost == 0);
}

#[test]
fn what_a_restore_has_lost_is_said() {
    let known = Log::of("a", 300);
    let (old, new) = (known.first(280), Log::restarted(&known, 2, 5));
    let report = verified("lost", &new, &[&old], None).unwrap();
    assert_eq!((report.gaps[0].found, report.gaps[0].known, report.gaps[0].lost), (280, 300, 20));
    let text = report.to_string();
    assert!(text.contains("300 entries were known, 280 are here: 20 were lost"), "{text}");
    assert!(report.unproven.iter().any(|text| text.starts_with("what the 20 entries of ")), "{:?}", report.unproven);
    // Who has a checkpoint from before the loss, within it, or after it.
    assert!(!verified("lost-before", &new, &[&old], Some(&known.note(280))).unwrap().previous.unwrap().in_gap);
    let within = verified("lost-within", &new, &[&old], Some(&known.note(290))).unwrap();
    assert!(within.previous.as_ref().unwrap().in_gap && within.unproven.len() == 2, "{:?}", within.unproven);
    assert!(!within.to_string().contains("grown "), "{within}");
    let longer = Log::of("a", 310);
    let refused = verified("lost-after", &new, &[&old], Some(&longer.note(301))).unwrap_err();
    assert!(matches!(refused.fault, Fault::Rollback { known: 301, found: 280 }), "{refused}");
    let fork = known.clone().with(|events| events[299].body["n"] = 1.into());
    let refused = verified("lost-fork", &new, &[&old], Some(&fork.note(300))).unwrap_err();
    assert!(matches!(refused.fault, Fault::Fork(300)), "{refused}");
}

#[test]
fn the_log_before_must_be_the_one_that_is_named() {
    let known = Log::of("a", 300);
    let new = Log::restarted(&known, 2, 5);
    let fork = known.clone().with(|events| events[0].body["n"] = 1.into());
    assert!(matches!(verified("past", &new, &[&fork], None).unwrap_err().fault, Fault::OtherPast(300)));
    let other = Log::of("b", 300);
    assert!(matches!(verified("past-other", &new, &[&other], None).unwrap_err().fault, Fault::Says("origin")));
    let skipped = Log::restarted(&Log::restarted(&known, 2, 9), 3, 5);
    assert!(matches!(verified("past-skipped", &skipped, &[&known], None).unwrap_err().fault, Fault::OtherChain { .. }));
    let mute = new.clone().with(|events| events[0].kind = "log.heartbeat".to_owned());
    let refused = verified("mute", &mute, &[&known], None).unwrap_err();
    assert!(matches!(refused.fault, Fault::NotRestarted) && refused.to_string().starts_with("entry 0 "), "{refused}");
    let liar = new.clone().with(|events| events[0].body["size"] = 299.into());
    assert!(matches!(verified("liar", &liar, &[&known], None).unwrap_err().fault, Fault::NotRestarted));
}

#[test]
fn a_log_without_its_past_says_so() {
    let new = Log::restarted(&Log::of("a", 300), 2, 5);
    let report = verified("alone", &new, &[], None).unwrap();
    assert!(
        report.unproven.iter().any(|text| text.starts_with("what was in the log before ")),
        "{:?}",
        report.unproven
    );
    let scratch = Scratch::new("alone-unsigned");
    new.export(scratch.path());
    assert_eq!(alone(scratch.path()).unwrap().unproven.len(), 3);
}

/// The second epoch has another address, so the key's name is that of the second alone.
fn moved(known: &Log) -> Log {
    Log::restarted(known, 2, 5).at("login.example.net")
}

#[test]
fn after_a_move_the_same_key_holds_for_what_the_log_says_was_before() {
    let one = Log::of("a", 300);
    let (two, less) = (moved(&one), one.first(280));
    for (name, old) in [("moved", &one), ("moved-lost", &less)] {
        let report = verified(name, &two, &[old], None).unwrap();
        let signer = &report.epochs[1].signer;
        assert!(report.authenticated() && signer.authenticated, "{report}");
        assert!(signer.keys[0].starts_with("auth.example.com/audit/"), "{:?}", signer.keys);
    }
}

#[test]
fn an_earlier_epoch_that_no_given_key_and_no_next_epoch_stands_for_is_refused() {
    let one = Log::of("a", 300);
    let two = moved(&one);
    let refuse = |name: &str, old: &Log| {
        let refused = verified(name, &two, &[old], None).unwrap_err();
        assert!(matches!(refused.fault, Fault::NotVouched(_)), "{refused}");
        assert_eq!(refused.file, "previous/1/checkpoint");
        assert!(refused.to_string().contains("auth.example.com/audit/"), "{refused}");
    };
    let replaced = |size: u64| one.first(size).by(9).with(|events| events[3].body["n"] = 77.into());
    refuse("moved-replaced", &replaced(280));
    // What the next epoch names, and entries after it that nobody knows of.
    refuse("moved-longer", &Log::of("a", 310).by(9));
    let refused = verified("moved-fork", &two, &[&replaced(300)], None).unwrap_err();
    assert!(matches!(refused.fault, Fault::OtherPast(300)), "{refused}");
    // Under the same address as well.
    let same = Log::restarted(&one, 2, 5);
    let refused = verified("replaced", &same, &[&replaced(280)], None).unwrap_err();
    assert!(matches!(refused.fault, Fault::NotVouched(_)), "{refused}");
}

#[test]
fn an_earlier_epoch_holds_by_its_own_key_or_by_what_the_next_one_names() {
    let one = Log::of("a", 300).by(9);
    let two = moved(&one).by(1);
    let report = verified("moved-named", &two, &[&one], None).unwrap();
    let before = &report.epochs[1];
    assert!(report.authenticated() && before.by_next && !before.signer.authenticated, "{report}");
    assert!(!report.unproven.iter().any(|text| text.starts_with("who signed ")), "{:?}", report.unproven);
    assert!(report.to_string().contains("named       by the first entry of the next epoch"), "{report}");

    let (scratch, less) = (Scratch::new("moved-keys"), one.first(280));
    export(scratch.path(), two.epoch(None), vec![less.epoch(None)]).unwrap();
    assert!(matches!(with_key(scratch.path(), &two.key()).unwrap_err().fault, Fault::NotVouched(_)));
    let keys = [two.key(), one.key()];
    let report = verify(scratch.path(), Against { keys: &keys, ..Against::default() }, &mut |_, _| {}).unwrap();
    assert!(report.authenticated() && report.epochs[1].signer.authenticated);
    // Without any key, both are said to be unknown.
    let report = alone(scratch.path()).unwrap();
    let unknown = report.unproven.iter().filter(|text| text.starts_with("who signed ")).count();
    assert!(!report.authenticated() && unknown == 2, "{:?}", report.unproven);
}

#[test]
fn a_key_is_not_taken_under_a_name_that_the_log_does_not_say() {
    let one = Log::of("a", 300);
    let two = moved(&one);
    // The log of a copy of the installation has the same keys.
    let copy = one.first(280).at("test.example.com");
    let refused = verified("moved-copy", &two, &[&copy], None).unwrap_err();
    assert!(matches!(refused.fault, Fault::OtherChain { .. }), "{refused}");
    // The entry that names the log before is not in a part of the log.
    let long = two.clone().with(|events| {
        let more = Log::of("a", 700).events()[5..].to_vec();
        events.extend(more);
    });
    let scratch = Scratch::new("moved-part");
    let part = long.epoch(Some(crate::audit::export::Included { first: 300, last: 301 }));
    export(scratch.path(), part, vec![one.epoch(None)]).unwrap();
    assert!(matches!(with_key(scratch.path(), &two.key()).unwrap_err().fault, Fault::NotVouched(_)));
    let keys = [two.key(), one.key()];
    assert!(
        verify(scratch.path(), Against { keys: &keys, ..Against::default() }, &mut |_, _| {}).unwrap().authenticated()
    );
}
