//! What was proved, against what, and what was not.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{EarlierReport, Seen, Signer, epoch::Checked};
use crate::audit::{
    export::{Included, Kinds},
    log::Entry,
};

/// From when to when entries are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimeSpan {
    /// The earliest.
    pub from: String,
    /// The latest.
    pub to: String,
}

/// A log whose entries hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EpochReport {
    /// Its name.
    pub origin: String,
    /// A tenant's id, or `platform`.
    pub tenant: String,
    /// Its epoch.
    pub epoch: u32,
    /// How many entries its checkpoint is over.
    pub size: u64,
    /// The root, in base64.
    pub root: String,
    /// Who signed the checkpoint.
    pub signer: Signer,
    /// Whether the first entry of the next epoch commits to all of its entries here.
    pub by_next: bool,
    /// Earlier checkpoints of it in the export.
    pub earlier: EarlierReport,
    /// The entries in the export.
    pub entries: Option<Included>,
    /// How many.
    pub count: u64,
    /// When they happened.
    pub span: Option<TimeSpan>,
    /// Of which kinds.
    pub kinds: Kinds,
    /// How many values beside them.
    pub values: u64,
}

/// What lies between an epoch and the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The earlier epoch.
    pub origin: String,
    /// Entries of it that are signed for in this export.
    pub found: u64,
    /// Entries of the last checkpoint of it that was known when the next epoch began.
    pub known: u64,
    /// Entries that were signed for and are not here any more.
    pub lost: u64,
    /// Whether it has been proved that what is here was in that checkpoint.
    pub proved: bool,
}

impl Gap {
    /// Whether what is here is what the next epoch names: neither less nor more of it.
    pub fn whole(&self) -> bool {
        self.proved && self.found == self.known
    }
}

/// An older checkpoint that the log has only grown since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrefixReport {
    /// Of which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root, in base64.
    pub root: String,
    /// The keys given that have signed it.
    pub signers: Vec<String>,
    /// Entries of it were lost before the log began anew, as the log itself says. Then nothing is proved by it.
    pub in_gap: bool,
}

/// What was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log and, after it, its earlier epochs.
    pub epochs: Vec<EpochReport>,
    /// What lies between these.
    pub gaps: Vec<Gap>,
    /// The older checkpoint that was given.
    pub previous: Option<PrefixReport>,
    /// What the witnesses given have seen.
    pub seen: Vec<Seen>,
    /// What was not proved, in sentences.
    pub unproven: Vec<String>,
}

impl Report {
    /// Whether all of it follows from a key that was given: the newest checkpoint is signed with one, and each earlier one is too, or
    /// an epoch of which that holds commits to it.
    pub fn authenticated(&self) -> bool {
        let [newest, before @ ..] = self.epochs.as_slice() else { return false };
        newest.signer.authenticated && before.iter().all(|epoch| epoch.signer.authenticated || epoch.by_next)
    }
}

fn epoch(checked: &Checked) -> EpochReport {
    EpochReport {
        origin: checked.checkpoint.origin.to_string(),
        tenant: checked.whose.tenant.clone(),
        epoch: checked.whose.epoch,
        size: checked.checkpoint.size,
        root: STANDARD.encode(checked.checkpoint.root.0),
        signer: checked.signer.clone(),
        by_next: checked.by_next,
        earlier: checked.earlier,
        entries: checked.extent.included(),
        count: checked.extent.included().map_or(0, Included::count),
        span: checked.span.map(|(from, to)| TimeSpan { from: Entry::time(from), to: Entry::time(to) }),
        kinds: checked.kinds.clone(),
        values: checked.values,
    }
}

