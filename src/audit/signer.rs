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
        audit::EventRow,
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

/// What came of a try to sign.
#[derive(Clone, Debug)]
pub enum Signing {
    /// Somebody else is at it.
    Busy,
    /// There is nothing new, or not for long enough.
    Nothing,
    /// A checkpoint.
    Signed(CheckpointRow),
}

impl Signer<'_> {
    /// Signs what the log of a tenant, or of the platform, is now, unless its last checkpoint was signed after `before`.
    ///
    /// # Errors
    /// See [`SignError`]: nothing was signed.
    pub async fn sign(&self, log: TenantId, before: OffsetDateTime) -> Result<Signing, SignError> {
        let mut tx = self.store.tenant_tx(log).await?;
        if !audit_log::try_turn(&mut tx).await? {
            tx.commit().await?;
            return Ok(Signing::Busy);
        }
        let (note, signed) = match self.in_turn(&mut tx, before).await? {
            Some((Signing::Signed(row), _)) => (Some(row.note.clone()), Signing::Signed(row)),
            Some((other, newest)) => (newest, other),
            None => (None, Signing::Nothing),
        };
        tx.commit().await?;
        // Perhaps another process signed it. What this one has seen it holds against the database from now on.
        if let Some(note) = note {
            self.memory.keep(log, &note, self.keys)?;
        }
        Ok(signed)
    }

    /// With the note of the newest checkpoint that was there. None: there is no log.
    async fn in_turn(
        &self,
        tx: &mut TenantTx,
        before: OffsetDateTime,
    ) -> Result<Option<(Signing, Option<String>)>, SignError> {
        let Some(head) = audit_log::head(tx).await? else { return Ok(None) };
        let newest = audit_log::newest_checkpoint(tx).await?.filter(|newest| newest.epoch == head.epoch);
        self.goes_on(tx, &head).await?;
        let is_due = newest.as_ref().is_none_or(|newest| newest.size < head.size && newest.signed_at <= before);
        if !is_due || head.size == 0 {
            return Ok(Some((Signing::Nothing, newest.map(|newest| newest.note))));
        }
        let root = with_tiles(tx, (head.epoch, head.size), |tiles| tiles.root(head.size)).await?;
        if root != head.root {
            return Err(SignError::Fork(head.origin));
        }
        self.note_key(tx, &head, newest.as_ref()).await?;
        let checkpoint = Checkpoint { origin: head.origin, size: head.size, root };
        let note = sign(&checkpoint, self.keys).map_err(|_| SignError::NoKey)?;
        let signed_at = self.recorder.clock.now();
        audit_log::keep_checkpoint(tx, (head.epoch, head.size, root), &note, signed_at).await?;
        let row = CheckpointRow { epoch: head.epoch, size: head.size, note, signed_at };
        Ok(Some((Signing::Signed(row), None)))
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
        let row = row_of(
            tx.tenant(),
            self.recorder,
            &Event::CheckpointKeyInUse { origin: origin.clone(), key: key.clone() },
            &PlatformEvent::CheckpointKeyInUse { origin, key },
        )?;
        Ok(audit_log::insert_event(tx, &row).await?)
    }
}

/// The row of what a log says of itself.
pub(super) fn row_of(
    log: TenantId,
    recorder: &Recorder,
    of_tenant: &Event,
    of_platform: &PlatformEvent,
) -> Result<EventRow, StoreError> {
    if log == PLATFORM { recorder.platform_row(of_platform) } else { recorder.row(of_tenant) }
}
