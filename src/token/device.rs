//! Polling with a device code (RFC 8628 §3.4 and §3.5).
//!
//! Everything is checked against the locked row first. Another client, resource or verifier learns nothing and changes
//! nothing. Once the person has approved, one poll is given tokens, whatever runs beside it. Its answer can get lost on the way,
//! and polling again is what a device does: for a minute the same answer is given again, out of a box that only the device
//! code opens. A device code that comes later than that is in other hands, and ends its family, as a code does.

use time::{Duration, OffsetDateTime};

use super::{
    Mint, TokenError, TokenResponse, engine,
    mint::Renewable,
    request::DeviceRequest,
    retry_box::{self, Place},
    revoke::{self, Reason},
    verdict::Verdict,
};
use crate::{
    app::App,
    audit::{Event, Recorder},
    clients::{Client, metadata::GrantType},
    ids::FamilyId,
    store::{
        StoreError, TenantTx,
        devices::{self, DeviceRow},
        handles::{self, FamilyState},
    },
    tenants::Tenant,
};

/// How long the answer is given again.
const GRACE: Duration = Duration::seconds(60);
/// What a poll that comes too early adds to the interval, in seconds (RFC 8628 §3.5).
const SLOWER: i32 = 5;
/// The longest interval. No request lives so long that more would matter.
const SLOWEST: i32 = 3600;
/// In the place of a box: refresh tokens begin with 1.
const NO_GENERATION: i32 = 0;

const TAKEN_BACK: TokenError = TokenError::AccessDenied("the permission was taken back");

/// Answers a poll. Commits `tx`, except on a fault.
pub(super) async fn redeem(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &Client,
    request: &DeviceRequest,
    mut tx: TenantTx,
) -> Result<TokenResponse, TokenError> {
    let desk = Desk { app, recorder, client, request, mint: Mint::of(app) };
    let verdict = desk.judge(tenant, &mut tx).await?;
    verdict.conclude(app, tx).await
}

/// Where one poll is dealt with.
struct Desk<'a> {
    app: &'a App,
    recorder: &'a Recorder,
    client: &'a Client,
    request: &'a DeviceRequest,
    mint: Mint<'a>,
}

