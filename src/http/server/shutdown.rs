//! How serving ends.

use std::{io, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Tells servers to end: first with patience, then without. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown {
    begin: CancellationToken,
    cut: CancellationToken,
    limit: Duration,
}

impl Shutdown {
    /// One that waits to be told, and then leaves `limit` to what is in flight.
    pub fn new(limit: Duration) -> Self {
        Self { begin: CancellationToken::new(), cut: CancellationToken::new(), limit }
    }

    /// One that begins at the first SIGTERM or SIGINT, and cuts at the second.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals(limit: Duration) -> io::Result<Self> {
        let this = Self::new(limit);
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let told = this.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if told.begin.is_cancelled() {
                    tracing::warn!("second signal: cutting what is in flight");
                    told.cut();
                } else {
                    tracing::info!(limit_seconds = told.limit.as_secs(), "stopping; requests in flight may end");
                    told.begin();
                }
            }
        });
        Ok(this)
    }

    /// Stops accepting. What is in flight may end within the limit.
    pub fn begin(&self) {
        self.begin.cancel();
    }

    /// Stops at once.
    pub fn cut(&self) {
        self.begin.cancel();
        self.cut.cancel();
    }

    /// How long what is in flight may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns when stopping has begun.
    pub async fn begun(&self) {
        self.begin.cancelled().await;
    }

    /// Whether stopping has begun.
    pub fn has_begun(&self) -> bool {
        self.begin.is_cancelled()
    }

    pub(super) async fn cut_short(&self) {
        self.cut.cancelled().await;
    }
}
