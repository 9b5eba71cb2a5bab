//! `[audit]`

use std::{path::PathBuf, time::Duration};

use super::reader::Reader;

/// The log that an auditor can check.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where this process keeps the newest checkpoint of each log that it knows, so that it notices a database that was set back.
    /// None: it remembers while it runs.
    pub state_dir: Option<PathBuf>,
    /// How often the checkpoint of a log that grows is signed.
    pub checkpoint: Duration,
}

impl Audit {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            state_dir: reader.path("audit.state_dir"),
            checkpoint: reader.duration("audit.checkpoint_seconds", 1, 5, 1..=3_600),
        }
    }
}
