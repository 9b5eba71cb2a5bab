//! Background work of a process that serves: following the key file, calls that others left open, the janitor, counts of
//! what was refused, what becomes of keys, and whether the clock can be believed. The lease is kept by a thread of its own.

mod clock;
pub mod deliver;
pub mod janitor;
pub mod key_file;
pub mod log;
pub mod lost_calls;
pub mod refusals;
pub mod rewrap;
pub mod signing_keys;

use std::sync::Arc;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Starts the background work of `app`; it ends soon after `stop`.
///
/// The handle completes when all of it has ended. Before `stop` that means that the lease is kept no longer, or that this
/// process lacks a key: whoever serves must then end, too.
pub fn start(app: Arc<App>, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Tasks of their own: should one panic, the rest goes on.
        let mut others = JoinSet::new();
        others.spawn(deliver::run(app.clone(), stop.clone()));
        others.spawn(janitor::run(app.clone(), stop.clone()));
        others.spawn(clock::run(app.clone(), stop.clone()));
        others.spawn(lost_calls::run(app.clone(), stop.clone()));
        others.spawn(log::run(app.clone(), stop.clone()));
        others.spawn(refusals::run(app.clone(), stop.clone()));
        others.spawn(rewrap::run(app.clone(), stop.clone()));
        others.spawn(signing_keys::run(app.clone(), stop.clone()));
        tokio::select! {
            () = app.lease.ended() => {}
            lacking = lacks_a_key(app.clone(), stop.clone()) => tracing::error!(%lacking, "this process cannot go on"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
        // A panic has been logged where it happened.
        while others.join_next().await.is_some() {}
    })
}

/// Completes when this process lacks a key that it needs, and never otherwise.
async fn lacks_a_key(app: Arc<App>, stop: CancellationToken) -> crate::keys::KeyMismatch {
    match key_file::run(app, stop).await {
        Err(mismatch) => mismatch,
        Ok(()) => std::future::pending().await,
    }
}
