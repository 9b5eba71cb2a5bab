//! The request behind a user code.

use std::sync::Arc;

use super::UserCode;
use crate::{
    clients::{Client, metadata::GrantType},
    http::visit::Visit,
    store::{self, StoreError, devices::WaitingDevice},
    tenants::Server,
};

/// A device that waits for a person.
pub(super) struct Asking {
    pub(super) row: WaitingDevice,
    /// Who asks.
    pub(super) client: Client,
    /// For which server.
    pub(super) server: Arc<Server>,
}

/// Finds it. `None`: there is none, it is over or decided, or its client or server may do nothing any more.
pub(super) async fn find(visit: &Visit, code: &UserCode) -> Result<Option<Asking>, StoreError> {
    let Visit { app, tenant, .. } = visit;
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let hashes = code.lookup(&app.keyring, tenant.id);
    let Some(row) = store::devices::waiting(&mut tx, &hashes, app.clock.now()).await? else { return Ok(None) };
    let client = store::clients::find(&mut tx, &row.client).await?;
    tx.commit().await?;
    let may = |client: &Client| client.is_active() && client.metadata.grant_types.contains(&GrantType::DeviceCode);
    let (Some(client), Some(server)) = (client.filter(may), tenant.server_by_id(row.server)) else { return Ok(None) };
    Ok(Some(Asking { row, client, server: server.clone() }))
}
