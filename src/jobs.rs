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
pub mod usage;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::App;

const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);

/// Starts the background work of `app`; it ends soon after `stop`.
///
/// The handle completes when all of it has ended. Before `stop` that means that the lease is kept no longer, or that this
/// process lacks a key: whoever serves must then end, too.
pub fn start(app: Arc<App>, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Tasks of their own: should one panic, the rest goes on.
        let mut others = JoinSet::new();
        let mut start = |name, job: fn(Arc<App>, CancellationToken) -> BoxFuture<'static, ()>| {
            others.spawn(again(name, app.clone(), stop.clone(), job));
        };
        start("deliver", |app, stop| deliver::run(app, stop).boxed());
        start("janitor", |app, stop| janitor::run(app, stop).boxed());
        start("clock", |app, stop| clock::run(app, stop).boxed());
        start("lost_calls", |app, stop| lost_calls::run(app, stop).boxed());
        start("log", |app, stop| log::run(app, stop).boxed());
        start("refusals", |app, stop| refusals::run(app, stop).boxed());
        start("rewrap", |app, stop| rewrap::run(app, stop).boxed());
        start("signing_keys", |app, stop| signing_keys::run(app, stop).boxed());
        start("usage", |app, stop| usage::run(app, stop).boxed());
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

/// Runs a job, and again after it panicked: what it does must not end with one fault of ours.
async fn again(
    name: &'static str,
    app: Arc<App>,
    stop: CancellationToken,
    job: impl Fn(Arc<App>, CancellationToken) -> BoxFuture<'static, ()>,
) {
    while tokio::spawn(job(app.clone(), stop.clone())).await.is_err_and(|error| error.is_panic()) {
        tracing::error!(name, "a job ended by a fault of ours, and begins again");
        let pause = tokio::time::sleep(PAUSE_AFTER_PANIC);
        if stop.run_until_cancelled(pause).await.is_none() {
            break;
        }
    }
}

/// Completes when this process lacks a key that it needs, and never otherwise.
async fn lacks_a_key(app: Arc<App>, stop: CancellationToken) -> crate::keys::KeyMismatch {
    match key_file::run(app, stop).await {
        Err(mismatch) => mismatch,
        Ok(()) => std::future::pending().await,
    }
}
