//! Signs checkpoints of logs.
//!
//! Only what is committed is signed, and what was signed is in the database before anybody else sees it. A process remembers, outside
//! the database, the newest checkpoint that it has signed or seen; it signs nothing that does not have that as its beginning.

mod memory;

pub use memory::{Memory, MemoryError};
use time::OffsetDateTime;

use super::{
    Event, PlatformEvent, Recorder,
    log::{Checkpoint, CheckpointKey, Hash, Origin, sign},
    sequencer::with_tiles,
};
use crate::{
    ids::TenantId,
    store::{
        Store, StoreError, TenantTx,
        audit_log::{self, CheckpointRow, Head, PLATFORM},
    },
};

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The database was set back: it has fewer entries than a checkpoint that was signed.
    #[error(
        "the log {origin} has {found} entries in the database, and a checkpoint of {known} was signed: the database was set back; \
         see `sallyport audit restart-log`"
    )]
    SetBack {
        /// Which log.
        origin: Origin,
        /// In the database.
        found: u64,
        /// In the checkpoint.
        known: u64,
    },
    /// Other entries are in the database than were signed for.
    #[error(
        "the log {0} in the database is not the one that checkpoints were signed of; see `sallyport audit restart-log`"
    )]
    Fork(Origin),
    /// The database does not know the log of the newest checkpoint.
    #[error(
        "a checkpoint of the log {0} was signed, and the database does not know that log; see `sallyport audit restart-log`"
    )]
    Unknown(Origin),
    /// There is no key to sign with.
    #[error("there is no key for checkpoints")]
    NoKey,
    /// What this process remembers cannot be read or written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What signing goes by.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The database.
    pub store: &'a Store,
    /// What this process remembers.
    pub memory: &'a Memory,
    /// The keys, the one in use first.
    pub keys: &'a [CheckpointKey],
    /// Who writes events.
    pub recorder: &'a Recorder,
}

impl Signer<'_> {
    /// Signs what the log of a tenant, or of the platform, is now. None where there is nothing new, or somebody else is at it, or the
    /// last checkpoint was signed after `before`.
    ///
    /// # Errors
    /// See [`SignError`]: nothing was signed.
    pub async fn sign(&self, log: TenantId, before: OffsetDateTime) -> Result<Option<CheckpointRow>, SignError> {
        let mut tx = self.store.tenant_tx(log).await?;
        if !audit_log::try_turn(&mut tx).await? {
            return Ok(None);
        }
        let Some(head) = audit_log::head(&mut tx).await? else { return Ok(None) };
        let newest = audit_log::newest_checkpoint(&mut tx).await?.filter(|newest| newest.epoch == head.epoch);
        self.goes_on(&mut tx, &head).await?;
        if let Some(newest) = &newest
            && (newest.size == head.size || newest.signed_at > before)
        {
            // Perhaps another process signed it. What this one has seen it holds against the database from now on.
            self.memory.keep(log, &newest.note, self.keys)?;
            return Ok(None);
        }
        if head.size == 0 {
            return Ok(None);
        }
        let root = with_tiles(&mut tx, (head.epoch, head.size), |tiles| tiles.root(head.size)).await?;
        if root != head.root {
            return Err(SignError::Fork(head.origin));
        }
        self.note_key(&mut tx, &head, newest.as_ref()).await?;
        let checkpoint = Checkpoint { origin: head.origin.clone(), size: head.size, root };
        let note = sign(&checkpoint, self.keys).map_err(|_| SignError::NoKey)?;
        let now = self.recorder.clock.now();
        if !audit_log::keep_checkpoint(&mut tx, (head.epoch, head.size, root), &note, now).await? {
            return Ok(None);
        }
        tx.commit().await?;
        self.memory.keep(log, &note, self.keys)?;
        Ok(Some(CheckpointRow { epoch: head.epoch, size: head.size, note, signed_at: now }))
    }

    /// Whether the log has what this process remembers as its beginning.
    async fn goes_on(&self, tx: &mut TenantTx, head: &Head) -> Result<(), SignError> {
        let Some(known) = self.memory.newest(tx.tenant(), self.keys)? else { return Ok(()) };
        if known.origin != head.origin {
            return match audit_log::epoch_of(tx, &known.origin).await? {
                // It was restarted since, by somebody who said so.
                Some(epoch) if epoch < head.epoch => Ok(()),
                _ => Err(SignError::Unknown(known.origin)),
            };
        }
        if known.size > head.size {
            return Err(SignError::SetBack { origin: known.origin, found: head.size, known: known.size });
        }
        let then: Hash = with_tiles(tx, (head.epoch, head.size), |tiles| tiles.root(known.size)).await?;
        if then == known.root { Ok(()) } else { Err(SignError::Fork(known.origin)) }
    }

    /// The log itself says from when on which key signs for it.
    async fn note_key(&self, tx: &mut TenantTx, head: &Head, newest: Option<&CheckpointRow>) -> Result<(), SignError> {
        let key = self.keys.first().and_then(|key| key.verifier(&head.origin)).ok_or(SignError::NoKey)?;
        if newest.is_some_and(|newest| Checkpoint::verified(&newest.note, &key).is_ok()) {
            return Ok(());
        }
        let (origin, key) = (head.origin.to_string(), key.to_string());
        record_either(
            tx,
            self.recorder,
            Event::CheckpointKeyInUse { origin: origin.clone(), key: key.clone() },
            PlatformEvent::CheckpointKeyInUse { origin, key },
        )
        .await?;
        Ok(())
    }
}

/// Writes an event into whichever log the transaction is of.
pub(super) async fn record_either(
    tx: &mut TenantTx,
    recorder: &Recorder,
    of_tenant: Event,
    of_platform: PlatformEvent,
) -> Result<(), StoreError> {
    if tx.tenant() == PLATFORM {
        recorder.record_platform_in(tx, &of_platform).await
    } else {
        recorder.record(tx, &of_tenant).await
    }
}
