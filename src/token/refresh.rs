//! Refreshing (OAuth 2.1 §4.3), with rotation that tells a retry from a thief.
//!
//! Rotation seals the successor's answer in a box under a key derived from the presented token. Presented again, a token
//! gets its box: while its successor has never been presented and has not ended by itself, and for a minute after the
//! successor was. Older tokens end the family. Client and resource are checked before the box is opened.

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{
    Mint, TokenError, TokenResponse, engine,
    request::RefreshRequest,
    retry_box::{self, Place},
    revoke::{self, Reason},
    verdict::Verdict,
};
use crate::{
    app::App,
    audit::{Event, Recorder},
    ids::ClientId,
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        handles::{self, FamilyState, RefreshRow},
    },
    tenants::Tenant,
};

/// How long a token still gets its box after its successor was presented.
const GRACE: Duration = Duration::seconds(60);

/// Refreshes: rotates the token, or answers a retry from its box. Commits `tx`, except on a fault.
pub(super) async fn refresh(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &ClientId,
    request: &RefreshRequest,
    mut tx: TenantTx,
) -> Result<TokenResponse, TokenError> {
    let verdict = judge(app, recorder, tenant, client, request, &mut tx).await?;
    verdict.conclude(app, tx).await
}

async fn judge(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    client: &ClientId,
    request: &RefreshRequest,
    tx: &mut TenantTx,
) -> Result<Verdict, TokenError> {
    let mint = Mint::of(app);
    let hashes = app.keyring.lookup(tenant.id, &request.token);
    let Some(mut row) = handles::lock_refresh_token(tx, &hashes).await? else {
        return Ok(Verdict::Refused(TokenError::Unknown("the refresh token is unknown or was removed")));
    };
    let family = handles::family_state(tx, row.family).await?;
    if let Err(error) = check(app, tenant, client, request, &row, &family, mint.now) {
        return Ok(Verdict::Refused(error));
    }
    if let Some(anew) = app.keyring.anew(tenant.id, &request.token, &row.hash) {
        handles::store_refresh_token_anew(tx, &row.hash, &anew).await?;
        row.hash = anew.hash.to_vec();
    }
    let (generation, handle) = (row.generation, app.keyring.audit_handle(request.token.expose()));
    let answer = match presented(tx, &row, &family, mint.now).await? {
        Presented::Idle => {
            return Ok(Verdict::Refused(TokenError::InvalidGrant("the refresh token was not used for too long")));
        }
        Presented::First => match engine::refresh(mint, recorder, tx, client, request, row, family).await {
            Ok(answer) => return Ok(Verdict::Issued(answer)),
            Err(TokenError::Fault(fault)) => return Err(fault.into()),
            Err(error) => return Ok(Verdict::Refused(error)),
        },
        Presented::Again => unbox(mint, tx, request, &row, &family).await?,
        Presented::TooOld => {
            let client = client.clone();
            let replayed = Event::RefreshReplayed { family: family.id, client, generation, presented: handle };
            recorder.record(tx, &replayed).await?;
            let ticket = revoke::family(tx, recorder, family.id, Reason::RefreshReplayed).await?;
            return Ok(Verdict::Replayed(ticket, "the refresh token is too old; everything it had issued is revoked"));
        }
    };
    let (token, refresh) = answer.audit_handles(&app.keyring);
    let event = Event::TokenRefreshed {
        family: family.id,
        client: client.clone(),
        generation,
        retried: true,
        presented: handle,
        token,
        refresh,
    };
    recorder.record(tx, &event).await?;
    Ok(Verdict::Issued(answer))
}

