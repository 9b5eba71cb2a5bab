//! Says of calls that a process left open when it died that their outcome is not known.
//!
//! A process is taken for dead when `node` does not know it, or knows that it may not serve any more. If it lives all the
//! same, what it says later of these calls is not written: that they may have been executed was true.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    audit::{Event, Outcome},
    ids::TenantId,
    store::{self, StoreError, audit::EventRow},
};

/// Between the end of one round and the next.
const PAUSE: Duration = Duration::from_secs(5);
/// Rows of the table that one transaction takes, of at most a hundred calls each.
const BATCH: u32 = 20;

/// Looks at the start and then now and then, until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        loop {
            match close(&app).await {
                Ok(0) => {}
                Ok(calls) => tracing::warn!(calls, "a process ended without a word on what became of its calls"),
                Err(error) => tracing::warn!(%error, "calls that a process left open cannot be closed"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    // A transaction that is dropped rolls back.
    stop.run_until_cancelled(rounds).await;
}

/// Closes all of them; says how many. Any number of processes may do so at the same time.
///
/// # Errors
/// A fault of ours. What was closed until then stays closed.
pub async fn close(app: &App) -> Result<usize, StoreError> {
    let mut closed = 0;
    for tenant in app.store.tenants_of_lost_calls(app.process).await? {
        while let Some(calls) = batch(app, tenant).await? {
            closed += calls;
        }
    }
    Ok(closed)
}

/// None: there is nothing left of this tenant.
async fn batch(app: &App, tenant: TenantId) -> Result<Option<usize>, StoreError> {
    let recorder = app.recorder(None);
    let mut tx = app.store.tenant_tx(tenant).await?;
    let lost = store::calls::take_lost(&mut tx, app.process, BATCH).await?;
    let unknown =
        |intent| Event::CallOutcome { intent, outcome: Outcome::Unknown, status: None, millis: None, bytes: None };
    let rows =
        lost.intents.iter().map(|intent| Ok(EventRow { id: intent.outcome(), ..recorder.row(&unknown(*intent))? }));
    let rows: Vec<EventRow> = rows.collect::<Result<_, StoreError>>()?;
    store::audit::insert_batch(&mut tx, &rows).await?;
    tx.commit().await?;
    Ok((lost.slots > 0).then_some(rows.len()))
}
