//! What a process knows and counts of the logs.

use std::path::Path;

use prometheus_client::{metrics::counter::Counter, registry::Registry};

use super::signer::{Memory, MemoryError};

/// The newest checkpoints that this process knows, and numbers for Prometheus.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The newest checkpoints.
    pub memory: Memory,
    grown: Counter,
    refused: Counter,
}

impl Evidence {
    /// With a directory for checkpoints.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(directory: Option<&Path>) -> Result<Self, MemoryError> {
        Ok(Self { memory: Memory::open(directory)?, ..Self::default() })
    }

    /// Names the numbers.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("audit_entries", "Events that this process put into logs", self.grown.clone());
        registry.register(
            "audit_signing_refused",
            "Times that this process did not sign a log: the error log says why",
            self.refused.clone(),
        );
    }

    /// So many events were put into a log.
    pub fn grown(&self, events: usize) {
        self.grown.inc_by(events as u64);
    }

    /// A log was not signed.
    pub fn refused(&self) {
        self.refused.inc();
    }
}
