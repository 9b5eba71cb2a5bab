//! Where an export comes from.

use async_trait::async_trait;

use super::Value;
use crate::store::{StoreError, audit::EventRow};

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What must be there is not.
    #[error("{0} is not in the database")]
    Missing(String),
}

/// A log as it is stored.
#[async_trait]
pub trait Source: Send {
    /// The hashes of a tile. More of them than were asked for do no harm: the log has grown.
    async fn tile(&mut self, level: u8, index: u64) -> Result<Vec<u8>, SourceError>;

    /// Events by the indices of their entries, from `first` on.
    async fn events(&mut self, first: u64, count: u64) -> Result<Vec<EventRow>, SourceError>;

    /// Values that these entries have commitments to and that are not erased, in the order of the entries.
    async fn values(&mut self, first: u64, count: u64) -> Result<Vec<Value>, SourceError>;
}
