//! What waits for a login: an authorization request on its way, the page for the code of a device, or a page of the console.
//! The one place that knows of [`crate::authorize`] and [`crate::console`].

use time::Duration;

use crate::{
    app::App,
    authorize::{
        device,
        interaction::{self, Interaction},
    },
    console::{self, back},
    http::browser::Browser,
    ids::{InteractionId, SessionId},
    secret::Handle,
    store::{StoreError, TenantTx},
    tenants::Tenant,
};

/// The parameters that say that the person comes from a page of the console; with the second, to log in once more.
pub(super) const TO: &str = "to";
pub(super) const AGAIN: &str = "again";
/// The parameter that says that the person is on the way to the page for devices.
pub(super) const DEVICE: &str = device::USER_CODE;

/// An authorization request that this browser began and that is not decided yet, or the way to the page for devices.
pub(super) struct Errand {
    /// None for a device.
    pub(super) id: Option<InteractionId>,
    /// The page that comes after the login.
    pub(super) on: &'static str,
    /// The address of the console that comes after it instead.
    pub(super) back: Option<String>,
    /// Who asks.
    pub(super) asking: Option<Asking>,
    /// The name that the client expects somebody to log in with.
    pub(super) login_hint: Option<String>,
    interaction: Option<Interaction>,
    again: bool,
}

/// The client that waits, and for which server.
pub(super) struct Asking {
    /// The client's name, as it chose it.
    pub(super) client_name: String,
    /// The server it wants to use.
    pub(super) server_name: String,
}

/// The way to the page for devices, and what stands for it in addresses and forms: the code, where `text` is one. Whose code it
/// is, and whether it is anybody's, is asked after the login.
pub(super) fn of_device(text: &str) -> (Errand, String) {
    let code = device::UserCode::parse(text).ok();
    let errand = Errand { on: "device", ..Errand::none() };
    (errand, device::errand(code.as_ref()))
}

/// The way back to the console, as [`back::seal`] wrote it; `again`: whoever is logged in logs in once more. None: nobody
/// here wrote it.
pub(super) fn of_console(app: &App, tenant: &Tenant, text: &str, again: bool) -> Option<Errand> {
    let back = back::open(&app.keyring, tenant.id, text)?;
    Some(Errand { back: Some(back), again, ..Errand::none() })
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
        id: Some(interaction.id()),
        on: "consent",
        back: None,
        again: false,
        asking: Some(Asking {
            client_name: interaction.client.name().to_owned(),
            server_name: interaction.server.name.clone(),
        }),
        login_hint: interaction.login_hint().map(str::to_owned),
        interaction: Some(interaction),
    }))
}

impl Errand {
    const fn none() -> Self {
        Self { id: None, on: "account", back: None, asking: None, login_hint: None, interaction: None, again: false }
    }

    /// Whether the client wants a login for this request, whoever has logged in already, so long ago.
    pub(super) fn wants_login(&self, age: Duration) -> bool {
        self.again && age > console::FRESH
            || self.interaction.as_ref().is_some_and(|interaction| interaction.wants_login(age))
    }
}

/// Notes the login that belongs to an errand.
pub(super) async fn attach(tx: &mut TenantTx, errand: InteractionId, session: SessionId) -> Result<(), StoreError> {
    interaction::attach_session(tx, errand, session).await
}
