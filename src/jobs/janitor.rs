//! Takes away what has had its time.
//!
//! Rows are kept for a while after they ended:
//!
//! | rows | kept | because |
//! |---|---|---|
//! | authorization requests | a day | support can see where a login stopped |
//! | device authorization requests | a day | the same; a device code that comes again ends its family |
//! | sessions | a week | the same |
//! | authorization codes | a week | one that is presented again ends its family; without its row it is only unknown |
//! | assertions that clients used | a day | clocks may differ: one that is removed could be used again |
//! | access tokens | a day | support can tell an expired one from one that never was |
//! | refresh tokens | 30 days after their family's end | the client still hears that its permission ended |
//! | counts of failed logins | two days | no window is longer than a day |
//! | logins at identity providers | a day | support can see where one stopped |
//! | logins that wait for a second factor | a day | the same |
//! | challenges for passkeys that were answered | a day | clocks may differ: one that is removed could be answered again |
//! | logout tokens of identity providers | a day | clocks may differ: one that is removed could be used again |
//! | links to set a password | a week | support can see that one was used or expired |
//! | initial access tokens | 30 days | an administrator can see that one expired |
//! | tokens of the admin API | 30 days | the same |
//! | checkpoints of logs | all for a week, then the last of each hour | later ones prove the same; what witnesses have signed stays |
//! | calls by hour | 400 days | charts go back no further |
//! | clients that registered and were never used | 30 days, or as the tenant says | a person may finish a set-up later |
//!
//! A live family keeps all its refresh tokens, since an old one that comes back ends it. Clients are collected only if
//! nothing ever came of them: never authenticated, no grant at all, no request under way. Some clients register anew for
//! every connection, so a client that looks abandoned may hold a live grant. A removed client leaves its row, as every
//! removed object does, for the audit log to refer to.
//!
//! These times are far longer than clocks may differ. Any number of processes may run the janitor: they take turns by
//! tenant, and what one has removed the next does not find.

use std::{sync::Arc, time::Duration as RealDuration};

use time::Duration;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    audit::Event,
    cluster::{self, Entry},
    ids::TenantId,
    store::{
        self, StoreError, TenantTx,
        audit_log::{self, PLATFORM},
        janitor::{self as rows, Batch},
    },
    tenants::Settings,
};

/// Between the end of one round and the next.
const PAUSE: RealDuration = RealDuration::from_secs(3600);
/// Rows a statement takes away at most.
const BATCH: u32 = 500;
/// For so many months to come there are partitions of events.
const MONTHS: i32 = 3;
/// For so long calls are known by hour.
const USAGE: Duration = Duration::days(400);
/// Clients a transaction removes at most: each is an entry of the authority log.
const CLIENTS: u32 = 100;

/// What the janitor takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Authorization requests that expired.
    Interaction,
    /// Device authorization requests that expired.
    Device,
    /// Sessions that expired or were ended.
    Session,
    /// Authorization codes that expired.
    Code,
    /// Assertions that clients used and that would have expired.
    Assertion,
    /// Access tokens that expired.
    AccessToken,
    /// Refresh tokens of families that ended.
    RefreshToken,
    /// Counts of failed logins.
    LoginThrottle,
    /// Logins on their way to an identity provider that expired.
    LoginAttempt,
    /// Logins whose second factor never came.
    LoginStep,
    /// Challenges for passkeys that were answered.
    Challenge,
    /// Logout tokens that were used.
    LogoutToken,
    /// Links to set a password that expired.
    Link,
    /// Initial access tokens that expired.
    InitialToken,
    /// Tokens of the admin API that expired or were taken back.
    ApiToken,
    /// Clients that registered and were never used.
    Client,
}

impl Kind {
    /// All of them. Authorization requests go before the clients that they name.
    pub const ALL: [Self; 16] = [
        Self::Interaction,
        Self::Device,
        Self::Session,
        Self::Code,
        Self::Assertion,
        Self::AccessToken,
        Self::RefreshToken,
        Self::LoginThrottle,
        Self::LoginAttempt,
        Self::LoginStep,
        Self::Challenge,
        Self::LogoutToken,
        Self::Link,
        Self::InitialToken,
        Self::ApiToken,
        Self::Client,
    ];

    /// For how long after their end. Of clients a tenant may say something else.
    pub const fn kept(self) -> Duration {
        match self {
            Self::Interaction
            | Self::Device
            | Self::LoginAttempt
            | Self::LogoutToken
            | Self::LoginStep
            | Self::Challenge
            | Self::Assertion
            | Self::AccessToken => Duration::DAY,
            Self::LoginThrottle => Duration::days(2),
            Self::Session | Self::Code | Self::Link => Duration::WEEK,
            Self::RefreshToken | Self::InitialToken | Self::ApiToken | Self::Client => Duration::days(30),
        }
    }
}

/// Sweeps now and then, until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = async {
        loop {
            round(&app).await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    // A transaction that is dropped rolls back.
    stop.run_until_cancelled(rounds).await;
}

