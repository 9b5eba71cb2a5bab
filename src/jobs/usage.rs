//! Counts calls by hour, from the audit log: for charts. Any process does so that comes first.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    store::{StoreError, usage},
};

/// Between the end of one round and the next.
const PAUSE: Duration = Duration::from_secs(15);
/// Batches of one tenant in a round: others get their turn.
const TURN: usize = 20;

/// Works until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        loop {
            if let Err(error) = round(&app).await {
                tracing::warn!(%error, "calls are not counted just now; charts lag behind");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    // A transaction that is dropped rolls back.
    stop.run_until_cancelled(rounds).await;
}

/// One round through the logs of all tenants, as [`run`] repeats it.
///
/// # Errors
/// The database did not answer. What was counted stays.
pub async fn round(app: &App) -> Result<(), StoreError> {
    for tenant in app.store.tenants_to_count().await? {
        for _ in 0..TURN {
            let mut tx = app.store.tenant_tx(tenant).await?;
            let more = usage::count_on(&mut tx).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
    }
    Ok(())
}
