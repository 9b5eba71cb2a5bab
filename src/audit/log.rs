//! The log that an auditor can check: events as entries, a Merkle tree over them, and signed checkpoints of the tree.
//!
//! Formats are those of C2SP: [tlog-tiles](https://c2sp.org/tlog-tiles), [tlog-checkpoint](https://c2sp.org/tlog-checkpoint) and
//! [signed-note](https://c2sp.org/signed-note); the tree is that of RFC 6962 §2.1 and RFC 9162 §2.1. All here is pure: no database, no clock.

mod checkpoint;
mod cosignature;
mod entry;
mod frontier;
mod origin;
mod restarted;
mod tiles;

pub use checkpoint::{BadCheckpoint, Checkpoint, CheckpointKey, VerifierKey, ours, sign};
pub use cosignature::WitnessKey;
pub(in crate::audit) use entry::readable;
pub use entry::{BadEntry, Entry, MOST as MOST_OF_ENTRY};
pub use frontier::Frontier;
pub use origin::Origin;
pub use restarted::Restarted;
pub(crate) use tiles::subtree;
pub use tiles::{BadTile, Missing, Tiles, WIDTH, bundle, path, path_of_entries, unbundle, width};
pub use tlog_tiles::Hash;
pub use tlog_tiles::record_hash as entry_hash;

/// Entries a log may have at most: what is larger is not one of ours.
pub const MOST: u64 = 1 << 48;
