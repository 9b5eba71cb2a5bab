//! Management of a registration by its owner (RFC 7592 §2).
//!
//! The registration access token never rotates: a client that loses an answer keeps its way in.

use http::HeaderMap;
use time::{Duration, OffsetDateTime};

use super::{Issued, Members, RegistrationError, bearer::bearer, described, register::fresh_secret};
use crate::{
    app::App,
    audit::{Event, Recorder},
    clients::{Client, Metadata, Status, client::is_stored, software::Software},
    cluster::{self, Entry},
    ids::ClientId,
    keys::KeyKind,
    secret::{Handle, HandleKind},
    store::{self, TenantTx},
    tenants::{RegistrationRule, Tenant},
    token::revoke::{self, Reason},
};

/// Changes of one client in a day. Registering is open to strangers, and so is what comes after it; each change is an audit
/// event and an entry of the authority log.
const CHANGES: i32 = 20;

/// What a replacement must leave out: the server sets it (RFC 7592 §2.2).
const SERVER_SET: [(&str, &str); 4] = [
    ("registration_access_token", "registration_access_token must be left out of a replacement"),
    ("registration_client_uri", "registration_client_uri must be left out of a replacement"),
    ("client_secret_expires_at", "client_secret_expires_at must be left out of a replacement"),
    ("client_id_issued_at", "client_id_issued_at must be left out of a replacement"),
];

/// Shows a client to its owner. The secret is not shown: only its hash is kept.
pub(super) async fn read(
    app: &App,
    tenant: &Tenant,
    id: &str,
    headers: &HeaderMap,
) -> Result<Issued, RegistrationError> {
    let (tx, client, token) = own(app, tenant, id, headers).await?;
    tx.commit().await?;
    Ok(Issued { client, secret: None, token })
}

/// Replaces all metadata of a client by what `body` describes.
pub(super) async fn replace(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    id: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Issued, RegistrationError> {
    let (mut tx, mut client, token) = own(app, tenant, id, headers).await?;
    let members = Members::parse(body)?;
    check_server_set(app, tenant, &client, &members)?;
    let metadata = described(tenant, members, app.clock.now())?;
    may_become(&mut tx, tenant, &client, &metadata).await?;

    count(&mut tx, &client.id, app.clock.now()).await?;
    let before = std::mem::replace(&mut client.metadata, metadata);
    let secret = match client.metadata.token_endpoint_auth_method {
        method if !method.has_secret() => {
            client.secret = None;
            None
        }
        // One whose pepper was retired works no more: without this, a client could never get another.
        _ if client.secret.as_ref().is_some_and(|secret| app.keyring.has(KeyKind::Pepper, &secret.pepper_id)) => None,
        _ => {
            let (secret, stored) = fresh_secret(app, tenant)?;
            client.secret = Some(stored);
            Some(secret)
        }
    };
    store::clients::update(&mut tx, &client).await?;
    let consents_voided = before.display_digest() != client.metadata.display_digest();
    if consents_voided {
        store::clients::void_consents(&mut tx, &client, app.clock.now()).await?;
    }
    recorder.record(&mut tx, &Event::ClientChanged { client: client.id.clone(), consents_voided }).await?;
    let ticket = cluster::take(&mut tx, &Entry::Client(client.id.clone()), app.clock.now()).await?;
    tx.commit().await?;
    app.node.settle(ticket).await?;
    Ok(Issued { client, secret, token })
}

/// A suspended client stays as it is, and an administrator's approval is for what was looked at, not for whatever the
/// client makes of itself later, or just before.
async fn may_become(
    tx: &mut TenantTx,
    tenant: &Tenant,
    client: &Client,
    metadata: &Metadata,
) -> Result<(), RegistrationError> {
    if client.status == Status::Disabled {
        return Err(RegistrationError::Suspended);
    }
    let asks = tenant.settings.registration == RegistrationRule::Approval || client.status == Status::Pending;
    let new = Software::of(metadata);
    if asks && new != Software::of(&client.metadata) && !store::clients::standing::is_remembered(tx, new).await? {
        return Err(RegistrationError::Approved);
    }
    Ok(())
}

/// Removes a client, and with it all that was granted to it. When this returns, none of it is accepted any more.
pub(super) async fn remove(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    id: &str,
    headers: &HeaderMap,
) -> Result<(), RegistrationError> {
    let (mut tx, mut client, _token) = own(app, tenant, id, headers).await?;
    client.status = Status::Removed;
    store::clients::update(&mut tx, &client).await?;
    recorder.record(&mut tx, &Event::ClientRemoved { client: client.id.clone() }).await?;
    let ticket = revoke::all_of_client(&mut tx, recorder, &client.id, Reason::ClientRemoved).await?;
    tx.commit().await?;
    app.node.settle(ticket).await?;
    Ok(())
}

/// The client whose registration access token the request presents, held for a change, and that token.
///
/// One answer for a wrong token, a removed client and one that never was (RFC 7592 §2.1 to §2.3).
async fn own(
    app: &App,
    tenant: &Tenant,
    id: &str,
    headers: &HeaderMap,
) -> Result<(TenantTx, Client, Handle), RegistrationError> {
    let token = bearer(headers, HandleKind::RegistrationToken)?;
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let client = match ClientId::parse(id) {
        Ok(id) => store::clients::find_for_update(&mut tx, &id).await?,
        Err(_) => None,
    };
    let stored = client.as_ref().and_then(|client| client.registration.as_ref());
    let owned = is_stored(&app.keyring, tenant.id, stored, &token);
    let mut client =
        client.filter(|client| owned && client.status != Status::Removed).ok_or(RegistrationError::TokenInvalid)?;
    if let Some(old) = &client.registration
        && let Some(new) = app.keyring.anew(tenant.id, &token, &old.hash)
    {
        store::clients::store_registration_anew(&mut tx, &client.id, old, &new).await?;
        client.registration = Some(new);
    }
    Ok((tx, client, token))
}

/// At most [`CHANGES`] in any day. What is refused is rolled back, its count too.
async fn count(tx: &mut TenantTx, client: &ClientId, now: OffsetDateTime) -> Result<(), RegistrationError> {
    let (changes, since) = store::clients::count_change(tx, client, now).await?;
    if changes <= CHANGES {
        return Ok(());
    }
    let wait = (since + Duration::DAY - now).max(Duration::SECOND).unsigned_abs();
    Err(RegistrationError::Changes { wait })
}

fn check_server_set(app: &App, tenant: &Tenant, client: &Client, members: &Members) -> Result<(), RegistrationError> {
    if let Some((_, why)) = SERVER_SET.iter().find(|(member, _)| members.has(member)) {
        return Err(RegistrationError::Request(why));
    }
    match members.text("client_id", 128)? {
        Some(id) if id == client.id.as_str() => {}
        Some(_) => return Err(RegistrationError::Request("client_id is not the one in the address")),
        None => return Err(RegistrationError::Request("a replacement must carry the client_id")),
    }
    let Some(secret) = members.text("client_secret", 256)? else { return Ok(()) };
    let same = Handle::parse(HandleKind::ClientSecret, secret)
        .is_ok_and(|secret| is_stored(&app.keyring, tenant.id, client.secret.as_ref(), &secret));
    if same { Ok(()) } else { Err(RegistrationError::Request("client_secret is not this client's secret")) }
}
