//! What connects a log with what it was before: older checkpoints, and the epochs before it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Fault, Gap, PrefixReport, Refusal,
    epoch::Checked,
    signer::{of_log, signed_by},
};
use crate::audit::{
    export::CHECKPOINT,
    log::{Checkpoint, Hash, Restarted, VerifierKey},
};

/// How the older checkpoint is called that was given.
pub(super) const OLDER: &str = "the older checkpoint";

/// The sizes of trees whose roots are needed to connect a log with older checkpoints.
pub(super) fn marks(older: Option<&Older>, next: Option<&Restarted>) -> Vec<u64> {
    older.map(|older| older.checkpoint.size).into_iter().chain(next.map(|next| next.checkpoint.size)).collect()
}

/// What lies between each epoch and the one before it; newest first.
pub(super) fn gaps(epochs: &[Checked]) -> Result<Vec<Gap>, Refusal> {
    let pairs = epochs.iter().zip(epochs.iter().skip(1));
    pairs.filter_map(|(next, before)| next.restarted.as_ref().map(|said| gap(&said.checkpoint, next, before))).collect()
}

fn gap(said: &Checkpoint, next: &Checked, before: &Checked) -> Result<Gap, Refusal> {
    let file = format!("{}tile/entries", next.prefix);
    let found = &before.checkpoint;
    if said.origin != found.origin {
        let (named, found) = (said.origin.to_string(), found.origin.to_string());
        return Err(Fault::OtherChain { named, found }.of(&file, 0, None));
    }
    let lost = said.size.saturating_sub(found.size);
    let proved = match before.root(said.size) {
        Some(Ok(root)) if *root == said.root => true,
        Some(Ok(_)) => return Err(Fault::OtherPast(said.size).of(&file, 0, None)),
        _ => false,
    };
    Ok(Gap { origin: found.origin.to_string(), found: found.size, known: said.size, lost, proved })
}

/// Finds the epochs that the next one commits to as a whole. Where keys were given, each epoch must be signed with one of them or be
/// committed to by an epoch that is sure: else whoever made the export could have put anything in its place.
pub(super) fn vouch(epochs: &mut [Checked], gaps: &[Gap], keys: &[VerifierKey]) -> Result<(), Refusal> {
    for epoch in epochs.iter_mut().skip(1) {
        let origin = epoch.checkpoint.origin.as_str();
        epoch.by_next = gaps.iter().any(|gap| gap.origin == origin && gap.whole());
    }
    match epochs.iter().find(|epoch| !epoch.signer.authenticated && !epoch.by_next) {
        Some(epoch) if !keys.is_empty() => {
            let fault = Fault::NotVouched(epoch.checkpoint.origin.to_string());
            Err(fault.at(&format!("{}{CHECKPOINT}", epoch.prefix)))
        }
        _ => Ok(()),
    }
}

impl Checked {
    /// The root of the first so many entries; none where the log has not that many.
    fn root(&self, size: u64) -> Option<&Result<Hash, String>> {
        self.roots.iter().find(|(of, _)| *of == size).map(|(_, root)| root)
    }
}

/// An older checkpoint that was given.
#[derive(Debug)]
pub(super) struct Older {
    checkpoint: Checkpoint,
    signers: Vec<String>,
}

impl Older {
    /// Reads it. Where keys were given, one of them must have signed it.
    pub(super) fn parse(note: &str, keys: &[VerifierKey]) -> Result<Self, Refusal> {
        let checkpoint = Checkpoint::unverified(note).map_err(|error| Fault::Checkpoint(error).at(OLDER))?;
        let signers = signed_by(note, &of_log(keys, &checkpoint.origin), OLDER)?;
        if signers.is_empty() && !keys.is_empty() {
            return Err(Fault::NotByKey.at(OLDER));
        }
        Ok(Self { checkpoint, signers })
    }

    /// Proves that the log of its name begins with what it is over.
    pub(super) fn prove(&self, epochs: &[Checked]) -> Result<PrefixReport, Refusal> {
        let Checkpoint { origin, size, root } = &self.checkpoint;
        let Some(log) = epochs.iter().find(|log| log.checkpoint.origin == *origin) else {
            return Err(Fault::OtherLog(origin.to_string()).at(OLDER));
        };
        let in_gap = match log.root(*size) {
            None => self.set_back(log, epochs)?,
            Some(Ok(found)) if found == root => false,
            Some(Ok(_)) => return Err(Fault::Fork(*size).at(&format!("{}{CHECKPOINT}", log.prefix))),
            Some(Err(file)) => return Err(Fault::Beyond(file.clone()).at(OLDER)),
        };
        let (origin, size, root) = (origin.to_string(), *size, STANDARD.encode(root.0));
        Ok(PrefixReport { origin, size, root, signers: self.signers.clone(), in_gap })
    }

    /// The log has fewer entries than were signed for. That is a rollback, unless the next epoch owns up to it. True: it does.
    fn set_back(&self, log: &Checked, epochs: &[Checked]) -> Result<bool, Refusal> {
        let said = epochs.iter().filter_map(|next| next.restarted.as_ref());
        let said = said.map(|said| &said.checkpoint).find(|said| said.origin == log.checkpoint.origin);
        let (known, found) = (self.checkpoint.size, log.checkpoint.size);
        let file = format!("{}{CHECKPOINT}", log.prefix);
        match said {
            Some(said) if said.size == known && said.root != self.checkpoint.root => Err(Fault::Fork(known).at(&file)),
            Some(said) if said.size >= known => Ok(true),
            _ => Err(Fault::Rollback { known, found }.at(&file)),
        }
    }
}
