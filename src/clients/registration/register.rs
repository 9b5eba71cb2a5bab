//! Registering a client (RFC 7591 §3).

use http::HeaderMap;
use time::{Duration, OffsetDateTime};

use super::{Issued, Members, RegistrationError, bearer::bearer, described, room};
use crate::{
    app::App,
    audit::{Event, Recorder},
    clients::{Client, Metadata, Origin, Status, software::Software, statement::SoftwareStatement},
    ids::ClientId,
    keys::Stored,
    secret::{Handle, HandleKind},
    store::{self, TenantTx},
    tenants::{RegistrationRule, Tenant},
};

/// Registers the client that `body` describes. Nothing is used up by a request that fails.
///
/// # Errors
/// The tenant's rule, the metadata, the quota, or a fault of ours.
pub async fn register(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Issued, RegistrationError> {
    let initial = match tenant.settings.registration {
        RegistrationRule::Open | RegistrationRule::SoftwareStatement | RegistrationRule::Approval => None,
        RegistrationRule::InitialAccessToken => Some(bearer(headers, HandleKind::InitialAccessToken)?),
        RegistrationRule::Off => return Err(RegistrationError::Off),
    };
    let metadata = described(tenant, Members::parse(body)?, app.clock.now())?;
    let mut issued = issue(app, tenant, metadata)?;
    let client = &mut issued.client;

    let mut tx = app.store.tenant_tx(tenant.id).await?;
    if let Some(initial) = initial {
        let (hashes, current) = (app.keyring.lookup(tenant.id, &initial), app.keyring.store(tenant.id, &initial));
        if !store::initial_tokens::use_up(&mut tx, &hashes, &current, client.created_at).await? {
            return Err(RegistrationError::TokenInvalid);
        }
    }
    check_quota(&mut tx, app.config.registration.per_tenant_per_day, client.created_at).await?;
    let expired = room::make(&mut tx, recorder, &tenant.settings).await?;
    let approval = approval(&mut tx, tenant, client).await?;
    store::clients::insert(&mut tx, client).await?;
    let event = Event::ClientRegistered {
        client: client.id.clone(),
        redirect_uris: client.metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        auth_method: client.metadata.token_endpoint_auth_method.name().to_owned(),
        approval,
        vouched_by: client.metadata.software_statement.as_ref().and_then(SoftwareStatement::issuer),
    };
    recorder.record(&mut tx, &event).await?;
    room::leave(app, tx, &expired).await?;
    if issued.client.status == Status::Pending {
        tracing::info!(tenant = %tenant.slug, client = %issued.client.id, "a client waits for an administrator's approval");
    }
    Ok(issued)
}

/// Lets the client wait where the tenant wants to be asked and was not asked before about this software. Returns the word
/// for the audit event.
async fn approval(
    tx: &mut TenantTx,
    tenant: &Tenant,
    client: &mut Client,
) -> Result<Option<&'static str>, RegistrationError> {
    if tenant.settings.registration != RegistrationRule::Approval {
        return Ok(None);
    }
    if store::clients::standing::is_remembered(tx, Software::of(&client.metadata)).await? {
        return Ok(Some("remembered"));
    }
    client.status = Status::Pending;
    Ok(Some("awaited"))
}

fn issue(app: &App, tenant: &Tenant, metadata: Metadata) -> Result<Issued, RegistrationError> {
    let method = metadata.token_endpoint_auth_method;
    let secret = if method.has_secret() { Some(fresh_secret(app, tenant)?) } else { None };
    let (secret, stored_secret) = secret.unzip();
    let token = Handle::generate(HandleKind::RegistrationToken, &app.entropy)?;
    let client = Client {
        id: ClientId::new(&app.clock, &app.entropy)?,
        origin: Origin::Registered,
        metadata,
        status: Status::Active,
        secret: stored_secret,
        registration: Some(app.keyring.store(tenant.id, &token)),
        created_at: app.clock.now(),
        last_used_at: None,
    };
    Ok(Issued { client, secret, token })
}

/// A new client secret, and what to keep of it.
pub(super) fn fresh_secret(app: &App, tenant: &Tenant) -> Result<(Handle, Stored), RegistrationError> {
    let secret = Handle::generate(HandleKind::ClientSecret, &app.entropy)?;
    let stored = app.keyring.store(tenant.id, &secret);
    Ok((secret, stored))
}

/// At most `limit` registrations in any 24 hours. Exact: registrations of a tenant take turns.
async fn check_quota(tx: &mut TenantTx, limit: u32, now: OffsetDateTime) -> Result<(), RegistrationError> {
    let registered = store::clients::registered_after(tx, now - Duration::DAY).await?;
    if registered.count < i64::from(limit) {
        return Ok(());
    }
    tracing::warn!(count = registered.count, "the tenant's quota of registrations is used up");
    let next = registered.first.unwrap_or(now) + Duration::DAY;
    let wait = (next - now).max(Duration::SECOND).unsigned_abs();
    Err(RegistrationError::Quota { wait })
}
