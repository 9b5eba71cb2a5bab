//! How many registered clients a tenant may have. The oldest that nobody ever used make room for new ones, so that somebody
//! who floods an open registration keeps nobody out for long.

use std::time::Duration as RealDuration;

use time::Duration;

use super::RegistrationError;
use crate::{
    app::App,
    audit::{Event, Recorder},
    cluster::{self, Entry},
    ids::ClientId,
    store::{TenantTx, clients::standing, janitor},
    tenants::Settings,
};

/// Younger clients stay: somebody may be logging in for the first time.
const YOUNG: Duration = Duration::HOUR;
/// The same of clients that wait for an approval, which takes as long as people take.
const YOUNG_PENDING: Duration = Duration::WEEK;
/// Clients that one registration removes at most, where the quota became smaller.
const MOST_AT_ONCE: i64 = 500;
/// When a client may come back that found no room.
const COME_BACK: RealDuration = RealDuration::from_secs(3600);

/// Makes room for one more client. Comes after the daily quota, by which registrations take turns. Returns who had to go.
pub(super) async fn make(
    tx: &mut TenantTx,
    recorder: &Recorder,
    settings: &Settings,
) -> Result<Vec<ClientId>, RegistrationError> {
    let there = standing::registered(tx).await?;
    let over = there + 1 - i64::from(settings.most_clients());
    if over <= 0 {
        return Ok(Vec::new());
    }
    let now = recorder.clock.now();
    let limit = u32::try_from(over.min(MOST_AT_ONCE)).unwrap_or(1);
    let gone = janitor::oldest_unused_clients(tx, now - YOUNG, now - YOUNG_PENDING, limit).await?;
    if gone.is_empty() || (gone.len() as i64) < over.min(MOST_AT_ONCE) {
        tracing::warn!(count = there, "the tenant has as many registered clients as it may have");
        return Err(RegistrationError::Full { wait: COME_BACK });
    }
    recorder.record_many(tx, gone.iter().map(|client| Event::ClientExpired { client: client.clone() })).await?;
    Ok(gone)
}

/// Commits; returns when what had to go has no authority left anywhere.
pub(super) async fn leave(app: &App, tx: TenantTx, gone: &[ClientId]) -> Result<(), RegistrationError> {
    let tenant = tx.tenant();
    let taken: Vec<_> = gone.iter().map(|client| (tenant, Entry::Client(client.clone()))).collect();
    let mut tx = tx.leave().await?;
    let ticket = cluster::take_all(&mut tx, &taken, app.clock.now()).await?;
    tx.commit().await?;
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await?;
    }
    Ok(())
}
