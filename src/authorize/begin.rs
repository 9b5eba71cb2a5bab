//! From an authorization request to an interaction (OAuth 2.1 §4.1.1, RFC 8707, RFC 9207).
//!
//! Until client and redirect URI are settled, errors are pages. After that they belong to the client; but before the
//! person has logged in, an error is a page with a link that carries it, never an automatic redirect: anybody can
//! register a client, and this server must not become an open redirector through it.

use std::{collections::BTreeSet, sync::Arc};

use super::{interaction::LIFETIME, standing::Standing};
use crate::{
    clients::{
        Client,
        document::{self, DocumentError},
        metadata::GrantType,
        redirect::{RedirectMismatch, RedirectUri},
    },
    http::{form::Form, visit::Visit},
    ids::{ClientId, InteractionId},
    people,
    policy::ScopeSet,
    secret::{Handle, HandleKind, holds_handle},
    store::{self, StoreError, interactions::InteractionRow},
    tenants::{ResourceUri, Server, Tenant},
    token::{self, AuthorizeParameters, AuthorizeRefusal},
};

/// Longest `state`, in bytes: it comes back in a URL.
const MAX_STATE: usize = 4096;
const MAX_HINT: usize = 256;
/// Requests that nobody has logged in for, kept for one tenant. Anybody can make them, so the oldest go when there are more:
/// to refuse new ones instead would let a stranger keep everybody out. One address cannot push out what is not yet over, as
/// long as the limit around this endpoint is the default.
const MOST_WAITING: u32 = 10_000;
/// The values of `prompt` that change anything. Others are left out: a stranger writes no more than that into the store.
const PROMPTS: [&str; 3] = ["login", "select_account", "consent"];

/// Why there is nobody to send an error to: a page for the person.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stranded {
    #[error("it sent {0} more than once")]
    Repeated(&'static str),
    #[error("it did not say who it is (client_id is missing)")]
    NoClient,
    #[error("this server does not know it, or does not know it any more")]
    UnknownClient,
    #[error("it may do nothing now")]
    Standing(Standing),
    #[error("it asked to be answered at an address that it has not registered")]
    Redirect(#[from] RedirectMismatch),
    #[error(transparent)]
    Document(DocumentError),
    #[error(transparent)]
    Fault(#[from] StoreError),
}

impl From<DocumentError> for Stranded {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Fault(fault) => Self::Fault(fault),
            other => Self::Document(other),
        }
    }
}

impl Stranded {
    /// The word in audit events; none for a fault of ours.
    pub(super) const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Repeated(_) | Self::NoClient => Some("invalid_request"),
            Self::UnknownClient => Some("unknown_client"),
            Self::Standing(standing) => Some(standing.word()),
            Self::Redirect(_) => Some("redirect_uri"),
            Self::Document(error) => error.word(),
            Self::Fault(_) => None,
        }
    }
}

/// An error that belongs to the client (RFC 6749 §4.1.2.1).
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) description: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }
}

impl From<AuthorizeRefusal> for Refusal {
    fn from(refusal: AuthorizeRefusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

/// Who asks, and where an answer may go.
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) redirect: RedirectUri,
    pub(super) state: Option<String>,
}

/// Settles client, redirect URI and state.
pub(super) async fn asker(visit: &Visit, form: &Form) -> Result<Asker, Stranded> {
    let one = |name| form.one(name).map_err(|repeated| Stranded::Repeated(repeated.0));
    let id = one("client_id")?.ok_or(Stranded::NoClient)?;
    let id = ClientId::parse(id).map_err(|_| Stranded::UnknownClient)?;
    let Visit { app, tenant, .. } = visit;
    let described = match id.is_document() {
        true => Some(document::current(app, &visit.recorder(), tenant, &id, visit.address.network()).await?),
        false => None,
    };
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let client = match described {
        Some(client) => client,
        None => {
            let client = store::clients::find(&mut tx, &id).await?;
            client.filter(Client::is_ours).ok_or(Stranded::UnknownClient)?
        }
    };
    let standing = Standing::of(&mut tx, &client).await?;
    tx.commit().await?;
    if let Some(standing) = standing {
        return Err(Stranded::Standing(standing));
    }
    let redirect = RedirectUri::find(&client.metadata.redirect_uris, one("redirect_uri")?)?;
    let state = one("state")?.map(str::to_owned);
    Ok(Asker { client, redirect, state })
}

/// A request that a person may be asked about.
pub(super) struct Request {
    server: Arc<Server>,
    scopes: ScopeSet,
    code_challenge: String,
    prompt: Vec<String>,
    max_age: Option<i32>,
    login_hint: Option<String>,
}

