//! Checks an export: offline, with no database, one tile and its entries at a time.
//!
//! Everything is checked from the signed checkpoint downwards: the root, then tiles against the tiles above them, then entries against
//! tiles, then views against entries, then all files against their digests. What comes first is what is said, so that an
//! entry that does not hold is named, and not only its file.

mod chain;
mod epoch;
mod files;
mod reading;
mod refusal;
mod report;
mod seen;
mod signer;
#[cfg(test)]
pub(in crate::audit) mod tests;
mod tree;

use std::path::Path;

use chain::Older;

pub use refusal::{EntryName, Fault, Refusal};
pub use report::{EpochReport, Gap, PrefixReport, Report, TimeSpan};
pub use seen::{EarlierReport, Seen};
pub use signer::Signer;
pub(super) use signer::of_log;

use super::{
    export::{MANIFEST, PREVIOUS},
    log::{VerifierKey, WitnessKey},
};

/// What an export is checked against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Against<'a> {
    /// Keys that were got from the log's operator by another way than the export.
    pub keys: &'a [VerifierKey],
    /// An older checkpoint of the log, signed, from somewhere else.
    pub previous: Option<&'a str>,
    /// Witnesses that must have seen the log.
    pub witnesses: &'a [WitnessKey],
}

/// Checks the export in a directory. `progress` is told how many entries are done, and of how many.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify(dir: &Path, against: Against<'_>, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, Refusal> {
    let older = against.previous.map(|note| Older::parse(note, against.keys)).transpose()?;
    let newest = epoch::check(dir, "", (against.keys, None, &chain::marks(older.as_ref(), None)), progress)?;
    let previous = newest.previous.clone();
    let mut epochs = vec![newest];
    for (number, named) in previous.iter().rev() {
        let prefix = format!("{PREVIOUS}/{number}/");
        let next = epochs.last();
        let marks = chain::marks(older.as_ref(), next.and_then(|next| next.restarted.as_ref()));
        let checked =
            epoch::check(dir, &prefix, (against.keys, next.and_then(epoch::Checked::after), &marks), progress)?;
        let manifest = format!("{prefix}{MANIFEST}");
        if *named != checked.manifest {
            return Err(Fault::Digest.at(&manifest));
        }
        let same_log = epochs.first().is_some_and(|newest| newest.whose.tenant == checked.whose.tenant);
        if checked.whose.epoch != *number || !checked.previous.is_empty() || !same_log {
            return Err(Fault::Says("origin").at(&manifest));
        }
        epochs.push(checked);
    }
    let gaps = chain::gaps(&epochs)?;
    chain::vouch(&mut epochs, &gaps, against.keys)?;
    let prefix = older.map(|older| older.prove(&epochs)).transpose()?;
    let seen = seen::by_witnesses(&epochs, against.witnesses)?;
    Ok(report::of(&epochs, gaps, prefix, seen))
}
