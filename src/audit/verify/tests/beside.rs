//! Checkpoints beside the newest: what witnesses have seen, and what the log itself has kept.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use signed_note::key_id;

use super::{
    Against, Refusal, Report, Scratch, alone,
    log::{Log, export},
    verify,
};
use crate::audit::{
    export::{Cosigned, Earlier, Epoch, Included, cosigned},
    log::{Checkpoint, WitnessKey},
    verify::Fault,
};

const TIME: u64 = 1_785_751_200;

fn encoded(seed: u8) -> (Ed25519KeyPair, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let encoded = [&[4], pair.public_key().as_ref()].concat();
    (pair, encoded)
}

fn witness(seed: u8) -> WitnessKey {
    let (_, encoded) = encoded(seed);
    let text = format!("w.example+{:08x}+{}", key_id("w.example", &encoded), STANDARD.encode(&encoded));
    WitnessKey::parse(&text).unwrap()
}

/// As a witness signs.
fn seen(log: &Log, size: u64, seed: u8) -> Cosigned {
    let (pair, encoded) = encoded(seed);
    let note = log.note(size);
    let text = note.split_once("\n\n").unwrap().0;
    let signature = pair.sign(format!("cosignature/v1\ntime {TIME}\n{text}\n").as_bytes());
    let id = key_id("w.example", &encoded).to_be_bytes();
    let line = STANDARD.encode([&id[..], &TIME.to_be_bytes(), signature.as_ref()].concat());
    Cosigned { size, note, key: witness(seed).to_string(), line: format!("\u{2014} w.example {line}") }
}

fn epoch(log: &Log, included: Option<Included>, by: &[Cosigned], earlier: &[String]) -> Epoch {
    let mut epoch = log.epoch(included);
    (epoch.head.note, epoch.head.cosigned) = cosigned(log.size(), &epoch.head.note, by);
    let earlier = earlier.iter().map(|note| Earlier::of(&Checkpoint::unverified(note).unwrap(), note));
    epoch.head.earlier = earlier.collect();
    epoch
}

fn checked(scratch: &Scratch, log: &Log, witnesses: &[WitnessKey]) -> Result<Report, Refusal> {
    verify(scratch.path(), Against { keys: &[log.key()], previous: None, witnesses }, &mut |_, _| {})
}

#[test]
fn the_newest_checkpoint_carries_what_witnesses_signed() {
    let (log, scratch) = (Log::of("a", 300), Scratch::new("cosigned"));
    let wrong = Cosigned { line: seen(&log, 299, 3).line, ..seen(&log, 300, 3) };
    let by = [seen(&log, 300, 1), seen(&log, 300, 2), wrong];
    export(scratch.path(), epoch(&log, None, &by, &[]), Vec::new()).unwrap();
    let note = std::fs::read_to_string(scratch.file("checkpoint")).unwrap();
    assert_eq!(note, format!("{}{}\n{}\n", log.note(300), by[0].line, by[1].line));
    assert!(!scratch.file("cosigned").exists());
    let report = checked(&scratch, &log, &[witness(1), witness(2)]).unwrap();
    let saw: Vec<(&str, u64)> = report.seen.iter().map(|seen| (seen.time.as_str(), seen.size)).collect();
    assert_eq!(saw, [("2026-08-03T10:00:00Z", 300); 2]);
    assert_eq!(report.unproven.len(), 1);
    assert!(report.unproven[0].contains("shown after 2026-08-03T10:00:00Z, when w.example saw its first 300 entries"));
    let refused = checked(&scratch, &log, &[witness(1), witness(3)]).unwrap_err();
    assert!(matches!(refused.fault, Fault::NotSeen(_)), "{refused}");
    // Who has no witness's key learns nothing of it.
    let report = checked(&scratch, &log, &[]).unwrap();
    assert!(report.unproven[0].starts_with("that this is the log that others were shown, or were shown earlier"));
}

#[test]
fn an_earlier_checkpoint_that_a_witness_signed_is_here_and_the_log_goes_on_from_it() {
    let (log, scratch) = (Log::of("a", 700), Scratch::new("cosigned-earlier"));
    export(scratch.path(), epoch(&log, None, &[seen(&log, 200, 2), seen(&log, 300, 1)], &[]), Vec::new()).unwrap();
    let report = checked(&scratch, &log, &[witness(1)]).unwrap();
    assert!(report.to_string().contains(
        "seen        the first 300 entries of auth.example.com/audit/00000000-0000-0000-0000-000000000061 by the witness w.example"
    ));
    assert!(matches!(checked(&scratch, &log, &[witness(2)]).unwrap_err().fault, Fault::NotSeen(_)));
    // A change of the note is one of the signature.
    let file = scratch.file("cosigned");
    let note = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, note.replace("\n300\n", "\n299\n")).unwrap();
    assert!(matches!(alone(scratch.path()).unwrap_err().fault, Fault::OwnFork(299)));
    // Run again where there is none, it goes away.
    log.export(scratch.path());
    assert!(!file.exists() && alone(scratch.path()).is_ok());
}

