//! Signs checkpoints of logs.
//!
//! Only what is committed is signed, and what was signed is in the database before anybody else sees it. A process remembers, outside
//! the database, the newest checkpoint that it has signed or seen; it signs nothing that does not have that as its beginning.

mod memory;

pub use memory::{Known, Memory, MemoryError};
use time::OffsetDateTime;

use super::{
    Event, PlatformEvent, Recorder,
    export::Whose,
    log::{Checkpoint, CheckpointKey, Entry, Hash, Origin, Restarted, ours, sign},
    sequencer::with_tiles,
};
use crate::{
    ids::TenantId,
    store::{
        Store, StoreError, TenantTx,
        audit::EventRow,
        audit_export,
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
    /// The log has another's name.
    #[error("the log of {log} calls itself {origin}, which is another's name")]
    Name {
        /// Whose it is.
        log: TenantId,
        /// What it calls itself.
        origin: Origin,
    },
    /// It began anew and does not say where it ended.
    #[error(
        "the log {0} began anew, and its first entry does not name the newest checkpoint that was signed before: whoever did that \
         keeps something back; see `sallyport audit restart-log`"
    )]
    Silent(Origin),
    /// Where a checkpoint of ours belongs there is another.
    #[error(
        "for {size} entries of the log {origin} there is a checkpoint in the database that no key of the key file has signed; \
         the log is signed again as soon as it has grown"
    )]
    Foreign {
        /// Which log.
        origin: Origin,
        /// Of how many entries.
        size: u64,
    },
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

/// What a turn came to, which is to be committed.
enum Turn {
    /// With the note of the newest checkpoint.
    Done(Signing, Option<String>),
    Foreign {
        origin: Origin,
        size: u64,
    },
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
        let done = self.in_turn(&mut tx, before).await?;
        tx.commit().await?;
        match done {
            Turn::Done(signing, note) => {
                // Perhaps another process signed it. What this one has seen it holds against the database from now on.
                if let Some(note) = note {
                    self.memory.keep(log, &note, self.keys)?;
                }
                Ok(signing)
            }
            Turn::Foreign { origin, size } => Err(SignError::Foreign { origin, size }),
        }
    }

    async fn in_turn(&self, tx: &mut TenantTx, before: OffsetDateTime) -> Result<Turn, SignError> {
        let Some(head) = audit_log::head(tx).await? else { return Ok(Turn::Done(Signing::Nothing, None)) };
        self.is_its_name(tx.tenant(), &head)?;
        let stored = audit_log::newest_checkpoint(tx).await?.filter(|newest| newest.epoch == head.epoch);
        let newest = stored.as_ref().filter(|newest| self.is_ours(newest, &head));
        self.goes_on(tx, &head).await?;
        let is_due = newest.is_none_or(|newest| newest.size < head.size && newest.signed_at <= before);
        if !is_due || head.size == 0 {
            return Ok(Turn::Done(Signing::Nothing, newest.map(|newest| newest.note.clone())));
        }
        let root = with_tiles(tx, (head.epoch, head.size), |tiles| tiles.root(head.size)).await?;
        if root != head.root {
            return Err(SignError::Fork(head.origin));
        }
        self.note_key(tx, &head, newest).await?;
        if stored.as_ref().is_some_and(|stored| stored.size == head.size) {
            // What is there stays there. With the event of the key the log grows, and can be signed.
            return Ok(Turn::Foreign { origin: head.origin, size: head.size });
        }
        let checkpoint = Checkpoint { origin: head.origin, size: head.size, root };
        let note = sign(&checkpoint, self.keys).map_err(|_| SignError::NoKey)?;
        let signed_at = self.recorder.clock.now();
        if !audit_log::keep_checkpoint(tx, (head.epoch, head.size, root), &note, signed_at).await? {
            return Ok(Turn::Foreign { origin: checkpoint.origin, size: head.size });
        }
        let row = CheckpointRow { epoch: head.epoch, size: head.size, note: note.clone(), signed_at };
        Ok(Turn::Done(Signing::Signed(row), Some(note)))
    }

    /// Nobody gets a signature under another log's name, whatever the database says.
    fn is_its_name(&self, log: TenantId, head: &Head) -> Result<(), SignError> {
        let whose = if log == PLATFORM { "platform".to_owned() } else { log.to_string() };
        let is = Whose::of(&head.origin)
            .is_some_and(|said| said.tenant == whose && i64::from(said.epoch) == i64::from(head.epoch));
        if is { Ok(()) } else { Err(SignError::Name { log, origin: head.origin.clone() }) }
    }

    fn is_ours(&self, stored: &CheckpointRow, head: &Head) -> bool {
        ours(&stored.note, self.keys)
            .is_some_and(|checkpoint| checkpoint.origin == head.origin && checkpoint.size == stored.size)
    }

    /// Whether the log has what this process remembers as its beginning.
    async fn goes_on(&self, tx: &mut TenantTx, head: &Head) -> Result<(), SignError> {
        let Some(known) = self.memory.newest(tx.tenant(), self.keys)? else { return Ok(()) };
        if known.checkpoint.origin != head.origin {
            return self.began_anew(tx, known, head).await;
        }
        if !known.ours {
            return Err(self.memory.not_ours(tx.tenant()).into());
        }
        let known = known.checkpoint;
        if known.size > head.size {
            return Err(SignError::SetBack { origin: known.origin, found: head.size, known: known.size });
        }
        let then: Hash = with_tiles(tx, (head.epoch, head.size), |tiles| tiles.root(known.size)).await?;
        if then == known.root { Ok(()) } else { Err(SignError::Fork(known.origin)) }
    }

    /// Whether each epoch since what is remembered names, in its first entry, the newest checkpoint of the one before it.
    async fn began_anew(&self, tx: &mut TenantTx, known: Known, head: &Head) -> Result<(), SignError> {
        let epochs = audit_export::epochs(tx).await?;
        let since = epochs.iter().skip_while(|epoch| epoch.origin != known.checkpoint.origin);
        let mut is_known = false;
        for (before, next) in since.clone().zip(since.skip(1)) {
            let silent = || SignError::Silent(next.origin.clone());
            let (event, leaf) = audit_log::first_entry(tx, next.epoch).await?.ok_or_else(silent)?;
            let is_in_tree = Entry::of(&event).is_ok_and(|entry| entry.leaf() == leaf);
            let said = Restarted::of(&event).filter(|said| is_in_tree && said.checkpoint.origin == before.origin);
            let Restarted { checkpoint: said, note } = said.ok_or_else(silent)?;
            // More than is remembered here another process has signed, and its note is named. Of a lost key nobody can tell.
            let is_signed = || !known.ours || note.is_some_and(|note| ours(&note, self.keys).is_some());
            let goes_on = match () {
                () if before.origin != known.checkpoint.origin => is_signed(),
                () => said == known.checkpoint || (said.size > known.checkpoint.size && is_signed()),
            };
            if !goes_on {
                return Err(silent());
            }
            is_known = next.epoch == head.epoch;
        }
        if is_known { Ok(()) } else { Err(SignError::Unknown(known.checkpoint.origin)) }
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
