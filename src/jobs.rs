//! Background work of a process that serves: following the authority log, calls that others left open, the janitor, and
//! counts of what was refused.

pub mod janitor;
pub mod lost_calls;
pub mod refusals;

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Starts the background work of `app`; it ends soon after `stop`.
///
/// The handle completes when all of it has ended. Before `stop` that means that the authority log is no longer followed:
/// what other processes revoke would not arrive, so whoever serves must then end, too.
pub fn start(app: Arc<App>, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Tasks of their own: should the janitor panic, revocations still arrive.
        let janitor = tokio::spawn(janitor::run(app.clone(), stop.clone()));
        let refusals = tokio::spawn(refusals::run(app.clone(), stop.clone()));
        let lost_calls = tokio::spawn(lost_calls::run(app.clone(), stop.clone()));
        app.node.clone().follow(stop.clone()).await;
        // A panic has been logged where it happened.
        let _ = tokio::join!(janitor, lost_calls, refusals);
    })
}
