//! Interactions: a stored row, found by an opaque handle, bound to the browser that began it, ten minutes long.

use std::sync::Arc;

use time::Duration;

use crate::{
    app::App,
    clients::{Client, redirect::RedirectUri},
    http::browser::Browser,
    ids::{InteractionId, SessionId},
    secret::{Handle, same},
    store::{self, StoreError, TenantTx, interactions::InteractionRow},
    tenants::{Server, Tenant},
};

/// How long a person may take.
pub(super) const LIFETIME: Duration = Duration::minutes(10);

/// An authorization request that waits for this browser's person.
#[derive(Debug)]
pub struct Interaction {
    pub(super) row: InteractionRow,
    /// Who asks.
    pub client: Client,
    /// For which server.
    pub server: Arc<Server>,
    /// Where the answer goes. The client has it registered still.
    pub(super) redirect: RedirectUri,
}

impl Interaction {
    /// Its id.
    pub fn id(&self) -> InteractionId {
        self.row.id
    }

    /// The user name that the client expects (OpenID Connect `login_hint`).
    pub fn login_hint(&self) -> Option<&str> {
        self.row.login_hint.as_deref()
    }

    /// Whether the client wants the person to log in for this request, whoever has logged in already, so long ago.
    pub fn wants_login(&self, age: Duration) -> bool {
        let asks = |prompt: &String| prompt == "login" || prompt == "select_account";
        // With 0 any login is too old, also one of this very second.
        let stale = |most: i32| most == 0 || age > Duration::seconds(most.into());
        self.row.session.is_none() && (self.row.prompt.iter().any(asks) || self.row.max_age.is_some_and(stale))
    }

    /// Whether this is the login under which the person is asked. A page that one person was shown is not answered by
    /// the next who logs in.
    pub(super) fn belongs_to(&self, session: SessionId) -> bool {
        self.row.session == Some(session)
    }

    /// Whether the client wants the consent page shown.
    pub(super) fn wants_consent(&self) -> bool {
        self.row.prompt.iter().any(|prompt| prompt == "consent")
    }
}

/// Finds the interaction of a handle. `None`: unknown, expired, decided, another browser's, or its client, server or
/// redirect URI is gone.
pub async fn find(
    app: &App,
    tenant: &Tenant,
    handle: &Handle,
    browser: &Browser,
) -> Result<Option<Interaction>, StoreError> {
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let Some(row) = store::interactions::find(&mut tx, &app.keyring.lookup(tenant.id, handle), app.clock.now()).await?
    else {
        return Ok(None);
    };
    let own = app.keyring.lookup(tenant.id, browser.handle()).iter().any(|hash| same(hash, &row.browser_hash));
    let client = store::clients::find(&mut tx, &row.client).await?;
    tx.commit().await?;
    let server = tenant.server_by_id(row.server).cloned();
    let (true, Some(client), Some(server)) = (own, client.filter(Client::is_active), server) else { return Ok(None) };
    let redirect = RedirectUri::find(&client.metadata.redirect_uris, Some(&row.redirect_uri)).ok();
    Ok(redirect.map(|redirect| Interaction { row, client, server, redirect }))
}

/// Notes the login that belongs to an interaction.
pub async fn attach_session(tx: &mut TenantTx, id: InteractionId, session: SessionId) -> Result<(), StoreError> {
    store::interactions::attach_session(tx, id, session).await
}
