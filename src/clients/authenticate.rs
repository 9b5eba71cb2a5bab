//! Client authentication at the token and revocation endpoints (RFC 6749 §2.3), read once and here only.
//!
//! A secret is accepted in the header or in the body, whichever of the two the client registered: clients mix them up.
//! A fault of ours is never `invalid_client`, on which clients throw their registration away.

mod assertion;
mod basic;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod presented;
mod server;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use assertion::Assertion;
pub use assertion::BadAssertion;
use http::{HeaderMap, HeaderValue, StatusCode};
use presented::{Presented, Proof};
pub use server::authenticate_server;

use super::{
    client::{Client, Status, is_stored},
    document::{self, DocumentError},
    jwks::ClientKeys,
    metadata::{AuthMethod, KeysUri, Metadata},
    standing::Barred,
};
use crate::{
    app::App,
    audit::Recorder,
    clock::Clock,
    http::{
        address::ClientAddress,
        form::{Form, Repeated},
        oauth::OauthError,
    },
    ids::ClientId,
    keys::Keyring,
    secret::{Handle, HandleKind},
    store::{self, StoreError, TenantTx},
    tenants::Tenant,
};

/// Sent with every refusal: HTTP asks for a challenge with a 401 (RFC 9110 §15.5.2), and this is the one scheme.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\"");

/// When to try again what a stranger's server did not give.
const RETRY: Duration = Duration::from_secs(5);

const REFUSED: ClientAuthError = ClientAuthError::Client("the client is unknown or its authentication is wrong");

/// A client that has proved itself as far as it can: a confidential one by its secret or its signature, a public one by
/// naming itself.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Client);

/// Why a client is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthError {
    /// The request contradicts itself or lacks something: 400 `invalid_request`.
    #[error("{0}")]
    Request(&'static str),
    /// A parameter that may be there once is there twice: 400 `invalid_request`.
    #[error(transparent)]
    Repeated(#[from] Repeated),
    /// The client is not who it says: 401 `invalid_client`.
    #[error("{0}")]
    Client(&'static str),
    /// Its assertion proves nothing: 401 `invalid_client`, too.
    #[error(transparent)]
    Assertion(#[from] BadAssertion),
    /// It is who it says, and may do nothing for now: 400 `access_denied`. Not one of the errors on which clients throw
    /// their registration or their tokens away, since both are good again later.
    #[error(transparent)]
    Barred(#[from] Barred),
    /// What it has elsewhere cannot be had now: 503.
    #[error("what the client publishes about itself cannot be fetched at this moment; try again shortly")]
    NotNow,
    /// A fault of ours: 503.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

// === impl AuthenticatedClient ===

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

// === impl ClientAuthError ===

impl ClientAuthError {
    /// Whether somebody is not who they say they are: what is counted as refused.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Client(_) | Self::Assertion(_))
    }

    /// The word in audit events for a client that may do nothing for now.
    pub const fn barred(&self) -> Option<&'static str> {
        match self {
            Self::Barred(barred) => Some(barred.word()),
            Self::Request(_)
            | Self::Repeated(_)
            | Self::Client(_)
            | Self::Assertion(_)
            | Self::NotNow
            | Self::Fault(_) => None,
        }
    }
}

impl From<ClientAuthError> for OauthError {
    fn from(error: ClientAuthError) -> Self {
        match error {
            ClientAuthError::Request(why) => Self::new(StatusCode::BAD_REQUEST, "invalid_request", why),
            ClientAuthError::Repeated(repeated) => repeated.into(),
            ClientAuthError::Client(_) | ClientAuthError::Assertion(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "invalid_client", error.to_string()).challenge(CHALLENGE)
            }
            ClientAuthError::Barred(barred) => Self::new(StatusCode::BAD_REQUEST, "access_denied", barred.to_string()),
            ClientAuthError::NotNow => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", error.to_string())
                    .retry_after(RETRY)
            }
            ClientAuthError::Fault(error) => {
                tracing::error!(%error, "client authentication failed for a reason of ours");
                Self::fault()
            }
        }
    }
}

/// What was fetched for a request before its transaction begins.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The client's `jwks_uri`, and the keys there.
    keys: Option<(KeysUri, Arc<ClientKeys>)>,
}

impl Fetched {
    /// The keys that a client has at an address of its own. An address that it gave up meanwhile says nothing any more.
    fn keys_of(&self, metadata: &Metadata) -> Result<Option<&ClientKeys>, ClientAuthError> {
        match (&metadata.jwks_uri, &self.keys) {
            (None, _) => Ok(None),
            (Some(now), Some((then, keys))) if now == then => Ok(Some(keys)),
            (Some(_), _) => Err(ClientAuthError::NotNow),
        }
    }
}

/// Whom an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meets {
    /// Also clients that come for the first time: their documents are fetched.
    Anybody,
    /// Only those that were here before, since everybody else has nothing to ask for: nobody makes us fetch anything by
    /// naming an address.
    Known,
}

