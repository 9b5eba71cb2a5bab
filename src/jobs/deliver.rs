//! Brings events to collectors and checkpoints to anchors, each at its own pace.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{app::App, deliver::Courier};

/// Between rounds that found nothing more to send.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures: the next one is twice as long as the last until then.
const LONGEST: Duration = Duration::from_secs(60);

/// Works until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut targets = JoinSet::new();
    for courier in &app.couriers {
        let (app, courier, stop) = (app.clone(), courier.clone(), stop.clone());
        targets.spawn(async move { stop.run_until_cancelled(deliver(&app, &courier)).await });
    }
    // A panic has been logged where it happened.
    while targets.join_next().await.is_some() {}
}

/// What is on its way when this is dropped comes once more.
async fn deliver(app: &App, courier: &Courier) {
    let mut failures = 0;
    let mut complaint = String::new();
    loop {
        let (more, said) = match courier.round(app).await {
            Ok(round) => (round.more, round.trouble.map(|(log, error)| format!("{log}: {error}")).unwrap_or_default()),
            Err(error) => (false, error.to_string()),
        };
        // What is wrong is said once, not at every try.
        if said != complaint {
            let (target, kind) = (courier.name(), courier.kind());
            if said.is_empty() {
                tracing::info!(target, ?kind, "the target accepts again what it is sent");
            } else {
                tracing::warn!(
                    target,
                    ?kind,
                    error = said,
                    "the target did not accept what it was sent; it is tried again"
                );
            }
            complaint = said;
        }
        failures = if complaint.is_empty() { 0 } else { failures + 1 };
        if failures > 0 || !more {
            tokio::time::sleep(pause(failures)).await;
        }
    }
}

/// After so many failures one after the other.
fn pause(failures: u32) -> Duration {
    PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| pause(failures).as_secs()).to_vec();
        assert_eq!(seconds, [1, 1, 2, 4, 32, 60, 60, 60]);
    }
}
