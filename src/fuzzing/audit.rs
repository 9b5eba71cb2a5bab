//! What auditors are given: entries, manifests of exports, proofs of single events.

use crate::audit::{export::Manifest, log::Entry, proof::Proof};

/// An entry has one form, and gives the event that gives it.
pub(super) fn entry(data: &[u8]) {
    let Ok((entry, event)) = Entry::parse(data) else { return };
    assert_eq!(entry.bytes(), data, "not what was read");
    assert_eq!(Entry::of(&event).ok().as_ref(), Some(&entry), "another entry of the same event");
}

/// A manifest has one form.
pub(super) fn manifest(data: &[u8]) {
    let Ok(manifest) = Manifest::parse(data) else { return };
    assert_eq!(manifest.bytes(), data, "not what was read");
}

/// A proof without a key proves no signer, whatever it says.
pub(super) fn proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(proof) = Proof::parse(text) else { return };
    assert_eq!(proof.text(), text, "not what was read");
    let _ = proof.check(&[]);
}