/// Fetches what the client of a request has elsewhere: the document that describes it, where what is known is not fresh, and the keys
/// by which it may prove itself. No transaction waits for strangers.
///
/// # Errors
/// What is wrong with the request, as [`authenticate`] would find it. What cannot be fetched is 503: nobody may lose a
/// client by it.
pub async fn fetch_ahead(
    app: &App,
    recorder: &Recorder,
    tenant: &Tenant,
    headers: &HeaderMap,
    form: &Form,
    (from, meets): (ClientAddress, Meets),
) -> Result<Fetched, ClientAuthError> {
    let presented = Presented::read(headers, form)?;
    let Ok(id) = ClientId::parse(presented.client_id()) else { return Ok(Fetched::default()) };
    if id.is_document() && meets == Meets::Anybody {
        match document::current(app, recorder, tenant, &id, from.network()).await {
            Ok(_) => {}
            Err(DocumentError::Fault(fault)) => return Err(fault.into()),
            Err(DocumentError::Fetch { .. } | DocumentError::Quota) => return Err(ClientAuthError::NotNow),
            Err(DocumentError::NotAllowed(_) | DocumentError::Bad { .. }) => return Err(REFUSED),
        }
    }
    let Proof::Assertion(assertion) = &presented.proof else { return Ok(Fetched::default()) };
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let client = store::clients::find(&mut tx, &id).await?;
    tx.commit().await?;
    // One that may do nothing now proves itself like any other, and is told so then: that is no `invalid_client`.
    let client = client.filter(|client| client.status != Status::Removed);
    // A document may have another key by now.
    if let Some(client) = &client
        && client.id.is_document()
        && client.metadata.jwks.as_ref().is_some_and(|keys| !assertion.may_fit(keys))
    {
        match document::current(app, recorder, tenant, &id, from.network()).await {
            Ok(_) | Err(DocumentError::NotAllowed(_) | DocumentError::Bad { .. }) => {}
            Err(DocumentError::Fault(fault)) => return Err(fault.into()),
            Err(DocumentError::Fetch { .. } | DocumentError::Quota) => return Err(ClientAuthError::NotNow),
        }
    }
    let place = client.and_then(|client| client.metadata.jwks_uri);
    let Some(place) = place else { return Ok(Fetched::default()) };
    let fits = |keys: &ClientKeys| assertion.may_fit(keys);
    match app.client_keys.get(tenant.id, &place, (from.network(), app.clock.now()), fits).await {
        Ok(keys) => Ok(Fetched { keys: Some((place, keys)) }),
        Err(error) => {
            tracing::warn!(client = %id, error = error.detail(), "the keys of a client cannot be fetched");
            Err(ClientAuthError::NotNow)
        }
    }
}

/// What authentication goes by, beside the request.
#[derive(Clone, Copy)]
pub struct Authentication<'a> {
    /// What was fetched before.
    pub fetched: &'a Fetched,
    /// The tenant: its issuer and settings.
    pub tenant: &'a Tenant,
    /// Keys outside the database.
    pub keyring: &'a Keyring,
    /// What time it is.
    pub clock: &'a Clock,
}

/// Authenticates the client of a request within the tenant of `tx`, and notes that it was used.
///
/// # Errors
/// See [`ClientAuthError`]. An unknown client and a wrong secret are told apart neither by words nor by work.
pub async fn authenticate(
    with: Authentication<'_>,
    tx: &mut TenantTx,
    headers: &HeaderMap,
    form: &Form,
) -> Result<AuthenticatedClient, ClientAuthError> {
    let Authentication { keyring, clock, .. } = with;
    let presented = Presented::read(headers, form)?;
    let client = match ClientId::parse(presented.client_id()) {
        Ok(id) => store::clients::find(tx, &id).await?,
        Err(_) => None,
    };
    let client = client.filter(|client| client.status != Status::Removed && client.is_ours());
    match &presented.proof {
        Proof::None => {
            let client = client.filter(|client| !client.is_confidential()).ok_or(REFUSED)?;
            used(tx, client, clock).await
        }
        Proof::Secret(text) => {
            let stored = client.as_ref().and_then(|client| client.secret.as_ref());
            let handle = Handle::parse(HandleKind::ClientSecret, text).map_err(|_| REFUSED)?;
            let proved = is_stored(keyring, tx.tenant(), stored, &handle);
            let client = client.filter(|_| proved).ok_or(REFUSED)?;
            if let Some(old) = &client.secret
                && let Some(new) = keyring.anew(tx.tenant(), &handle, &old.hash)
            {
                store::clients::store_secret_anew(tx, &client.id, old, &new).await?;
            }
            used(tx, client, clock).await
        }
        Proof::Assertion(assertion) => {
            let client = client.ok_or(REFUSED)?;
            spend(with, tx, &client, assertion).await?;
            used(tx, client, clock).await
        }
    }
}

/// Verifies an assertion of the client, and remembers that it was used: it is good once (RFC 7523 §3, `jti`).
async fn spend(
    with: Authentication<'_>,
    tx: &mut TenantTx,
    client: &Client,
    assertion: &Assertion<'_>,
) -> Result<(), ClientAuthError> {
    let metadata = &client.metadata;
    let signs = metadata.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt;
    if !signs {
        return Err(REFUSED);
    }
    let keys = match &metadata.jwks {
        Some(keys) => keys,
        None => with.fetched.keys_of(metadata)?.ok_or(REFUSED)?,
    };
    let spent = assertion.verify(keys, &with.tenant.assertion_audiences(), with.clock.now())?;
    if store::clients::spend_assertion(tx, &client.id, &spent.jti, spent.expires_at).await? {
        Ok(())
    } else {
        Err(ClientAuthError::Client("the client assertion was used before: sign another one for every request"))
    }
}

async fn used(tx: &mut TenantTx, client: Client, clock: &Clock) -> Result<AuthenticatedClient, ClientAuthError> {
    Barred::check(&client)?;
    store::clients::touch(tx, &client, clock.now()).await?;
    Ok(AuthenticatedClient(client))
}