pub(super) fn of(checked: &[Checked], gaps: Vec<Gap>, previous: Option<PrefixReport>, seen: Vec<Seen>) -> Report {
    let epochs: Vec<EpochReport> = checked.iter().map(epoch).collect();
    let mut unproven = Vec::new();
    // Whether the epoch after this one is sure; of the newest there is none.
    let mut sure = false;
    for (epoch, checked) in epochs.iter().zip(checked) {
        sure = epoch.signer.authenticated || (sure && epoch.by_next);
        if !sure {
            unproven.push(format!(
                "who signed {}: the key is only the one that the export itself names; give the operator's with --key",
                epoch.origin
            ));
        }
        if epoch.count < epoch.size {
            let without = epoch.size - epoch.count;
            unproven.push(format!("what the {without} entries of {} say that are not in this export", epoch.origin));
        }
        let has_before = epochs.iter().any(|before| before.epoch + 1 == epoch.epoch);
        if epoch.epoch > 1 && (checked.restarted.is_none() || !has_before) {
            unproven.push(format!(
                "what was in the log before {}: it or the entry that names it is not here",
                epoch.origin
            ));
        }
    }
    for gap in gaps.iter().filter(|gap| gap.lost > 0) {
        unproven.push(format!(
            "what the {} entries of {} said that were lost before the log began anew, and that those before them are unchanged",
            gap.lost, gap.origin
        ));
    }
    if previous.as_ref().is_some_and(|previous| previous.in_gap) {
        unproven.push("that the log began with what the older checkpoint is over: entries of it were lost before the log began anew".to_owned());
    }
    for gap in gaps.iter().filter(|gap| gap.lost == 0 && !gap.proved) {
        unproven
            .push(format!("that {} here is the log that its next epoch names: tiles of it are not here", gap.origin));
    }
    for epoch in epochs.iter().filter(|epoch| epoch.earlier.unchecked > 0) {
        let EarlierReport { count, unchecked, .. } = epoch.earlier;
        unproven.push(format!(
            "that {} begins with {unchecked} of its {count} earlier checkpoints here: tiles that it takes are not here",
            epoch.origin
        ));
    }
    let newest = epochs.first().map(|newest| newest.origin.as_str());
    let of_newest = seen.iter().filter(|seen| Some(seen.origin.as_str()) == newest);
    if let (None, Some(Seen { name, size, time, .. })) = (&previous, of_newest.max_by_key(|seen| seen.size)) {
        unproven.push(format!(
            "that this is the log that others were shown after {time}, when {name} saw its first {size} entries: give a newer checkpoint \
             from outside with --previous"
        ));
    } else if previous.is_none() {
        unproven.push(
            "that this is the log that others were shown, or were shown earlier (no rollback, no fork): give a checkpoint from \
             outside with --previous"
                .to_owned(),
        );
    } else if previous.as_ref().is_some_and(|previous| previous.signers.is_empty()) {
        unproven.push("who signed the older checkpoint: give the operator's key with --key".to_owned());
    }
    Report { epochs, gaps, previous, seen, unproven }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.authenticated() { "verified" } else { "consistent; signer NOT authenticated" };
        writeln!(f, "{verdict}")?;
        for epoch in &self.epochs {
            let EpochReport { origin, size, root, count, .. } = epoch;
            writeln!(f, "\nlog         {origin}")?;
            writeln!(f, "checkpoint  {size} entries, root {root}")?;
            let word = if epoch.signer.authenticated { "signed by" } else { "claims to be signed by" };
            for key in &epoch.signer.keys {
                writeln!(f, "{word:<11} {key}")?;
            }
            if epoch.by_next {
                writeln!(f, "named       by the first entry of the next epoch, all of it")?;
            }
            match epoch.entries {
                Some(Included { first, last }) => {
                    writeln!(
                        f,
                        "proved      entries {first} to {last} ({count}) are in that tree, each at its place, and none is missing"
                    )?;
                }
                None => writeln!(f, "proved      nothing of entries: none are here")?,
            }
            if let Some(TimeSpan { from, to }) = &epoch.span {
                writeln!(f, "times       {from} to {to}")?;
            }
            if epoch.values > 0 {
                writeln!(f, "values      {} values are those that entries have commitments to", epoch.values)?;
            }
            let EarlierReport { count, signed, unchecked } = epoch.earlier;
            if count > 0 {
                let checked = count - unchecked;
                writeln!(
                    f,
                    "earlier     begins with {checked} of {count} earlier checkpoints, {signed} signed with a key given"
                )?;
            }
            for (kind, versions) in &epoch.kinds {
                for (version, count) in versions {
                    writeln!(f, "  {count:>9} {kind} (version {version})")?;
                }
            }
        }
        for gap in &self.gaps {
            let Gap { origin, found, known, lost, .. } = gap;
            write!(f, "\nrestarted   after {origin}: {known} entries were known, {found} are here: ")?;
            if *lost > 0 { writeln!(f, "{lost} were lost")? } else { writeln!(f, "none was lost that is known of")? }
        }
        if let Some(PrefixReport { origin, size, in_gap: false, .. }) = &self.previous {
            writeln!(f, "\ngrown       {origin} begins with the {size} entries of the older checkpoint, unchanged")?;
        }
        for Seen { name, origin, size, time, .. } in &self.seen {
            writeln!(f, "\nseen        the first {size} entries of {origin} by the witness {name} at {time}")?;
        }
        if !self.unproven.is_empty() {
            writeln!(f, "\nNOT proved:")?;
        }
        for text in &self.unproven {
            writeln!(f, "  - {text}")?;
        }
        Ok(())
    }
}
