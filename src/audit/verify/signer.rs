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

/// What the next epoch says of the one before it: its name, and the keys given that may sign the next epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct After<'a> {
    pub(super) names: &'a Origin,
    pub(super) keys: &'a [VerifierKey],
}

/// Of given keys those that an epoch may be signed with.
///
/// After the public URL changed, an epoch has another origin than the next, and so its keys other names. The same raw key is then taken
/// under that name if, and only if, the next epoch's first entry names just that origin as the log before it. That is sound: the signature
/// is over a text that has the origin in it, so whoever holds the key has signed for that very log; and a log that was found to
/// be signed with the key says that this log is its own past. Without the second, the log of a copy of the installation
/// (a restored backup under a test's address) could be passed off as the past, since it has the same keys.
pub(super) fn own(given: &[VerifierKey], origin: &Origin, after: Option<After<'_>>) -> Vec<VerifierKey> {
    let mut own = of_log(given, origin);
    if let Some(After { keys, .. }) = after.filter(|after| after.names == origin) {
        for key in keys.iter().filter_map(|key| key.renamed(origin)) {
            if !own.contains(&key) {
                own.push(key);
            }
        }
    }
    own
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
    (given, own): (&[VerifierKey], &[VerifierKey]),
    named: &[String],
) -> Result<Signer, Refusal> {
    let manifest = format!("{prefix}{MANIFEST}");
    let key = |text: &String| {
        let key = VerifierKey::parse(text).filter(|key| key.name() == origin.as_str() && key.to_string() == *text);
        key.ok_or_else(|| Fault::Key(text.chars().take(200).collect()).at(&manifest))
    };
    let named: Vec<VerifierKey> = named.iter().map(key).collect::<Result<_, _>>()?;
    let by_named = signed_by(note, &named, file)?;
    let by_given = signed_by(note, own, file)?;
    if !by_given.is_empty() {
        return Ok(Signer { authenticated: true, keys: by_given });
    }
    // For an earlier epoch the next one may stand in: whether it does is seen when all are read.
    if !given.is_empty() && prefix.is_empty() {
        let fault = if own.is_empty() { Fault::OtherKey(origin.to_string()) } else { Fault::NotByKey };
        return Err(fault.at(file));
    }
    if by_named.is_empty() {
        return Err(Fault::Unsigned.at(file));
    }
    Ok(Signer { authenticated: false, keys: by_named })
}
