//! The first administrator: a link that is printed where the first process starts, good once and for a day, by which somebody makes
//! the first tenant and their own account. There is no password that anybody could know beforehand.

pub mod routes;

use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    audit::Recorder,
    keys::Keyring,
    secret::{Handle, HandleKind},
    store::{PlatformTx, StoreError, first_link},
};

/// How long the link is good.
const LIFE: Duration = Duration::days(1);
const LABEL: &str = "first link";

fn hashes(keyring: &Keyring, handle: &Handle) -> Vec<[u8; 32]> {
    keyring.keyed_by_any(LABEL, &[handle.expose().as_bytes()])
}

/// Makes the link, while there is no tenant. One that was made before opens nothing any more.
///
/// # Errors
/// The database did not answer.
pub async fn make(app: &App) -> Result<Option<Handle>, StoreError> {
    let handle = Handle::generate(HandleKind::PersonLink, &app.entropy)?;
    let hash = app.keyring.keyed(LABEL, &[handle.expose().as_bytes()]);
    let mut tx = app.store.platform_tx().await?;
    // Of a tenant that is being made at this moment either the link is known or it knows the tenant.
    crate::store::apply::lock(&mut tx).await?;
    let made = first_link::put(&mut tx, &hash, app.clock.now() + LIFE).await?;
    tx.commit().await?;
    Ok(made.then_some(handle))
}

/// Whether the link can be used.
async fn is_open(app: &App, handle: &Handle) -> Result<bool, StoreError> {
    app.store.first_link_is_open(&hashes(&app.keyring, handle), app.clock.now()).await
}

/// Uses the link up. Of many who try at once, one does.
async fn use_up(
    tx: &mut PlatformTx,
    keyring: &Keyring,
    handle: &Handle,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    first_link::use_up(tx, &hashes(keyring, handle), now).await
}

/// Who does it, in the log.
fn recorder(app: &App, request_id: String) -> Recorder {
    Recorder {
        actor: Some(crate::audit::Actor::Command { command: "serve, by its first link" }),
        ..app.recorder(Some(request_id))
    }
}
