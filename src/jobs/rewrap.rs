//! Seals anew, under the key-encryption key in use, what is sealed under another one.
//!
//! In batches, a tenant at a time. Any number of processes may be at it: rows that one holds the others pass over, and what
//! one has done the next does not find. Nothing waits for it, since both keys open.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    app::App,
    ids::{PersonId, ProviderId, TenantId},
    keys::{KeyKind, Sealed},
    people::{oidc, second::enrol},
    store::{
        StoreError,
        keys::{self as rows, KeyCheckError, SealedIn},
    },
};

/// Between the end of one round and the next.
const PAUSE: Duration = Duration::from_secs(5);
/// Values a transaction seals anew at most.
const BATCH: u32 = 50;

/// How far it is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    left: Gauge<i64>,
    done: Counter<u64, AtomicU64>,
}

impl Progress {
    fn of(app: &App) -> Self {
        let progress = Self::default();
        app.metrics.register(|registry| {
            let left = "Values sealed under another key-encryption key than the one in use, at the last look";
            registry.register("sealed_values_to_rewrap", left, progress.left.clone());
            let done = "Values that this process sealed anew";
            registry.register("sealed_values_rewrapped", done, progress.done.clone());
        });
        progress
    }

    /// Values that were left at the last look.
    pub fn left(&self) -> i64 {
        self.left.get()
    }

    /// Values that were sealed anew.
    pub fn done(&self) -> u64 {
        self.done.get()
    }
}

/// Looks now and then, until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let progress = Progress::of(&app);
    let rounds = async {
        loop {
            if let Err(error) = round(&app, &progress).await {
                tracing::warn!(%error, "sealed values could not be sealed anew");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
}

/// Seals everything anew that is sealed under another key than the one in use.
///
/// # Errors
/// A fault of ours. What was done until then is done.
pub async fn round(app: &App, progress: &Progress) -> Result<(), KeyCheckError> {
    // The database says which key is in use; another process may have changed it just now.
    app.store.check_keys(&app.keyring, &app.recorder(None)).await?;
    let in_use = app.keyring.in_use(KeyKind::Kek);
    let due = app.store.sealed_elsewhere(&in_use).await?;
    for (tenant, _) in &due {
        rewrap(app, progress, *tenant, &in_use).await?;
        for table in SealedIn::ALL {
            rewrap_values(app, progress, (*tenant, table), &in_use).await?;
        }
    }
    let left = if due.is_empty() { Vec::new() } else { app.store.sealed_elsewhere(&in_use).await? };
    let left: u64 = left.iter().map(|(_, values)| values).sum();
    progress.left.set(i64::try_from(left).unwrap_or(i64::MAX));
    Ok(())
}

async fn rewrap(app: &App, progress: &Progress, tenant: TenantId, in_use: &str) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let mut tx = app.store.tenant_tx(tenant).await?;
        let keys = rows::sealed_elsewhere(&mut tx, in_use, &after, BATCH).await?;
        let mut done = 0;
        for key in &keys {
            match key.sealed_anew(tenant, &app.keyring, &app.entropy) {
                Ok(sealed) => {
                    rows::store_sealed_anew(&mut tx, &key.kid, &sealed).await?;
                    done += 1;
                }
                Err(error) => tracing::error!(%error, %tenant, "a signing key cannot be sealed anew"),
            }
        }
        tx.commit().await?;
        progress.done.inc_by(done);
        match keys.last() {
            Some(last) => after.clone_from(&last.kid),
            None => return Ok(()),
        }
    }
}

async fn rewrap_values(
    app: &App,
    progress: &Progress,
    (tenant, table): (TenantId, SealedIn),
    in_use: &str,
) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    loop {
        let mut tx = app.store.tenant_tx(tenant).await?;
        let values = rows::values_elsewhere(&mut tx, table, (in_use, after), BATCH).await?;
        let mut done = 0;
        for (id, sealed) in &values {
            match sealed_anew(app, &place(tenant, table, *id), sealed)? {
                Some(sealed) => {
                    rows::store_value_anew(&mut tx, table, *id, &sealed).await?;
                    done += 1;
                }
                None => tracing::error!(%tenant, ?table, %id, "a value cannot be sealed anew: it does not open"),
            }
        }
        tx.commit().await?;
        progress.done.inc_by(done);
        match values.last() {
            Some((last, _)) => after = *last,
            None => return Ok(()),
        }
    }
}

fn place(tenant: TenantId, table: SealedIn, id: Uuid) -> String {
    match table {
        SealedIn::Provider => oidc::secret_place(tenant, ProviderId(id)),
        SealedIn::Totp => enrol::secret_place(tenant, PersonId(id)),
    }
}

/// None: it does not open.
fn sealed_anew(app: &App, place: &str, sealed: &Sealed) -> Result<Option<Sealed>, StoreError> {
    let Ok(plain) = app.keyring.open(&sealed.kek_id, place.as_bytes(), &sealed.bytes) else { return Ok(None) };
    Ok(Some(app.keyring.seal(place.as_bytes(), &plain, &app.entropy)?))
}
