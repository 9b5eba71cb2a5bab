//! Writes what was refused to strangers, once a minute and at the end.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{app::App, audit::LANE_PERIOD, store::StoreError};

/// How long the end of the process waits for the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes now and then, until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        loop {
            tokio::time::sleep(LANE_PERIOD).await;
            if let Err(error) = write(&app).await {
                tracing::warn!(%error, "counts of refused requests wait for the database");
            }
        }
    };
    // A transaction that is dropped rolls back, and its rows are still there.
    stop.run_until_cancelled(rounds).await;
}

/// Writes everything that was counted until now.
///
/// # Errors
/// What is left is tried again.
pub async fn write(app: &App) -> Result<(), StoreError> {
    app.lane.write(&app.store, &app.keyring, &app.recorder(None)).await
}

/// Writes what is left when nothing is served any more.
pub async fn finish(app: &App) {
    let writing = async {
        write(app).await?;
        // What a tenant counted while older rows of it were waiting.
        write(app).await
    };
    match tokio::time::timeout(PATIENCE, writing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "counts of refused requests could not be written"),
        Err(_) => tracing::error!("counts of refused requests could not be written in time"),
    }
}
