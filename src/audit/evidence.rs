//! What a process knows and counts of the logs.

use std::path::Path;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::signer::{Memory, MemoryError};

/// The newest checkpoints that this process knows, and numbers for Prometheus.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The newest checkpoints.
    pub memory: Memory,
    grown: Counter,
    refused: Counter,
    waiting: Gauge,
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
        registry.register_with_unit(
            "audit_waiting",
            "How long the oldest event waits to come into its log: more than a few seconds means that something holds the logs up",
            Unit::Seconds,
            self.waiting.clone(),
        );
    }

    /// So many events were put into a log.
    pub fn grown(&self, events: usize) {
        self.grown.inc_by(events as u64);
    }

    /// So long waits the oldest event to come into its log.
    pub fn waiting(&self, longest: time::Duration) {
        self.waiting.set(longest.whole_seconds());
    }

    /// A log was not signed.
    pub fn refused(&self) {
        self.refused.inc();
    }
}
