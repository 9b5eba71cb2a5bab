//! `POST device_authorization` (RFC 8628 §3.1 and §3.2).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{
    super::begin::{self, Refusal},
    USER_CODE, UserCode,
};
use crate::{
    app::App,
    audit::{self, Event, Refused},
    clients::{
        Client,
        authenticate::{Authentication, ClientAuthError, Meets, authenticate, fetch_ahead},
        metadata::GrantType,
    },
    http::{
        address::ClientAddress,
        form::{Form, FormError},
        oauth::OauthError,
        pages::display_text,
        request_id::RequestId,
    },
    ids::DeviceId,
    policy::ScopeSet,
    secret::{Handle, HandleKind, without_handles},
    store::{
        StoreError, TenantTx,
        devices::{self, NewDevice},
    },
    tenants::{Server, Tenant},
    token,
};

/// Seconds between two polls, until somebody polls faster (RFC 8628 §3.2).
const INTERVAL: i32 = 5;
/// Requests that nobody has decided, kept for one tenant: the oldest go when there are more, as with those for a browser.
const MOST_WAITING: u32 = 10_000;
/// User codes that are drawn until one is free. Of 25 billion, 10,000 are taken.
const DRAWS: usize = 8;
const MAX_USER_AGENT: usize = 160;

/// The answer (RFC 8628 §3.2). Holds codes, so it does not print.
#[derive(Serialize)]
struct Answer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: i32,
}

/// What a device asks for, checked.
struct Asked {
    server: Arc<Server>,
    scopes: ScopeSet,
    code_challenge: Option<String>,
}

/// `POST /t/{tenant}/device_authorization`.
pub async fn device_authorization(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    id: RequestId,
    from: ClientAddress,
    headers: HeaderMap,
    form: Result<Form, FormError>,
) -> Response {
    match (Desk { app: &app, id: &id, from, headers: &headers }).serve(&slug, form).await {
        Ok(answer) => ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Where one request is dealt with, and what is refused is counted.
#[derive(Clone, Copy)]
struct Desk<'a> {
    app: &'a App,
    id: &'a RequestId,
    from: ClientAddress,
    headers: &'a HeaderMap,
}

impl Desk<'_> {
    async fn serve(self, slug: &str, form: Result<Form, FormError>) -> Result<Answer, OauthError> {
        let Self { app, from, headers, .. } = self;
        let tenant = self.tenant(slug).await?;
        let form = form?;
        let unknown = |error: ClientAuthError| {
            if error.is_refusal() {
                app.refused(Some(tenant.id), Refused::Client, from);
            }
            OauthError::from(error)
        };
        let recorder = app.recorder(Some(self.id.to_string()));
        let fetched =
            fetch_ahead(app, &recorder, &tenant, headers, &form, (from, Meets::Anybody)).await.map_err(unknown)?;
        let mut tx = app.store.tenant_tx(tenant.id).await.map_err(fault)?;
        let with = Authentication { tenant: &tenant, keyring: &app.keyring, clock: &app.clock, fetched: &fetched };
        let client = authenticate(with, &mut tx, headers, &form).await.map_err(unknown)?;
        let asked = match check(&tenant, &client, &form) {
            Ok(asked) => asked,
            Err(refusal) => {
                // What the client signed is used up all the same.
                tx.commit().await.map_err(fault)?;
                app.refused(Some(tenant.id), Refused::Device(refusal.code), from);
                return Err(OauthError::new(StatusCode::BAD_REQUEST, refusal.code, refusal.description));
            }
        };
        self.store(&tenant, &client, asked, tx).await.map_err(fault)
    }

    async fn tenant(self, slug: &str) -> Result<Arc<Tenant>, OauthError> {
        let absent = |tenant: Option<&Tenant>, reason, what| {
            self.app.refused(tenant.map(|tenant| tenant.id), reason, self.from);
            OauthError::new(StatusCode::NOT_FOUND, "not_found", what)
        };
        let tenant = self.app.tenant(slug).await.map_err(fault)?;
        let tenant = tenant.ok_or_else(|| absent(None, Refused::Request("unknown_tenant"), "no such tenant"))?;
        if !tenant.settings.device_flow.is_on() {
            return Err(absent(Some(&tenant), Refused::Device("off"), "this tenant has no device authorization"));
        }
        Ok(tenant)
    }

    /// Writes the request down, under a user code that no other has.
    async fn store(
        self,
        tenant: &Tenant,
        client: &Client,
        asked: Asked,
        mut tx: TenantTx,
    ) -> Result<Answer, StoreError> {
        let app = self.app;
        let now = app.clock.now();
        let device_code = Handle::generate(HandleKind::DeviceCode, &app.entropy)?;
        let mut new = NewDevice {
            id: DeviceId::new(&app.clock, &app.entropy)?,
            user_code: [0; 32],
            client: client.id.clone(),
            server: asked.server.id,
            scopes: asked.scopes.iter().map(ToString::to_string).collect(),
            code_challenge: asked.code_challenge,
            address: self.from.0.to_string(),
            user_agent: user_agent(self.headers),
            created_at: now,
            expires_at: now + app.config.tokens.device_code,
            poll_seconds: INTERVAL,
        };
        devices::keep_newest(&mut tx, MOST_WAITING - 1).await?;
        let user_code = insert(app, &mut tx, &device_code, &mut new).await?;
        let requested = Event::DeviceRequested {
            device: new.id,
            client: new.client,
            server: new.server,
            scopes: new.scopes,
            source: audit::source(&app.keyring, tenant.id, self.from),
        };
        app.recorder(Some(self.id.to_string())).record(&mut tx, &requested).await?;
        tx.commit().await?;
        let verification_uri = tenant.endpoint("device");
        let user_code = user_code.show();
        Ok(Answer {
            device_code: device_code.expose().to_owned(),
            verification_uri_complete: format!("{verification_uri}?{USER_CODE}={user_code}"),
            verification_uri,
            user_code,
            expires_in: app.config.tokens.device_code.as_secs(),
            interval: INTERVAL,
        })
    }
}