impl Desk<'_> {
    async fn judge(&self, tenant: &Tenant, tx: &mut TenantTx) -> Result<Verdict, StoreError> {
        if let Err(error) = may_ask(tenant, self.client) {
            return Ok(Verdict::Refused(error));
        }
        let now = self.mint.now;
        let hashes = self.app.keyring.lookup(tenant.id, &self.request.code);
        let Some(row) = devices::lock(tx, &hashes).await? else {
            return Ok(Verdict::Refused(TokenError::Unknown("the device code is unknown or was removed")));
        };
        if let Err(error) = self.check(tenant, &row) {
            return Ok(Verdict::Refused(error));
        }
        if let (Some(family), Some(at)) = (row.family, row.redeemed_at) {
            return self.again(tx, &row, family, now - at).await;
        }
        let refusal = match (row.decided_at, row.family) {
            (Some(_), None) => TokenError::AccessDenied("the person said no"),
            _ if row.expires_at <= now => TokenError::ExpiredToken,
            (None, _) => self.wait(tx, &row).await?,
            (Some(_), Some(family)) => return self.issue(tx, &row, family).await,
        };
        Ok(Verdict::Refused(refusal))
    }

    /// Client, resource and verifier, against the row.
    fn check(&self, tenant: &Tenant, row: &DeviceRow) -> Result<(), TokenError> {
        if row.client != self.client.id {
            return Err(TokenError::InvalidGrant("the device code was issued to another client"));
        }
        match (&row.code_challenge, &self.request.verifier) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if engine::verifier_fits(challenge, verifier) => {}
            (Some(_), _) => return Err(TokenError::InvalidGrant("code_verifier does not fit the code_challenge")),
            (None, Some(_)) => {
                return Err(TokenError::InvalidGrant("there is a code_verifier, and there was no code_challenge"));
            }
        }
        let server = tenant.server_by_id(row.server);
        let server = server.ok_or(TokenError::AccessDenied("the server is not there any more"))?;
        if !self.request.target.is(&server.resource) {
            return Err(TokenError::InvalidTarget("the device code was issued for another resource"));
        }
        Ok(())
    }

    /// Nobody has decided yet. Whoever polls too early waits longer from now on.
    async fn wait(&self, tx: &mut TenantTx, row: &DeviceRow) -> Result<TokenError, StoreError> {
        let now = self.mint.now;
        if is_early(row, now) {
            devices::polled(tx, row.id, (row.poll_seconds + SLOWER).min(SLOWEST), now).await?;
            return Ok(TokenError::SlowDown);
        }
        devices::polled(tx, row.id, row.poll_seconds, now).await?;
        Ok(TokenError::AuthorizationPending)
    }

    async fn issue(&self, tx: &mut TenantTx, row: &DeviceRow, family: FamilyId) -> Result<Verdict, StoreError> {
        devices::lock_family(tx, family).await?;
        let family = handles::family_state(tx, family).await?;
        if !self.is_alive(&family) {
            return Ok(Verdict::Refused(TAKEN_BACK));
        }
        let answer = self.mint.first(self.recorder, tx, &family, &row.scopes, Renewable::Yes).await?;
        let sealed = retry_box::seal(&self.request.code, place(tx, &family), &answer, self.mint.entropy)?;
        if !devices::redeem(tx, row.id, &sealed, self.mint.now).await? {
            return Err(StoreError::corrupt("a device code redeemed under its own lock"));
        }
        Ok(Verdict::Issued(answer))
    }

    /// It was redeemed, so long ago.
    async fn again(
        &self,
        tx: &mut TenantTx,
        row: &DeviceRow,
        family: FamilyId,
        ago: Duration,
    ) -> Result<Verdict, StoreError> {
        devices::lock_family(tx, family).await?;
        let family = handles::family_state(tx, family).await?;
        if !self.is_alive(&family) {
            return Ok(Verdict::Refused(TAKEN_BACK));
        }
        let (device, client) = (row.id, self.client.id.clone());
        if ago <= GRACE {
            let sealed = row.sealed_answer.as_deref();
            let sealed = sealed.ok_or_else(|| StoreError::corrupt("a redeemed device code without a box"))?;
            let mut answer = retry_box::open(&self.request.code, place(tx, &family), sealed)?;
            answer.expires_in = (answer.expires_in - ago.whole_seconds().max(0)).max(0);
            self.recorder.record(tx, &Event::DeviceRetried { device, family: family.id, client }).await?;
            return Ok(Verdict::Issued(answer));
        }
        self.recorder.record(tx, &Event::DeviceReplayed { device, family: family.id, client }).await?;
        let ticket = revoke::family(tx, self.recorder, family.id, Reason::DeviceCodeReplayed).await?;
        Ok(Verdict::Replayed(ticket, "the device code was used before; what it had issued is revoked"))
    }

    fn is_alive(&self, family: &FamilyState) -> bool {
        family.live && family.expires_at > self.mint.now
    }
}

fn may_ask(tenant: &Tenant, client: &Client) -> Result<(), TokenError> {
    if !tenant.settings.device_flow.is_on() {
        return Err(TokenError::UnsupportedGrantType);
    }
    if !client.metadata.grant_types.contains(&GrantType::DeviceCode) {
        return Err(TokenError::UnauthorizedClient(
            "the client is not registered for this grant_type: see its grant_types",
        ));
    }
    Ok(())
}

fn is_early(row: &DeviceRow, now: OffsetDateTime) -> bool {
    let interval = Duration::seconds(row.poll_seconds.into());
    row.polled_at.is_some_and(|polled| now - polled < interval)
}

fn place(tx: &TenantTx, family: &FamilyState) -> Place {
    Place { tenant: tx.tenant(), family: family.id, generation: NO_GENERATION }
}
