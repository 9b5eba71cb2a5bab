//! Authentication of a protected resource at the introspection endpoint (RFC 7662 §2.1).
//!
//! It comes with a name and a secret as a client does, by the same two ways, and is none: its name is that of a server, its
//! secret a handle of a kind of its own. So no client's secret is taken here, and no server's where clients prove themselves.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};

use super::{ClientAuthError, Presented, Proof};
use crate::{
    http::form::Form,
    keys::Keyring,
    secret::{Handle, HandleKind, same},
    store::{self, Store},
    tenants::{Server, Tenant},
};

const REFUSED: ClientAuthError = ClientAuthError::Client("the server is unknown or its authentication is wrong");

/// Authenticates the server of a request: by what is known of the tenant, or by the store where that does not fit, since
/// the secret may be stored under another pepper by now.
///
/// # Errors
/// See [`ClientAuthError`]. Only a secret is taken, and only of an active server of this tenant.
pub async fn authenticate_server(
    tenant: &Tenant,
    keyring: &Keyring,
    store: &Store,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Arc<Server>, ClientAuthError> {
    if !headers.contains_key(AUTHORIZATION) && form.all("client_id").next().is_none() {
        return Err(ClientAuthError::Client("the request has no credentials of a server"));
    }
    let presented = Presented::read(headers, form)?;
    let Proof::Secret(text) = &presented.proof else { return Err(REFUSED) };
    let handle = Handle::parse(HandleKind::ServerSecret, text).map_err(|_| REFUSED)?;
    let server = tenant.server(presented.client_id()).ok_or(REFUSED)?;
    let current = keyring.current_hash(tenant.id, &handle);
    let known = server.introspection.iter().fold(false, |known, hash| same(hash, &current) | known);
    if !known {
        find(tenant, server, keyring, store, &handle).await?;
    }
    Ok(server.clone())
}

async fn find(
    tenant: &Tenant,
    server: &Server,
    keyring: &Keyring,
    store: &Store,
    handle: &Handle,
) -> Result<(), ClientAuthError> {
    let mut tx = store.tenant_tx(tenant.id).await?;
    let hashes = keyring.lookup(tenant.id, handle);
    let found = store::server_secrets::find(&mut tx, server.id, &hashes).await?.ok_or(REFUSED)?;
    if let Some(new) = keyring.anew(tenant.id, handle, &found.hash) {
        store::server_secrets::store_anew(&mut tx, server.id, &found, &new).await?;
    }
    Ok(tx.commit().await?)
}
