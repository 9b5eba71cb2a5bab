//! Checkpoints beside the newest one: earlier ones of the log itself, and what witnesses have seen.

use std::path::Path;

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Fault, Refusal, epoch::Checked, files::read, signer::signed_by, tree::Tree};
use crate::audit::{
    export::{CHECKPOINT, CHECKPOINTS, COSIGNED, Earlier, FileFacts, MOST_EARLIER, Manifest, digest},
    log::{Checkpoint, Hash, VerifierKey, WitnessKey},
};

/// The longest list of earlier checkpoints, which is read as a whole: some kilobytes for each.
const LONGEST: u64 = 32 << 20;
/// The longest checkpoint.
const LONGEST_NOTE: u64 = 64 << 10;

/// Earlier checkpoints in an export that the log begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EarlierReport {
    /// How many the export has.
    pub count: u64,
    /// Of these, how many are signed with a key that was given.
    pub signed: u64,
    /// Of these, how many could not be compared with the tree: tiles are not here.
    pub unchecked: u64,
}

/// What a witness has seen of a log, which begins with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The witness's key.
    pub witness: String,
    /// Its name.
    pub name: String,
    /// The log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// When the witness signed that, by its own clock.
    pub time: String,
}

/// Checkpoints beside the newest one.
pub(super) struct Others {
    /// Sizes and roots, in the order of the sizes.
    earlier: Vec<(u64, Hash)>,
    signed: u64,
    pub(super) cosigned: Option<(Checkpoint, String)>,
    pub(super) facts: Vec<(&'static str, FileFacts)>,
}

impl Others {
    pub(super) fn read(
        (dir, prefix): (&Path, &str),
        manifest: &Manifest,
        (newest, own): (&Checkpoint, &[VerifierKey]),
    ) -> Result<Self, Refusal> {
        let mut others = Self { earlier: Vec::new(), signed: 0, cosigned: None, facts: Vec::new() };
        let before = |checkpoint: &Checkpoint| checkpoint.origin == newest.origin && checkpoint.size < newest.size;
        if manifest.files.contains_key(CHECKPOINTS) {
            let file = format!("{prefix}{CHECKPOINTS}");
            let bytes = read(dir, &file, LONGEST)?;
            others.facts.push((CHECKPOINTS, digest(&bytes)));
            for line in String::from_utf8_lossy(&bytes).split_terminator('\n') {
                let line = Earlier::parse(line).filter(|(_, checkpoint)| before(checkpoint));
                let (earlier, checkpoint) = line.ok_or_else(|| Fault::Earlier.at(&file))?;
                let ordered = others.earlier.last().is_none_or(|(size, _)| *size < checkpoint.size);
                if !ordered || others.earlier.len() as u64 >= MOST_EARLIER {
                    return Err(Fault::Earlier.at(&file));
                }
                others.signed += u64::from(!signed_by(&earlier.note, own, &file)?.is_empty());
                others.earlier.push((checkpoint.size, checkpoint.root));
            }
        }
        if manifest.files.contains_key(COSIGNED) {
            let file = format!("{prefix}{COSIGNED}");
            let bytes = read(dir, &file, LONGEST_NOTE)?;
            others.facts.push((COSIGNED, digest(&bytes)));
            let note = String::from_utf8_lossy(&bytes).into_owned();
            let checkpoint = Checkpoint::unverified(&note).map_err(|error| Fault::Checkpoint(error).at(&file))?;
            if !before(&checkpoint) {
                return Err(Fault::Earlier.at(&file));
            }
            signed_by(&note, own, &file)?;
            others.cosigned = Some((checkpoint, note));
        }
        Ok(others)
    }

    /// The sizes of trees whose roots are needed.
    pub(super) fn marks(&self) -> impl Iterator<Item = u64> {
        let cosigned = self.cosigned.iter().map(|(checkpoint, _)| checkpoint.size);
        self.earlier.iter().map(|(size, _)| *size).chain(cosigned)
    }

    /// Compares them with the tree.
    pub(super) fn check(&self, prefix: &str, tree: &Tree<'_>) -> Result<EarlierReport, Refusal> {
        let mut unchecked = 0;
        for (size, root) in &self.earlier {
            match tree.root(*size) {
                Ok(found) if found == *root => {}
                Ok(_) => return Err(Fault::OwnFork(*size).at(&format!("{prefix}{CHECKPOINTS}"))),
                Err(_) => unchecked += 1,
            }
        }
        if let Some((Checkpoint { size, root, .. }, _)) = &self.cosigned
            && tree.root(*size).is_ok_and(|found| found != *root)
        {
            return Err(Fault::OwnFork(*size).at(&format!("{prefix}{COSIGNED}")));
        }
        Ok(EarlierReport { count: self.earlier.len() as u64, signed: self.signed, unchecked })
    }
}

/// What witnesses have seen, of each epoch the most. Each must have seen something of it.
pub(super) fn by_witnesses(epochs: &[Checked], witnesses: &[WitnessKey]) -> Result<Vec<Seen>, Refusal> {
    let mut all = Vec::new();
    for witness in witnesses {
        let known = all.len();
        let mut beyond = None;
        for epoch in epochs {
            match of_epoch(epoch, witness) {
                Some(Ok(seen)) => all.push(seen),
                Some(Err(file)) => beyond = beyond.or(Some((file, epoch))),
                None => {}
            }
        }
        match beyond {
            _ if all.len() > known => {}
            Some((file, epoch)) => return Err(Fault::Beyond(file).at(&format!("{}{COSIGNED}", epoch.prefix))),
            None => return Err(Fault::NotSeen(witness.name().to_owned()).at(CHECKPOINT)),
        }
    }
    Ok(all)
}

fn of_epoch(epoch: &Checked, witness: &WitnessKey) -> Option<Result<Seen, String>> {
    let seen = |checkpoint: &Checkpoint, time: u64| Seen {
        witness: witness.to_string(),
        name: witness.name().to_owned(),
        origin: checkpoint.origin.to_string(),
        size: checkpoint.size,
        time: moment(time),
    };
    if let Some(time) = witness.seen(&epoch.note) {
        return Some(Ok(seen(&epoch.checkpoint, time)));
    }
    let (checkpoint, note) = epoch.cosigned.as_ref()?;
    let time = witness.seen(note)?;
    let root = epoch.roots.iter().find(|(size, _)| *size == checkpoint.size).map(|(_, root)| root)?;
    // The root was compared when it was made.
    Some(root.as_ref().map(|_| seen(checkpoint, time)).map_err(Clone::clone))
}

fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} seconds after 1970"))
}
