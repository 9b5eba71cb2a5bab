//! What does not hold, and where.

use std::{fmt, io};

use serde::Serialize;

use crate::audit::{
    export::{BadManifest, BadValue, MostKinds},
    log::{BadCheckpoint, BadEntry, BadTile},
};

/// An entry, by its place and, where it can be read, its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryName {
    /// The index.
    pub index: u64,
    /// The event's id, as the entry itself says.
    pub event: Option<String>,
}

/// Something does not hold.
#[derive(Debug)]
pub struct Refusal {
    /// In which file.
    pub file: String,
    /// Of which entry, if it is one.
    pub entry: Option<EntryName>,
    /// What.
    pub fault: Fault,
}

/// What does not hold.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what the variants are")]
pub enum Fault {
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    #[error("it is missing")]
    Missing,
    #[error("it is missing: this is not an export, or one that was not finished")]
    NoManifest,
    #[error("it is neither a plain file nor a directory")]
    NotPlain,
    #[error("it is longer than any such file")]
    Long,
    #[error("it is no part of the export: the manifest does not name it")]
    Foreign,
    #[error(transparent)]
    Manifest(#[from] BadManifest),
    #[error("its \"{0}\" is not what was found")]
    Says(&'static str),
    #[error("it names a file that no export has: {0:?}")]
    Names(String),
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    #[error("it is of {0}, which is not the name of a log of Sallyport")]
    Origin(String),
    #[error("it says that {0:?} is a key of this log, which it is not")]
    Key(String),
    #[error("none of the keys that the manifest names has signed it")]
    Unsigned,
    #[error("the key given is not one of the log {0}: each log has keys under its own name")]
    OtherKey(String),
    #[error("none of the keys given has signed it")]
    NotByKey,
    #[error(
        "none of the keys given has signed it, and the next epoch does not commit to all of it: so anybody may have made it. \
         Give the key that {0} was signed with as well: --key may be given several times"
    )]
    NotVouched(String),
    #[error("its root is not the one that the tiles make: entries were changed, or it is of another log")]
    Root,
    #[error("{0}")]
    Tile(BadTile),
    #[error("its hashes are not those that the tree has there, so nothing is known of the entries {first} to {last}")]
    Hashes { first: u64, last: u64 },
    #[error("{0}")]
    Bundle(BadTile),
    #[error("it is not the entry that the tree has at this place")]
    Changed,
    #[error("the tree has this entry as its entry {0}: entries were dropped, inserted or moved")]
    Moved(u64),
    #[error("{0}")]
    Entry(BadEntry),
    #[error("the line is not the one that follows from the entry")]
    View,
    #[error("it goes on after the last entry")]
    More,
    #[error("the value: {0}")]
    Value(BadValue),
    #[error("a value belongs to no entry here")]
    Stray,
    #[error("its length or SHA-256 is not the one that the manifest has")]
    Digest,
    #[error("it does not say of {0} what that file is")]
    Sums(String),
    #[error(transparent)]
    Kinds(#[from] MostKinds),
    #[error("it is of {0}, which is not in this export")]
    OtherLog(String),
    #[error("rollback: the older checkpoint is over {known} entries, and this log has only {found}")]
    Rollback { known: u64, found: u64 },
    #[error("fork: this log does not begin with the {0} entries that the older checkpoint is over")]
    Fork(u64),
    #[error("it is not a list of earlier checkpoints of this log, in the order of their sizes")]
    Earlier,
    #[error("fork: this log does not begin with the {0} entries that this earlier checkpoint of it is over")]
    OwnFork(u64),
    #[error("the witness {0} has not signed it, nor an earlier one that is here")]
    NotSeen(String),
    #[error(
        "it cannot be compared, since {0} is not in this export: export from an earlier date on, or without --from"
    )]
    Beyond(String),
    #[error("the first entry of a new epoch must be of kind log.restarted and name the log before it")]
    NotRestarted,
    #[error("it says that the log before it is {named}, and {found} is here")]
    OtherChain { named: String, found: String },
    #[error(
        "it names another root of the first {0} entries of the log before it than that log has: one of them is a fork"
    )]
    OtherPast(u64),
}

impl Fault {
    /// In a file.
    pub(super) fn at(self, file: &str) -> Refusal {
        Refusal { file: file.to_owned(), entry: None, fault: self }
    }

    /// Of an entry.
    pub(super) fn of(self, file: &str, index: u64, event: Option<String>) -> Refusal {
        Refusal { file: file.to_owned(), entry: Some(EntryName { index, event }), fault: self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(EntryName { index, event: Some(event) }) => write!(f, "entry {index} (event {event}), in ")?,
            Some(EntryName { index, event: None }) => write!(f, "entry {index}, in ")?,
            None => {}
        }
        write!(f, "{}: {}", self.file, self.fault)
    }
}

impl std::error::Error for Refusal {}
