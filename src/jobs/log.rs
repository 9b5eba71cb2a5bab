//! Lets the logs of all tenants and of the platform grow, and signs what they have become. Any process does so that comes first.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    audit::{
        Recorder,
        restart::heartbeat,
        sequencer::{self, Advance},
        signer::{SignError, Signer},
    },
    ids::TenantId,
    store::StoreError,
};

/// Between the end of one round and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// A log in which nothing happens says so after this.
const QUIET: time::Duration = time::Duration::HOUR;

/// Works until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        let mut complaint = String::new();
        loop {
            let said = round(&app).await;
            // What is wrong is said once, not every second.
            if said != complaint {
                said.lines().for_each(|line| tracing::error!(error = line, "the audit log does not go on"));
                complaint = said;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    // A transaction that is dropped rolls back.
    stop.run_until_cancelled(rounds).await;
}

/// One round through all logs. What went wrong, a line for each log.
async fn round(app: &App) -> String {
    let quiet = app.clock.now() - QUIET;
    let logs = match app.store.logs_with_news(quiet).await {
        Ok(logs) => logs,
        Err(error) => return error.to_string(),
    };
    let mut said = String::new();
    for log in logs {
        if let Err(error) = go_on(app, log).await {
            said.push_str(&format!("{log}: {error}\n"));
        }
    }
    said
}

/// Puts all that happened into the log, says so if nothing did, and signs it where that is due.
///
/// # Errors
/// See [`SignError`]. What was put into the log until then stays there.
pub async fn go_on(app: &App, log: TenantId) -> Result<(), SignError> {
    let recorder = app.recorder(None);
    grow(app, log).await?;
    if heartbeat(&app.store, &recorder, log, QUIET).await? {
        grow(app, log).await?;
    }
    sign(app, &recorder, log).await
}

async fn grow(app: &App, log: TenantId) -> Result<(), StoreError> {
    loop {
        match sequencer::advance(&app.store, (&app.config.public_url, log), app.clock.now()).await? {
            Advance::Grown(events) => app.evidence.grown(events),
            Advance::Busy | Advance::Level(_) => return Ok(()),
        }
    }
}

async fn sign(app: &App, recorder: &Recorder, log: TenantId) -> Result<(), SignError> {
    let keys = app.keyring.checkpoint_keys();
    let signer = Signer { store: &app.store, memory: &app.evidence.memory, keys: &keys, recorder };
    let every = time::Duration::try_from(app.config.audit.checkpoint).unwrap_or(time::Duration::SECOND);
    match signer.sign(log, recorder.clock.now() - every).await {
        Ok(_) => Ok(()),
        Err(error) => {
            app.evidence.refused();
            Err(error)
        }
    }
}