async fn insert(
    app: &App,
    tx: &mut TenantTx,
    device_code: &Handle,
    new: &mut NewDevice,
) -> Result<UserCode, StoreError> {
    let stored = app.keyring.store(tx.tenant(), device_code);
    for _ in 0..DRAWS {
        let user_code = UserCode::generate(&app.entropy)?;
        new.user_code = user_code.stored(&app.keyring, tx.tenant());
        if devices::insert(tx, &stored, new).await? {
            return Ok(user_code);
        }
    }
    Err(StoreError::corrupt("no user code is free"))
}

/// Checks everything but who asks.
fn check(tenant: &Tenant, client: &Client, form: &Form) -> Result<Asked, Refusal> {
    let one = |name| form.one(name).map_err(|repeated| Refusal::new("invalid_request", repeated.to_string()));
    if !client.metadata.grant_types.contains(&GrantType::DeviceCode) {
        let why = "the client is not registered for the device grant: grant_types must hold \
                   urn:ietf:params:oauth:grant-type:device_code";
        return Err(Refusal::new("unauthorized_client", why));
    }
    let server = begin::target(tenant, form)?;
    let policy = &server.policy;
    let scopes = token::scopes_to_ask_for(one("scope")?, policy.declared(), policy.default_scopes())?;
    let scopes = match tenant.settings.gives_full_scopes(client) {
        true => policy.declared().clone(),
        false => scopes,
    };
    let code_challenge = token::optional_challenge(one("code_challenge")?, one("code_challenge_method")?)?;
    Ok(Asked { server, scopes, code_challenge })
}

/// What the program calls itself: its own claim, shortened, without what could be a token.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(display_text(&without_handles(text), MAX_USER_AGENT)).filter(|text| !text.is_empty())
}

fn fault(error: StoreError) -> OauthError {
    tracing::error!(%error, "device authorization");
    OauthError::fault()
}
