//! From a presented access token to a call that may be decided.

use std::sync::Arc;

use super::Verified;
use crate::{
    app::App,
    cluster::{Fill, LiveCall},
    policy::{Scope, ScopeSet},
    secret::Handle,
    store::{StoreError, handles::LookupRow},
    tenants::{Server, Tenant},
};

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Unknown, expired or revoked. One answer for all: 401 `invalid_token`.
    #[error("the access token is unknown, has expired or was revoked")]
    Invalid,
    /// Issued for another resource: 401 `invalid_token`, too.
    #[error("the access token was issued for another resource")]
    WrongResource,
    /// The tenant that was passed is not what is known of it any more: read it again.
    #[error("the tenant has changed meanwhile")]
    Moved,
    /// A fault of ours: 503.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

/// How often the store is read again because the log moved on meanwhile.
const TRIES: usize = 16;

/// Looks the token up, in the cache or the store, and enters the call among those that a revocation cuts.
///
/// `tenant` is still what is known of it when this returns: a later change of it cuts the call.
pub async fn verify(
    app: &App,
    tenant: &Arc<Tenant>,
    server: &Server,
    handle: &Handle,
) -> Result<LiveCall, VerifyError> {
    let outcome = look_up(app, tenant, server, handle).await;
    if app.node.is_current(tenant) { outcome } else { Err(VerifyError::Moved) }
}

async fn look_up(app: &App, tenant: &Arc<Tenant>, server: &Server, handle: &Handle) -> Result<LiveCall, VerifyError> {
    let hash = app.keyring.current_hash(tenant.id, handle);
    let call = match app.node.admit(tenant.id, &hash) {
        Some(call) => call,
        None => fill(app, tenant, handle, hash).await?,
    };
    let verified = call.verified();
    if verified.expires_at <= app.clock.now() {
        app.node.forget(&verified.hash);
        return Err(VerifyError::Invalid);
    }
    if verified.server != server.id {
        return Err(VerifyError::WrongResource);
    }
    Ok(call)
}

async fn fill(app: &App, tenant: &Arc<Tenant>, handle: &Handle, hash: [u8; 32]) -> Result<LiveCall, VerifyError> {
    let hashes = app.keyring.lookup(tenant.id, handle);
    let _turn = app.cold.turn().await;
    for _ in 0..TRIES {
        let reading = app.node.reading()?;
        let row = app.store.lookup_token(reading.node(), tenant.id, &hashes).await?;
        let Some(row) = row.filter(|row| row.live) else { return Err(VerifyError::Invalid) };
        let anew = app.keyring.anew(tenant.id, handle, &row.hash).map(|anew| (row.hash.clone(), anew));
        if let Fill::Fresh(call) = app.node.keep(
            reading,
            row.head,
            tenant,
            read(tenant, row, hash, app.keyring.audit_handle(handle.expose()))?,
        ) {
            if let Some((old, anew)) = anew {
                app.anew.access_token(tenant.id, old, anew);
            }
            return Ok(call);
        }
        if !app.node.is_current(tenant) {
            return Err(VerifyError::Moved);
        }
    }
    Err(StoreError::Behind.into())
}

fn read(tenant: &Tenant, row: LookupRow, hash: [u8; 32], audit_handle: String) -> Result<Verified, VerifyError> {
    let server = tenant.server_by_id(row.server).ok_or(VerifyError::Invalid)?;
    let scopes = server.policy.in_effect(&set(&row.handle_scopes)?, &set(&row.grant_scopes)?);
    Ok(Verified {
        tenant: tenant.id,
        token: row.token,
        audit_handle,
        hash,
        family: row.family,
        grant: row.grant,
        grant_version: row.grant_version,
        recorded_subject: row.subject.clone(),
        subject: row.subject,
        person: row.person,
        client: row.client,
        server: row.server,
        scopes,
        auth_time: row.auth_time,
        expires_at: row.expires_at,
    })
}

fn set(scopes: &[String]) -> Result<ScopeSet, StoreError> {
    scopes.iter().map(|scope| Scope::new(scope)).collect::<Result<ScopeSet, _>>().map_err(StoreError::corrupt)
}
