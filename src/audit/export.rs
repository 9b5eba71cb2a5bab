//! A log, or a part of it, as a directory that an auditor can check without us. `docs/audit-format.md` describes it.

mod archive;
mod database;
mod earlier;
mod extent;
mod files;
mod manifest;
mod out;
mod readme;
mod source;
mod sums;
mod value;
mod views;
mod write;

pub use archive::{Chunks, archive};
pub use database::{Database, NEWEST, NoLog, Period, moment, signed};
pub use earlier::{Cosigned, Earlier, MOST_EARLIER, cosigned};
pub use extent::{Extent, Included, Tile, Walk};
pub use files::{PARTIAL, digest};
pub use manifest::{BadManifest, FORMAT, FileFacts, Head, Kinds, Manifest, MostKinds, Size, Whose};
pub use source::{Source, SourceError};
pub use sums::line as sum_line;
pub use value::{BadValue, Value};
pub use views::{Record, VIEWS, View};
pub use write::{Epoch, ExportError, Progress, Written, write};

/// The manifest's name.
pub const MANIFEST: &str = "manifest.json";
/// The name of the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// The name of the newest checkpoint that a witness has signed, where that is an earlier one.
pub const COSIGNED: &str = "cosigned";
/// The name of the list of earlier checkpoints.
pub const CHECKPOINTS: &str = "checkpoints.jsonl";
/// The name of the list of digests.
pub const SUMS: &str = "SHA256SUMS";
/// The name of what tells a person about all this.
pub const README: &str = "README.md";
/// The name of the values that entries have commitments to.
pub const VALUES: &str = "values.jsonl";
/// Where earlier epochs are.
pub const PREVIOUS: &str = "previous";
/// Where tiles are.
pub const TILES: &str = "tile";