/// Sweeps every tenant, whatever its status.
async fn round(app: &App) {
    if let Err(error) = app.store.make_audit_partitions(MONTHS).await {
        tracing::warn!(%error, "the janitor cannot make partitions for events to come");
    }
    let tenants = match app.store.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return tracing::warn!(%error, "the janitor cannot read the tenants"),
    };
    for log in tenants.iter().map(|tenant| tenant.id).chain([PLATFORM]) {
        if let Err(error) = thin(app, log).await {
            tracing::warn!(%error, %log, "the janitor could not take old checkpoints away");
        }
    }
    for tenant in tenants {
        if let Err(error) = forget(app, tenant.id).await {
            tracing::warn!(%error, tenant = %tenant.slug, "the janitor could not take old counts of calls away");
        }
        if let Err(error) = sweep(app, tenant.id).await {
            tracing::warn!(%error, tenant = %tenant.slug, "the janitor could not finish");
        }
    }
}

/// Takes away counts of calls that no chart shows any more.
///
/// # Errors
/// A fault of ours, or a clock that cannot be believed: nothing was taken away.
pub async fn forget(app: &App, tenant: TenantId) -> Result<u64, StoreError> {
    if app.clock.is_odd() {
        return Err(StoreError::OddClock);
    }
    let mut tx = app.store.tenant_tx(tenant).await?;
    let forgotten = store::usage::forget(&mut tx, app.clock.now() - USAGE).await?;
    tx.commit().await?;
    Ok(forgotten)
}

/// Takes away checkpoints of a log that say no more than later ones.
async fn thin(app: &App, log: TenantId) -> Result<(), StoreError> {
    loop {
        let mut tx = app.store.tenant_tx(log).await?;
        let thinned = audit_log::thin_checkpoints(&mut tx, BATCH).await?;
        tx.commit().await?;
        if thinned < u64::from(BATCH) {
            return Ok(());
        }
    }
}

/// Takes away everything of a tenant that has had its time; says how much of what. Leaves early where another process is
/// at it.
///
/// # Errors
/// A fault of ours. What was taken away until then is gone.
pub async fn sweep(app: &App, tenant: TenantId) -> Result<Vec<(Kind, u64)>, StoreError> {
    let mut swept = Vec::new();
    for kind in Kind::ALL {
        let mut removed = 0;
        loop {
            let batch = batch(app, tenant, kind).await?;
            removed += batch.rows;
            if !batch.more {
                break;
            }
        }
        if removed > 0 {
            tracing::info!(%tenant, ?kind, removed, "the janitor took rows away");
            swept.push((kind, removed));
        }
    }
    Ok(swept)
}

async fn batch(app: &App, tenant: TenantId, kind: Kind) -> Result<Batch, StoreError> {
    // By a clock that is a year ahead, everything has had its time.
    if app.clock.is_odd() {
        return Err(StoreError::OddClock);
    }
    let mut tx = app.store.tenant_tx(tenant).await?;
    if !rows::try_turn(&mut tx).await? {
        return Ok(Batch { rows: 0, more: false });
    }
    let now = app.clock.now();
    let before = now - kind.kept();
    let batch = match kind {
        Kind::Interaction => rows::interactions(&mut tx, before, BATCH).await?,
        Kind::Device => rows::devices(&mut tx, before, BATCH).await?,
        Kind::Session => rows::sessions(&mut tx, before, BATCH).await?,
        Kind::Code => rows::codes(&mut tx, before, BATCH).await?,
        Kind::Assertion => rows::assertions(&mut tx, before, BATCH).await?,
        Kind::AccessToken => rows::access_tokens(&mut tx, before, BATCH).await?,
        Kind::RefreshToken => rows::refresh_tokens(&mut tx, before, BATCH, now).await?,
        Kind::LoginThrottle => rows::login_throttle(&mut tx, before, BATCH).await?,
        Kind::LoginAttempt => rows::login_attempts(&mut tx, before, BATCH).await?,
        Kind::LoginStep => rows::login_steps(&mut tx, before, BATCH).await?,
        Kind::Challenge => rows::challenges(&mut tx, before, BATCH).await?,
        Kind::LogoutToken => rows::logout_tokens(&mut tx, before, BATCH).await?,
        Kind::Link => rows::person_links(&mut tx, before, BATCH).await?,
        Kind::InitialToken => rows::initial_tokens(&mut tx, before, BATCH).await?,
        Kind::ApiToken => rows::api_tokens(&mut tx, before, BATCH).await?,
        Kind::Client => return clients(app, tx).await,
    };
    tx.commit().await?;
    Ok(batch)
}

/// Clients lose their authority, however little it was, the way all others do.
async fn clients(app: &App, mut tx: TenantTx) -> Result<Batch, StoreError> {
    let recorder = app.recorder(None);
    let now = app.clock.now();
    let tenant = tx.tenant();
    let settings = store::tenants::settings(&mut tx).await?.map(serde_json::from_value::<Settings>).transpose();
    let settings = settings.map_err(StoreError::corrupt)?.unwrap_or_default();
    let removed = rows::unused_clients(&mut tx, now - settings.unused_clients_kept(), CLIENTS).await?;
    let events = removed.iter().map(|client| recorder.row(&Event::ClientExpired { client: client.clone() }));
    store::audit::insert_batch(&mut tx, &events.collect::<Result<Vec<_>, _>>()?).await?;
    let taken: Vec<_> = removed.iter().map(|client| (tenant, Entry::Client(client.clone()))).collect();
    let mut tx = tx.leave().await?;
    let ticket = cluster::take_all(&mut tx, &taken, now).await?;
    tx.commit().await?;
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await?;
    }
    Ok(Batch::of(removed.len() as u64, CLIENTS))
}
