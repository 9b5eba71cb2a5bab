//! `[audit]`

use std::{path::PathBuf, time::Duration};

use super::{anchor::AnchorTarget, reader::Reader, ship::ShipTarget};

/// The log that an auditor can check.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where this process keeps the newest checkpoint of each log that it knows, so that it notices a database that was set back.
    /// None: it remembers while it runs.
    pub state_dir: Option<PathBuf>,
    /// How often the checkpoint of a log that grows is signed.
    pub checkpoint: Duration,
    /// Where events are sent.
    pub ship: Vec<ShipTarget>,
    /// Who is told the checkpoints.
    pub anchors: Vec<AnchorTarget>,
}

impl Audit {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            state_dir: reader.path("audit.state_dir"),
            checkpoint: reader.duration("audit.checkpoint_seconds", 1, 5, 1..=3_600),
            ship: ShipTarget::read_all(reader),
            anchors: AnchorTarget::read_all(reader),
        }
    }
}
