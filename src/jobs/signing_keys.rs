//! Lets signing keys begin and end when it is time, in every tenant.
//!
//! Any number of processes may be at it: they take turns by tenant, and what one has done the next does not find due.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    ids::TenantId,
    keys::rotation::{RotationError, signing},
};

/// Between the end of one round and the next.
const PAUSE: Duration = Duration::from_secs(5);

/// Looks now and then, until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        loop {
            if let Err(error) = round(&app).await {
                tracing::warn!(%error, "signing keys could not be looked at");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    // A transaction that is dropped rolls back.
    stop.run_until_cancelled(rounds).await;
}

/// Does what is due in every tenant.
///
/// # Errors
/// A fault of ours: the tenants could not be read. A fault in one tenant does not keep the others waiting.
pub async fn round(app: &App) -> Result<(), RotationError> {
    let now = app.clock.now();
    let older_than = app.config.keys.signing.every.map(|every| now - every);
    for tenant in app.store.signing_keys_due(now, older_than).await? {
        if let Err(error) = advance(app, tenant).await {
            tracing::error!(%error, %tenant, "signing keys could not be changed");
        }
    }
    Ok(())
}

async fn advance(app: &App, tenant: TenantId) -> Result<(), RotationError> {
    let mut tx = app.store.tenant_tx(tenant).await?;
    let ticket = signing::advance(&mut tx, &app.keyring, &app.recorder(None), app.config.keys.signing).await?;
    tx.commit().await?;
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await?;
    }
    Ok(())
}
