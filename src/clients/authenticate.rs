//! Client authentication at the token and revocation endpoints (RFC 6749 §2.3), read once and here only.
//!
//! A secret is accepted in the header or in the body, whichever of the two the client registered: clients mix them up.
//! A fault of ours is never `invalid_client`, on which clients throw their registration away.

mod assertion;
mod basic;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod presented;

#[cfg(test)]
mod tests;

use assertion::Assertion;
pub use assertion::BadAssertion;
use http::{HeaderMap, HeaderValue, StatusCode};
use presented::{Presented, Proof};

use super::{
    client::{Client, is_stored},
    metadata::AuthMethod,
};
use crate::{
    clock::Clock,
    http::{
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
}

impl From<ClientAuthError> for OauthError {
    fn from(error: ClientAuthError) -> Self {
        match error {
            ClientAuthError::Request(why) => Self::new(StatusCode::BAD_REQUEST, "invalid_request", why),
            ClientAuthError::Repeated(repeated) => repeated.into(),
            ClientAuthError::Client(_) | ClientAuthError::Assertion(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "invalid_client", error.to_string()).challenge(CHALLENGE)
            }
            ClientAuthError::Fault(error) => {
                tracing::error!(%error, "client authentication failed for a reason of ours");
                Self::fault()
            }
        }
    }
}

/// What authentication goes by, beside the request.
#[derive(Clone, Copy)]
pub struct Authentication<'a> {
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
    let client = client.filter(Client::is_active);
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
    let keys = metadata.jwks.as_ref().filter(|_| signs).ok_or(REFUSED)?;
    let spent = assertion.verify(keys, &with.tenant.assertion_audiences(), with.clock.now())?;
    if store::clients::spend_assertion(tx, &client.id, &spent.jti, spent.expires_at).await? {
        Ok(())
    } else {
        Err(ClientAuthError::Client("the client assertion was used before: sign another one for every request"))
    }
}

async fn used(tx: &mut TenantTx, client: Client, clock: &Clock) -> Result<AuthenticatedClient, ClientAuthError> {
    store::clients::touch(tx, &client.id, clock.now()).await?;
    Ok(AuthenticatedClient(client))
}
