//! Taking authority away: the one store function behind every way to do it, and RFC 7009.
//!
//! Each function here changes rows, writes the audit event and appends to the authority log in the caller's transaction,
//! unless that was done before.
//! The caller commits, waits for [`crate::cluster::Node::settle`], and only then says that it is done.

use crate::{
    app::App,
    audit::{Event, Recorder},
    cluster::{self, Entry, Ticket},
    ids::{ClientId, FamilyId, GrantId},
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        grants::{self, EndedGrant},
        handles,
    },
};

/// Why a family or grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// RFC 7009.
    ClientRevoked,
    /// An authorization code was used twice.
    CodeReplayed,
    /// A refresh token was used long after its successor.
    RefreshReplayed,
    /// A device code was used again long after it was redeemed.
    DeviceCodeReplayed,
    /// The client was removed (RFC 7592).
    ClientRemoved,
    /// The person took it back.
    PersonRevoked,
    /// An administrator did.
    AdministratorRevoked,
    /// The identity provider of the person said that they are logged out.
    ProviderLogout,
    /// The pepper of its refresh token was retired by force.
    KeyRetired,
}

impl Reason {
    /// The word in the database and in audit events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ClientRevoked => "client_revoked",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshReplayed => "refresh_replayed",
            Self::DeviceCodeReplayed => "device_code_replayed",
            Self::ClientRemoved => "client_removed",
            Self::PersonRevoked => "person_revoked",
            Self::AdministratorRevoked => "administrator_revoked",
            Self::ProviderLogout => "provider_logout",
            Self::KeyRetired => "key_retired",
        }
    }
}

/// Ends a family.
pub async fn family(
    tx: &mut TenantTx,
    recorder: &Recorder,
    family: FamilyId,
    reason: Reason,
) -> Result<Ticket, StoreError> {
    let now = recorder.clock.now();
    if !grants::revoke_family(tx, family, reason.word(), now).await? {
        return cluster::taken(tx).await;
    }
    recorder.record(tx, &Event::FamilyRevoked { family, reason: reason.word() }).await?;
    cluster::take(tx, &Entry::Family(family), now).await
}

/// Ends a grant, and with it all its families and the consents behind it: the person is asked before there is another.
pub async fn grant(
    tx: &mut TenantTx,
    recorder: &Recorder,
    grant: GrantId,
    reason: Reason,
) -> Result<Ticket, StoreError> {
    let now = recorder.clock.now();
    let Some(ended) = grants::revoke_grant(tx, grant, now).await? else { return cluster::taken(tx).await };
    grants::void_consents_of_grant(tx, grant, now).await?;
    recorder.record(tx, &revoked(ended, reason)).await?;
    cluster::take(tx, &Entry::Grant(grant), now).await
}

/// Ends everything that was granted to a client.
pub async fn all_of_client(
    tx: &mut TenantTx,
    recorder: &Recorder,
    client: &ClientId,
    reason: Reason,
) -> Result<Ticket, StoreError> {
    let now = recorder.clock.now();
    for ended in grants::revoke_grants_of_client(tx, client, now).await? {
        recorder.record(tx, &revoked(ended, reason)).await?;
    }
    cluster::take(tx, &Entry::Client(client.clone()), now).await
}

/// The event of a grant that has ended.
pub(crate) fn revoked(EndedGrant { id, person, client, server }: EndedGrant, reason: Reason) -> Event {
    Event::GrantRevoked { grant: id, person, client, server, reason: reason.word() }
}

/// What RFC 7009 answers.
#[derive(Debug)]
pub enum Revocation {
    /// Revoked, or unknown: 200 either way.
    Done,
    /// Another client's token: nothing was revoked.
    NotYours,
}

/// RFC 7009: ends an access token, or the family of a refresh token. Returns when it is refused everywhere.
pub async fn by_client(
    app: &App,
    recorder: &Recorder,
    client: &ClientId,
    token: &str,
    mut tx: TenantTx,
) -> Result<Revocation, StoreError> {
    let verdict = if let Ok(handle) = Handle::parse(HandleKind::AccessToken, token) {
        access_token(app, recorder, client, &handle, &mut tx).await?
    } else if let Ok(handle) = Handle::parse(HandleKind::RefreshToken, token) {
        refresh_token(app, recorder, client, &handle, &mut tx).await?
    } else {
        // Nothing of ours; that the client was here stays.
        Found::Nothing
    };
    tx.commit().await?;
    match verdict {
        Found::Nothing => Ok(Revocation::Done),
        Found::NotYours => Ok(Revocation::NotYours),
        Found::Taken(ticket) => {
            app.node.settle(ticket).await?;
            Ok(Revocation::Done)
        }
    }
}

enum Found {
    Nothing,
    NotYours,
    Taken(Ticket),
}

async fn access_token(
    app: &App,
    recorder: &Recorder,
    client: &ClientId,
    handle: &Handle,
    tx: &mut TenantTx,
) -> Result<Found, StoreError> {
    let hashes = app.keyring.lookup(tx.tenant(), handle);
    let Some(row) = handles::access_token(tx, &hashes).await? else { return Ok(Found::Nothing) };
    if row.client != client.as_str() {
        return Ok(Found::NotYours);
    }
    let now = recorder.clock.now();
    if !handles::revoke_access_token(tx, &hashes, now).await? {
        return Ok(Found::Taken(cluster::taken(tx).await?));
    }
    let token = app.keyring.audit_handle(handle.expose());
    recorder.record(tx, &Event::AccessTokenRevoked { family: row.family, by: "client", token }).await?;
    Ok(Found::Taken(cluster::take(tx, &Entry::AccessToken(row.id), now).await?))
}

async fn refresh_token(
    app: &App,
    recorder: &Recorder,
    client: &ClientId,
    handle: &Handle,
    tx: &mut TenantTx,
) -> Result<Found, StoreError> {
    let hashes = app.keyring.lookup(tx.tenant(), handle);
    let Some((id, owner)) = handles::refresh_token(tx, &hashes).await? else { return Ok(Found::Nothing) };
    if owner != client.as_str() {
        return Ok(Found::NotYours);
    }
    Ok(Found::Taken(family(tx, recorder, id, Reason::ClientRevoked).await?))
}
