//! An export for somebody who takes it over HTTP: that they take it is in the log before the first byte goes out.

use std::{io, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Event, Recorder,
    export::{Chunks, Database, Epoch, NoLog, Period, archive},
};
use crate::{
    ids::{self, PersonId},
    keys::Keyring,
    store::{Store, StoreError},
    tenants::Tenant,
};

/// For the end of an export that is just ending.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// One at a time.
    #[error("somebody exports a log right now: wait until that is done, and try again")]
    Busy,
    /// The log has just begun.
    #[error("nothing of the log is signed yet: that is done within seconds, try again")]
    NothingSigned,
    /// The log cannot be exported.
    #[error(transparent)]
    Log(NoLog),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no place for temporary files.
    #[error(transparent)]
    Files(#[from] io::Error),
}

/// Where exports come from.
pub struct Exports<'a> {
    /// The database.
    pub store: &'a Store,
    /// With what checkpoints are signed.
    pub keyring: &'a Keyring,
    /// Turns: one at a time.
    pub turns: &'a Arc<Semaphore>,
}

/// Begins an export of a tenant's log, or a part of it, for a person: the name of the archive, and the archive piece by piece.
///
/// # Errors
/// Nothing was taken.
pub async fn take(
    exports: Exports<'_>,
    tenant: &Tenant,
    (recorder, person): (&Recorder, PersonId),
    period: Period,
) -> Result<(String, Chunks), NotTaken> {
    let turn = tokio::time::timeout(PATIENCE, exports.turns.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(NotTaken::Busy) };
    let keys = exports.keyring.checkpoint_keys();
    let epochs = Database::epochs(exports.store, tenant.id, &keys, period).await.map_err(|error| match error {
        NoLog::NoCheckpoint => NotTaken::NothingSigned,
        error => NotTaken::Log(error),
    })?;
    // Before anything is sent.
    let mut tx = exports.store.tenant_tx(tenant.id).await?;
    recorder.record(&mut tx, &taken(person, &epochs, period)).await?;
    tx.commit().await?;
    let name = format!("{}-audit", tenant.slug);
    let chunks = begin(recorder, &name, epochs, turn)?;
    Ok((name, chunks))
}

fn taken(person: PersonId, (current, previous): &(Epoch, Vec<Epoch>), period: Period) -> Event {
    let all = previous.iter().chain([current]);
    Event::AuditExported {
        person,
        origin: current.head.checkpoint.origin.to_string(),
        entries: all.filter_map(|epoch| epoch.head.extent.included()).map(|range| range.count()).sum(),
        from: period.from,
        to: period.to,
    }
}

fn begin(
    recorder: &Recorder,
    name: &str,
    epochs: (Epoch, Vec<Epoch>),
    turn: OwnedSemaphorePermit,
) -> Result<Chunks, NotTaken> {
    let id = ids::new_uuid(&recorder.clock, &recorder.entropy).map_err(StoreError::from)?;
    let at = u64::try_from(recorder.clock.now().unix_timestamp()).unwrap_or_default();
    Ok(archive((name.to_owned(), at), epochs, (id, turn))?)
}