#[test]
fn a_log_that_does_not_go_on_from_what_a_witness_saw_is_a_fork() {
    let (log, scratch) = (Log::of("a", 700), Scratch::new("cosigned-fork"));
    let fork = log.clone().with(|events| events[3].body["n"] = 77.into());
    export(scratch.path(), epoch(&log, None, &[seen(&fork, 300, 1)], &[]), Vec::new()).unwrap();
    let refused = checked(&scratch, &log, &[]).unwrap_err();
    assert_eq!(refused.file, "cosigned");
    assert!(matches!(refused.fault, Fault::OwnFork(300)), "{refused}");
}

#[test]
fn a_part_that_cannot_be_compared_with_what_a_witness_saw_says_so() {
    let (log, scratch) = (Log::of("a", 1000), Scratch::new("cosigned-part"));
    let part =
        epoch(&log, Some(Included { first: 600, last: 601 }), &[seen(&log, 300, 1)], &[log.note(300), log.note(512)]);
    export(scratch.path(), part, Vec::new()).unwrap();
    let report = checked(&scratch, &log, &[]).unwrap();
    let earlier = report.epochs[0].earlier;
    assert_eq!((earlier.count, earlier.signed, earlier.unchecked), (2, 2, 1));
    assert!(report.unproven.iter().any(|text| text.contains("begins with 1 of its 2 earlier checkpoints")));
    let refused = checked(&scratch, &log, &[witness(1)]).unwrap_err();
    assert!(matches!(&refused.fault, Fault::Beyond(file) if file == "tile/0/001"), "{refused}");
}

#[test]
fn earlier_checkpoints_are_compared_with_the_tree() {
    let (log, scratch) = (Log::of("a", 66_000), Scratch::new("earlier"));
    let sizes = [0, 1, 255, 256, 257, 512, 65_535, 65_536, 65_537, 65_792, 65_999];
    let notes: Vec<String> = sizes.iter().map(|size| log.note(*size)).collect();
    export(scratch.path(), epoch(&log, None, &[], &notes), Vec::new()).unwrap();
    let report = checked(&scratch, &log, &[]).unwrap();
    let earlier = report.epochs[0].earlier;
    assert_eq!((earlier.count, earlier.signed, earlier.unchecked), (11, 11, 0));
    assert!(
        report.to_string().contains("earlier     begins with 11 of 11 earlier checkpoints, 11 signed with a key given")
    );
    assert_eq!(alone(scratch.path()).unwrap().epochs[0].earlier.signed, 0);
}

#[test]
fn an_earlier_checkpoint_of_another_past_is_a_fork() {
    let log = Log::of("a", 600);
    let fork = log.clone().with(|events| events[300].body["n"] = 77.into());
    for size in [301, 511, 512, 599] {
        let scratch = Scratch::new("earlier-fork");
        let notes = [log.note(12), log.note(256), fork.note(size)];
        export(scratch.path(), epoch(&log, None, &[], &notes), Vec::new()).unwrap();
        let refused = checked(&scratch, &log, &[]).unwrap_err();
        assert!(matches!(refused.fault, Fault::OwnFork(of) if of == size), "{refused}");
        assert_eq!(refused.file, "checkpoints.jsonl");
    }
}

#[test]
fn a_list_of_earlier_checkpoints_is_of_this_log_and_in_order() {
    let log = Log::of("a", 600);
    let lists = [
        vec![log.note(12), log.note(11)],
        vec![log.note(12), log.note(12)],
        vec![log.note(600)],
        vec![Log::of("b", 12).note(12)],
    ];
    for notes in lists {
        let scratch = Scratch::new("earlier-list");
        export(scratch.path(), epoch(&log, None, &[], &notes), Vec::new()).unwrap();
        assert!(matches!(checked(&scratch, &log, &[]).unwrap_err().fault, Fault::Earlier));
    }
    // A signature that is none.
    let scratch = Scratch::new("earlier-forged");
    let forged = log.note(12).replace("\n12\n", "\n13\n");
    export(scratch.path(), epoch(&log, None, &[], &[forged]), Vec::new()).unwrap();
    assert!(matches!(checked(&scratch, &log, &[]).unwrap_err().fault, Fault::Checkpoint(_)));
    assert!(matches!(alone(scratch.path()).unwrap_err().fault, Fault::OwnFork(13)));
}
