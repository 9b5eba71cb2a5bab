//! What a log says of itself: that nothing happened, and that it begins anew.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::Duration;

use super::{
    Event, PlatformEvent, Recorder,
    log::{Checkpoint, Frontier, Origin},
    sequencer::append,
    signer::row_of,
};
use crate::{
    config::PublicUrl,
    ids::TenantId,
    store::{
        Store, StoreError,
        audit_log::{self, Head},
    },
};

/// Writes an event into a log that has not grown for `quiet`, so that its silence is seen to be that. Whether it did. Where something waits
/// to come into the log there is no silence to be seen.
///
/// # Errors
/// A fault of ours.
pub async fn heartbeat(store: &Store, recorder: &Recorder, log: TenantId, quiet: Duration) -> Result<bool, StoreError> {
    let mut tx = store.tenant_tx(log).await?;
    let head = if audit_log::try_turn(&mut tx).await? { audit_log::head(&mut tx).await? } else { None };
    let mut silent = head.filter(|head| head.grown_at + quiet <= recorder.clock.now());
    if silent.is_some() && audit_log::waiting_since(&mut tx).await?.is_some() {
        silent = None;
    }
    if let Some(Head { size: entries, .. }) = &silent {
        let entries = *entries;
        let (of_tenant, of_platform) = (Event::LogHeartbeat { entries }, PlatformEvent::LogHeartbeat { entries });
        audit_log::insert_event(&mut tx, &row_of(log, recorder, &of_tenant, &of_platform)?).await?;
    }
    tx.commit().await?;
    Ok(silent.is_some())
}

/// Why a log does not begin anew.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// There is no log.
    #[error("there is no log yet")]
    NoLog,
    /// The checkpoint is of another log.
    #[error("the checkpoint is of {found}, and the log is {log}")]
    Other {
        /// In the checkpoint.
        found: Origin,
        /// In the database.
        log: Origin,
    },
    /// More was signed than the checkpoint is over.
    #[error("the checkpoint is of {given} entries, and one of {known} was signed: name the newest one")]
    Older {
        /// In the checkpoint.
        given: u64,
        /// In the newest one that is known.
        known: u64,
    },
    /// The log has gone on while it was begun anew.
    #[error("the log has moved on meanwhile; try again")]
    Moved,
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins a log anew, after the database was set back. Its first entry names the last known checkpoint of the log before, so that
/// whoever verifies sees what is missing. The store is the owner's: nobody else begins a log anew.
///
/// # Errors
/// See [`RestartError`]; nothing was changed.
pub async fn restart(
    store: &Store,
    recorder: &Recorder,
    (public_url, log): (&PublicUrl, TenantId),
    (known, note): (&Checkpoint, &str),
) -> Result<Head, RestartError> {
    let now = recorder.clock.now();
    let mut tx = store.tenant_tx(log).await?;
    audit_log::turn(&mut tx).await?;
    let old = audit_log::head(&mut tx).await?.ok_or(RestartError::NoLog)?;
    if known.origin != old.origin {
        return Err(RestartError::Other { found: known.origin.clone(), log: old.origin });
    }
    // What was signed after the backup that came back, if anything was, is the new past, and no newer than what was lost.
    let stored = audit_log::newest_checkpoint(&mut tx).await?.filter(|stored| stored.epoch == old.epoch);
    if let Some(stored) = stored.filter(|stored| stored.size > known.size) {
        return Err(RestartError::Older { given: known.size, known: stored.size });
    }
    let origin = Origin::of(public_url, log, old.epoch + 1);
    if !audit_log::begin_again(&mut tx, (old.epoch + 1, &origin), Frontier::default().root(), now).await? {
        return Err(RestartError::Moved);
    }
    let (from, size) = (known.origin.to_string(), known.size);
    let (root, checkpoint) = (STANDARD.encode(known.root.0), note.to_owned());
    let of_tenant =
        Event::LogRestarted { origin: from.clone(), size, root: root.clone(), checkpoint: checkpoint.clone() };
    let of_platform = PlatformEvent::LogRestarted { origin: from, size, root, checkpoint };
    let row = row_of(log, recorder, &of_tenant, &of_platform)?;
    audit_log::insert_event(&mut tx, &row).await?;
    let new = audit_log::head(&mut tx).await?.ok_or(RestartError::Moved)?;
    if !append(&mut tx, &new, &[row], now).await? {
        return Err(RestartError::Moved);
    }
    let head = audit_log::head(&mut tx).await?.ok_or(RestartError::Moved)?;
    tx.commit().await?;
    Ok(head)
}
