//! Checkpoints before the newest: those that were kept, and the newest one that a witness has signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::audit::log::{Checkpoint, WitnessKey};

/// How many earlier checkpoints an export has at most.
pub const MOST_EARLIER: u64 = 10_000;

/// A line of `checkpoints.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Over how many entries.
    pub size: u64,
    /// In base64.
    pub root: String,
    /// The signed note.
    pub note: String,
}

impl Earlier {
    /// The line of a checkpoint.
    pub fn of(checkpoint: &Checkpoint, note: &str) -> Self {
        Self { size: checkpoint.size, root: STANDARD.encode(checkpoint.root.0), note: note.to_owned() }
    }

    /// Reads a line. None where it is not what its note says, or written in another way than the one.
    pub fn parse(line: &str) -> Option<(Self, Checkpoint)> {
        let read: Self = serde_json::from_str(line).ok()?;
        let checkpoint = Checkpoint::unverified(&read.note).ok()?;
        (Self::of(&checkpoint, &read.note) == read && read.line() == line).then_some((read, checkpoint))
    }

    /// Without its newline.
    pub fn line(&self) -> String {
        // Texts and a number.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a witness has signed last.
#[derive(Clone, Debug)]
pub struct Cosigned {
    /// The checkpoint's entries.
    pub size: u64,
    /// The checkpoint.
    pub note: String,
    /// The witness's verifier key.
    pub key: String,
    /// The line of its signature.
    pub line: String,
}

/// The newest checkpoint with what witnesses have signed of it; and where a witness has signed only an earlier one, the newest of these
/// with its signatures. Lines that do not hold are left out.
pub fn cosigned(size: u64, note: &str, by: &[Cosigned]) -> (String, Option<String>) {
    let with = |size: u64, note: &str| {
        by.iter().filter(|cosigned| cosigned.size == size).fold(note.to_owned(), |note, cosigned| {
            let holds = WitnessKey::parse(&cosigned.key).and_then(|key| key.signed(&note, &cosigned.line)).is_some();
            let more = format!("{note}{}\n", cosigned.line.trim_end());
            let fits = holds && !note.contains(cosigned.line.trim_end()) && Checkpoint::unverified(&more).is_ok();
            if fits { more } else { note }
        })
    };
    let mut earlier: Vec<&Cosigned> = by.iter().filter(|cosigned| cosigned.size < size).collect();
    earlier.sort_by_key(|cosigned| std::cmp::Reverse(cosigned.size));
    let earlier = earlier.into_iter().map(|it| (it, with(it.size, &it.note))).find(|(it, with)| *with != it.note);
    (with(size, note), earlier.map(|(_, note)| note))
}