/// Checks everything else.
pub(super) fn check(tenant: &Tenant, asker: &Asker, form: &Form, logged_in: bool) -> Result<Request, Refusal> {
    let one = |name| form.one(name).map_err(|repeated| Refusal::new("invalid_request", repeated.to_string()));
    if asker.state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
        return Err(Refusal::new("invalid_request", format!("state is longer than {MAX_STATE} bytes")));
    }
    if form.one("request").map_or(true, |value| value.is_some()) {
        return Err(Refusal::new("request_not_supported", "request objects are not supported here"));
    }
    if form.one("request_uri").map_or(true, |value| value.is_some()) {
        return Err(Refusal::new("request_uri_not_supported", "request_uri is not supported here"));
    }
    if one("response_mode")?.is_some_and(|mode| mode != "query") {
        return Err(Refusal::new("invalid_request", "response_mode must be query"));
    }
    if !asker.client.metadata.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(Refusal::new("unauthorized_client", "the client is not registered for authorization codes"));
    }
    let server = target(tenant, form)?;
    let authorized = token::authorize(&AuthorizeParameters {
        client_id: asker.client.id.as_str(),
        redirect_uri: asker.redirect.as_str(),
        response_type: one("response_type")?,
        scope: one("scope")?,
        code_challenge: one("code_challenge")?,
        code_challenge_method: one("code_challenge_method")?,
        declared: server.policy.declared(),
        defaults: server.policy.default_scopes(),
    })?;
    let prompt: BTreeSet<&str> = one("prompt")?.unwrap_or_default().split(' ').collect();
    if prompt.contains("none") {
        let code = if logged_in { "consent_required" } else { "login_required" };
        return Err(Refusal::new(code, "this server asks the person: send the request without prompt=none"));
    }
    let max_age = max_age(one("max_age")?)?;
    acr(one("acr_values")?)?;
    let prompt = PROMPTS.into_iter().filter(|known| prompt.contains(known)).map(str::to_owned).collect();
    let hint = |text: &&str| text.len() <= MAX_HINT && !holds_handle(text.as_bytes());
    let login_hint = one("login_hint")?.filter(hint).map(str::to_owned);
    let scopes = match tenant.settings.gives_full_scopes(&asker.client) {
        true => server.policy.declared().clone(),
        false => authorized.scopes,
    };
    Ok(Request { server, scopes, code_challenge: authorized.code_challenge, prompt, max_age, login_hint })
}

/// How old the login may be, in seconds (OpenID Connect Core §3.1.2.1). What is beyond any login's age is no limit.
fn max_age(given: Option<&str>) -> Result<Option<i32>, Refusal> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(None) };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::new("invalid_request", "max_age must be a number of seconds"));
    }
    Ok(text.parse().ok())
}

/// RFC 9470 §5: one of the ways to log in that are asked for must be one that there is.
fn acr(given: Option<&str>) -> Result<(), Refusal> {
    let mut wanted = given.unwrap_or_default().split(' ').filter(|acr| !acr.is_empty()).peekable();
    if wanted.peek().is_none() || wanted.any(|acr| people::ACR_VALUES.contains(&acr)) {
        return Ok(());
    }
    Err(Refusal::new("unmet_authentication_requirements", "nobody can log in here in any of the ways of acr_values"))
}

/// RFC 8707: exactly one `resource`, or the server that an administrator named for requests without.
pub(super) fn target(tenant: &Tenant, form: &Form) -> Result<Arc<Server>, Refusal> {
    let invalid = |why: &str| Refusal::new("invalid_target", why);
    let mut all = form.all("resource");
    let server = match (all.next(), all.next()) {
        (None, _) => tenant
            .default_server()
            .ok_or_else(|| invalid("resource is missing, and this issuer has no default server"))?,
        (Some(one), None) => {
            let resource = ResourceUri::parse(one).map_err(|error| invalid(&error.to_string()))?;
            tenant
                .server_by_resource(&resource)
                .ok_or_else(|| invalid("no server here has this resource identifier"))?
        }
        (Some(_), Some(_)) => return Err(invalid("resource must be given once: a token is for one server")),
    };
    Ok(server.clone())
}

/// Writes the interaction down, bound to the browser. Returns its handle.
pub(super) async fn store(visit: &Visit, asker: &Asker, request: Request) -> Result<Handle, StoreError> {
    let Visit { app, tenant, browser, .. } = visit;
    let now = app.clock.now();
    let handle = Handle::generate(HandleKind::Interaction, &app.entropy)?;
    let row = InteractionRow {
        id: InteractionId::new(&app.clock, &app.entropy)?,
        browser_hash: app.keyring.current_hash(tenant.id, browser.handle()).to_vec(),
        client: asker.client.id.clone(),
        server: request.server.id,
        redirect_uri: asker.redirect.as_str().to_owned(),
        state: asker.state.clone(),
        scopes: request.scopes.iter().map(ToString::to_string).collect(),
        code_challenge: request.code_challenge,
        login_hint: request.login_hint,
        prompt: request.prompt,
        max_age: request.max_age,
        session: None,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    store::interactions::keep_newest(&mut tx, MOST_WAITING - 1).await?;
    store::interactions::insert(&mut tx, &app.keyring.store(tenant.id, &handle), &row).await?;
    tx.commit().await?;
    Ok(handle)
}
