//! Background work of a process that serves: calls that others left open, the janitor, and counts of what was refused. The
//! lease is kept by a thread of its own.

pub mod janitor;
pub mod lost_calls;
pub mod refusals;

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Starts the background work of `app`; it ends soon after `stop`.
///
/// The handle completes when all of it has ended. Before `stop` that means that the lease is kept no longer: whoever serves
/// must then end, too.
pub fn start(app: Arc<App>, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Tasks of their own: should one panic, the rest goes on.
        let janitor = tokio::spawn(janitor::run(app.clone(), stop.clone()));
        let refusals = tokio::spawn(refusals::run(app.clone(), stop.clone()));
        let lost_calls = tokio::spawn(lost_calls::run(app.clone(), stop.clone()));
        tokio::select! {
            () = app.lease.ended() => {}
            () = stop.cancelled() => {}
        }
        stop.cancel();
        // A panic has been logged where it happened.
        let _ = tokio::join!(janitor, lost_calls, refusals);
    })
}