/// Client, resource, scope and life, before anything is opened or rotated.
fn check(
    app: &App,
    tenant: &Tenant,
    client: &ClientId,
    request: &RefreshRequest,
    row: &RefreshRow,
    family: &FamilyState,
    now: OffsetDateTime,
) -> Result<(), TokenError> {
    if family.client != *client {
        return Err(TokenError::InvalidGrant("the refresh token was issued to another client"));
    }
    let server =
        tenant.server_by_id(family.server).ok_or(TokenError::InvalidGrant("the server is not there any more"))?;
    if !request.target.is_on_refresh(&server.resource, tenant, app.config.public_url.as_str()) {
        return Err(TokenError::InvalidTarget("the refresh token was issued for another resource"));
    }
    if !family.live || family.expires_at <= now {
        return Err(TokenError::InvalidGrant("the permission behind the refresh token has ended"));
    }
    let has = |scope: &str| row.scopes.iter().any(|own| own == scope);
    match &request.scope {
        Some(asked) if !asked.iter().all(|scope| has(scope.as_str())) => {
            Err(TokenError::InvalidScope("scope asks for more than the refresh token has"))
        }
        _ => Ok(()),
    }
}

enum Presented {
    /// Never rotated.
    First,
    /// Rotated, and its box is still valid.
    Again,
    /// Not used for too long, or its successor was not, which would be given.
    Idle,
    /// An older ancestor, or its successor has been in use for longer than a client may lag.
    TooOld,
}

async fn presented(
    tx: &mut TenantTx,
    row: &RefreshRow,
    family: &FamilyState,
    now: OffsetDateTime,
) -> Result<Presented, StoreError> {
    if row.rotated_at.is_none() {
        return Ok(if row.idle_expires_at <= now { Presented::Idle } else { Presented::First });
    }
    let successor = handles::generation(tx, row.family, row.generation + 1).await?;
    let Some(successor) = successor else { return Ok(Presented::TooOld) };
    let behind = family.newest_generation.unwrap_or(row.generation) - row.generation;
    Ok(match (behind, successor.rotated_at) {
        (1, _) if successor.idle_expires_at <= now => Presented::Idle,
        (1, _) => Presented::Again,
        (2, Some(used)) if now - used <= GRACE => Presented::Again,
        _ => Presented::TooOld,
    })
}

/// The boxed answer: the same refresh token, whose time begins anew, and a fresh access token where the boxed one has ended.
async fn unbox(
    mint: Mint<'_>,
    tx: &mut TenantTx,
    request: &RefreshRequest,
    row: &RefreshRow,
    family: &FamilyState,
) -> Result<TokenResponse, TokenError> {
    let sealed =
        row.sealed_answer.as_deref().ok_or_else(|| StoreError::corrupt("a rotated refresh token without a box"))?;
    let place = Place { tenant: tx.tenant(), family: family.id, generation: row.generation };
    let mut answer = retry_box::open(&request.token, place, sealed)?;
    handles::renew_refresh_token(tx, family.id, row.generation + 1, mint.idle_end(family)).await?;
    let boxed = Handle::parse(HandleKind::AccessToken, &answer.access_token)
        .map_err(|_| StoreError::corrupt("a refresh box"))?;
    let hashes = mint.keyring.lookup(tx.tenant(), &boxed);
    let narrowed = request.scope.as_ref().map(ToString::to_string);
    let same_scope = narrowed.as_deref().is_none_or(|scope| scope == answer.scope);
    match handles::open_until(tx, &hashes, mint.now).await? {
        Some(until) if same_scope => answer.expires_in = mint.seconds_until(until),
        _ => {
            let scope = narrowed.unwrap_or_else(|| row.scopes.join(" "));
            let scopes: Vec<String> = scope.split(' ').map(str::to_owned).collect();
            let fresh = mint.access(tx.tenant(), family)?;
            handles::insert_access_token(tx, &fresh.stored, family.id, &scopes, mint.now, fresh.expires_at).await?;
            answer.expires_in = mint.seconds_until(fresh.expires_at);
            answer.access_token = Zeroizing::new(fresh.handle.expose().to_owned());
            answer.scope = scope;
        }
    }
    Ok(answer)
}
