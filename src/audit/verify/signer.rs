//! Who has signed a checkpoint.

use serde::Serialize;

use super::{Fault, Refusal};
use crate::audit::{
    export::{MANIFEST, Whose},
    log::{BadCheckpoint, Checkpoint, Origin, VerifierKey},
};

/// Who has signed a checkpoint, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// Whether the key is one that was given, and not only one that the export itself names.
    pub authenticated: bool,
    /// Keys that have signed.
    pub keys: Vec<String>,
}

/// Of given keys those of a log. A key of one epoch is one of all epochs, under another name.
pub(in crate::audit) fn of_log(given: &[VerifierKey], origin: &Origin) -> Vec<VerifierKey> {
    let same_log = |key: &VerifierKey| {
        let of = |origin: &Origin| Whose::of(origin).map(|whose| whose.base);
        Origin::parse(key.name()).as_ref().and_then(of).is_some_and(|base| Some(base) == of(origin))
    };
    let own = |key: &VerifierKey| if same_log(key) { key.renamed(origin) } else { None };
    given.iter().filter_map(own).collect()
}

/// The keys of these that have signed.
///
/// # Errors
/// A signature is claimed to be by one of them, and is not.
pub(super) fn signed_by(note: &str, keys: &[VerifierKey], file: &str) -> Result<Vec<String>, Refusal> {
    let mut signed = Vec::new();
    for key in keys {
        match Checkpoint::verified(note, key) {
            Ok(_) => signed.push(key.to_string()),
            Err(BadCheckpoint::Unsigned(_)) => {}
            Err(error) => return Err(Fault::Checkpoint(error).at(file)),
        }
    }
    Ok(signed)
}

/// Who has signed the checkpoint of an export.
pub(super) fn of(
    (note, origin): (&str, &Origin),
    (file, prefix): (&str, &str),
    given: &[VerifierKey],
    named: &[String],
) -> Result<Signer, Refusal> {
    let manifest = format!("{prefix}{MANIFEST}");
    let key = |text: &String| {
        let key = VerifierKey::parse(text).filter(|key| key.name() == origin.as_str() && key.to_string() == *text);
        key.ok_or_else(|| Fault::Key(text.chars().take(200).collect()).at(&manifest))
    };
    let named: Vec<VerifierKey> = named.iter().map(key).collect::<Result<_, _>>()?;
    let by_named = signed_by(note, &named, file)?;
    let own = of_log(given, origin);
    let by_given = signed_by(note, &own, file)?;
    if !by_given.is_empty() {
        return Ok(Signer { authenticated: true, keys: by_given });
    }
    if !own.is_empty() {
        return Err(Fault::NotByKey.at(file));
    }
    // Of an earlier epoch under another address there may be no key; of what is asked about there must be.
    if !given.is_empty() && prefix.is_empty() {
        return Err(Fault::OtherKey(origin.to_string()).at(file));
    }
    if by_named.is_empty() {
        return Err(Fault::Unsigned.at(file));
    }
    Ok(Signer { authenticated: false, keys: by_named })
}
