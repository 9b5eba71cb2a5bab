//! What becomes of keys: one follows another, what the old one holds moves, and the old one is retired.
//!
//! Of keys outside the database, a new one is first known everywhere and then used ([`outside`]); handles are stored anew
//! when they are next seen, sealed values by [`crate::jobs::rewrap`]; and when nothing needs the old one any more it is
//! retired ([`retire`]). Signing keys are in the database and overlap ([`signing`]).

pub mod outside;
pub mod retire;
pub mod signing;

use super::{KeyKind, KeyMismatch, SigningError};
use crate::{
    secret::NoEntropy,
    store::{
        StoreError,
        keys::{KeyCheckError, KeyValues, Process},
    },
};

/// Why a key stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key file is not one to work with.
    #[error(transparent)]
    Mismatch(#[from] KeyMismatch),
    /// A signing key cannot be made or opened.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// Neither the database nor the key file has it.
    #[error("there is no {kind} key \"{id}\": `sallyport keys list` shows those there are")]
    Unknown {
        /// Its kind.
        kind: KeyKind,
        /// The id asked for.
        id: String,
    },
    /// Some process could not read what others write.
    #[error(
        "{} of {processes} known processes do not know the {kind} key \"{id}\" yet: {}",
        .lacking.len(),
        listed(.lacking)
    )]
    NotEverywhere {
        /// Its kind.
        kind: KeyKind,
        /// Its id.
        id: String,
        /// Processes that do not know it.
        lacking: Vec<Process>,
        /// Processes that serve, as far as is known.
        processes: i64,
    },
    /// New values are made with it.
    #[error("the {kind} key \"{id}\" is in use: `sallyport keys rotate {}` puts another in its place", command_word(*.kind))]
    InUse {
        /// Its kind.
        kind: KeyKind,
        /// Its id.
        id: String,
    },
    /// Some process has not heard that another key is in use.
    #[error(
        "the {kind} key \"{id}\" is still used for new values by {}: try again in a moment",
        counted(*.processes, "running process")
    )]
    StillUsed {
        /// Its kind.
        kind: KeyKind,
        /// Its id.
        id: String,
        /// How many processes.
        processes: u64,
    },
    /// It is still needed.
    #[error(
        "the {kind} key \"{id}\" still holds {}: wait until they are stored under another key, or lose them with --force",
        describe(.values)
    )]
    Holds {
        /// Its kind.
        kind: KeyKind,
        /// Its id.
        id: String,
        /// What it holds.
        values: Vec<KeyValues>,
    },
}

impl From<KeyCheckError> for RotationError {
    fn from(error: KeyCheckError) -> Self {
        match error {
            KeyCheckError::Store(error) => Self::Store(error),
            KeyCheckError::Mismatch(error) => Self::Mismatch(error),
        }
    }
}

/// The kind as the command line spells it.
pub const fn command_word(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Pepper => "pepper",
        KeyKind::Kek => "kek",
        KeyKind::AuditHandle => "audit-handle",
        KeyKind::Checkpoint => "checkpoint",
    }
}

/// Processes by the ids that they log, and which of them are silent.
pub fn listed(processes: &[Process]) -> String {
    let one = |process: &Process| match process.silent {
        true => format!("{} (silent: given up for dead within seconds)", process.id),
        false => process.id.to_string(),
    };
    processes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `12 access tokens, 3 refresh tokens`, and what only tells replays.
pub fn describe(values: &[KeyValues]) -> String {
    let live = values.iter().filter(|values| values.live > 0).map(|values| counted(values.live, &values.what));
    let spent = values.iter().filter(|values| values.spent > 0);
    let spent = spent.map(|values| counted(values.spent, &format!("spent {}", values.what)));
    let all: Vec<String> = live.chain(spent).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// `1 access token`, `12 access tokens`.
pub fn counted(n: u64, what: &str) -> String {
    let what = what.replace('_', " ");
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {what}{}", if what.ends_with('s') { "es" } else { "s" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_holds_reads_as_a_list() {
        let values = |what: &str, live, spent| KeyValues {
            kind: KeyKind::Pepper,
            id: "k".to_owned(),
            what: what.to_owned(),
            live,
            spent,
        };
        assert_eq!(describe(&[]), "nothing");
        let held = [values("access_token", 1, 0), values("refresh_token", 2, 7), values("session", 0, 0)];
        assert_eq!(describe(&held), "1 access token, 2 refresh tokens, 7 spent refresh tokens");
    }
}
