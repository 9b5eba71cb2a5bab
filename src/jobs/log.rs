//! Lets the logs of all tenants and of the platform grow, and signs what they have become. Any process does so that comes first.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
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
    store::{StoreError, audit_log},
};

/// Between the end of one round and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Transactions for one log in a round: those of others get their turn, whatever happens in this one.
const TURN: usize = 16;
/// A log in which nothing happens says so after this.
const QUIET: time::Duration = time::Duration::HOUR;
/// Events that wait for longer than this to come into their log are complained of.
const PATIENCE: time::Duration = time::Duration::MINUTE;

/// Works until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        let mut complaint = String::new();
        loop {
            let (said, is_level) = round(&app).await;
            // What is wrong is said once, not every second.
            if said != complaint {
                said.lines().for_each(|line| tracing::error!(error = line, "the audit log does not go on"));
                complaint = said;
            }
            if is_level {
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    // A transaction that is dropped rolls back.
    stop.run_until_cancelled(rounds).await;
}

/// One round through all logs, as [`run`] repeats it. What went wrong, a line for each log; and whether nothing is left to do, or
/// something went wrong.
pub async fn round(app: &App) -> (String, bool) {
    let quiet = app.clock.now() - QUIET;
    let logs = match app.store.logs_with_news(quiet).await {
        Ok(logs) => logs,
        Err(error) => return (error.to_string(), true),
    };
    let (mut said, mut is_level, mut longest) = (String::new(), true, time::Duration::ZERO);
    for log in logs {
        // What is odd in one log keeps no other waiting. A transaction that was begun rolls back.
        match AssertUnwindSafe(go_on(app, log)).catch_unwind().await {
            Ok(Ok(level)) => is_level &= level,
            Ok(Err(error)) => said.push_str(&format!("{log}: {error}\n")),
            Err(_) => said.push_str(&format!("{log}: a fault of ours, which has been logged where it happened\n")),
        }
        match waiting(app, log).await {
            Ok(waiting) => longest = longest.max(waiting),
            Err(error) => said.push_str(&format!("{log}: {error}\n")),
        }
    }
    app.evidence.waiting(longest);
    if longest > PATIENCE && said.is_empty() {
        said.push_str(
            "events wait for more than a minute to come into their log: perhaps for a transaction that runs for long, or was prepared and \
             forgotten, in any database of the server; see pg_stat_activity and pg_prepared_xacts",
        );
    }
    let is_wrong = !said.is_empty();
    (said, is_level || is_wrong)
}

/// Puts what happened into the log, says so if nothing did, and signs it where that is due. False: there is more to put there.
///
/// # Errors
/// See [`SignError`]. What was put into the log until then stays there.
pub async fn go_on(app: &App, log: TenantId) -> Result<bool, SignError> {
    let recorder = app.recorder(None);
    let mut is_level = grow(app, log).await?;
    if is_level && heartbeat(&app.store, &recorder, log, QUIET).await? {
        is_level = grow(app, log).await?;
    }
    sign(app, &recorder, log).await?;
    Ok(is_level)
}

/// For how long the oldest event waits to come into the log.
async fn waiting(app: &App, log: TenantId) -> Result<time::Duration, StoreError> {
    let mut tx = app.store.tenant_tx(log).await?;
    let since = audit_log::waiting_since(&mut tx).await?;
    tx.commit().await?;
    Ok(since.map_or(time::Duration::ZERO, |since| (app.clock.now() - since).max(time::Duration::ZERO)))
}

/// False: there may be more.
async fn grow(app: &App, log: TenantId) -> Result<bool, StoreError> {
    for _ in 0..TURN {
        match sequencer::advance(&app.store, (&app.config.public_url, log), app.clock.now()).await? {
            Advance::Grown(events) => app.evidence.grown(events),
            Advance::Busy | Advance::Level(_) => return Ok(true),
        }
    }
    Ok(false)
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
