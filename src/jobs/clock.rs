//! Compares this machine's clock with the database's, the one clock that all processes can see.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// The same while the two do not agree: requests are refused meanwhile.
const SHORT: Duration = Duration::from_millis(500);

/// Looks now and then, until `stop`.
pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let looks = async {
        let mut differed = false;
        loop {
            match app.store.compare_clock(&app.clock).await {
                Ok(()) if differed => tracing::info!("the clocks agree again"),
                Ok(()) => {}
                // Said once, and again when they differ anew.
                Err(error) if !differed => tracing::error!(%error, "the clock is not believed"),
                Err(_) => {}
            }
            differed = app.clock.is_odd();
            tokio::time::sleep(if differed { SHORT } else { PAUSE }).await;
        }
    };
    stop.run_until_cancelled(looks).await;
}
