//! What waits for a login: an authorization request on its way. The one place that knows of [`crate::authorize`].

use time::Duration;

use crate::{
    app::App,
    authorize::interaction::{self, Interaction},
    http::browser::Browser,
    ids::{InteractionId, SessionId},
    secret::Handle,
    store::{StoreError, TenantTx},
    tenants::Tenant,
};

/// An authorization request that this browser began and that is not decided yet.
pub(super) struct Errand {
    pub(super) id: InteractionId,
    /// The client's name, as it chose it.
    pub(super) client_name: String,
    /// The server it wants to use.
    pub(super) server_name: String,
    /// The name that the client expects somebody to log in with.
    pub(super) login_hint: Option<String>,
    interaction: Interaction,
}

/// Finds the errand of an interaction's handle. None: unknown, expired, decided, or another browser's.
pub(super) async fn find(
    app: &App,
    tenant: &Tenant,
    handle: &Handle,
    browser: &Browser,
) -> Result<Option<Errand>, StoreError> {
    let interaction = interaction::find(app, tenant, handle, browser).await?;
    Ok(interaction.map(|interaction| Errand {
        id: interaction.id(),
        client_name: interaction.client.name().to_owned(),
        server_name: interaction.server.name.clone(),
        login_hint: interaction.login_hint().map(str::to_owned),
        interaction,
    }))
}

impl Errand {
    /// Whether the client wants a login for this request, whoever has logged in already, so long ago.
    pub(super) fn wants_login(&self, age: Duration) -> bool {
        self.interaction.wants_login(age)
    }
}

/// Notes the login that belongs to an errand.
pub(super) async fn attach(tx: &mut TenantTx, errand: InteractionId, session: SessionId) -> Result<(), StoreError> {
    interaction::attach_session(tx, errand, session).await
}
