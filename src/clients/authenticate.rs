//! Client authentication at the token and revocation endpoints (RFC 6749 §2.3), read once and here only.
//!
//! A secret is accepted in the header or in the body, whichever of the two the client registered: clients mix them up.
//! A fault of ours is never `invalid_client`, on which clients throw their registration away.

mod basic;
mod presented;

#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderValue, StatusCode};
use presented::Presented;

use super::client::{Client, is_stored};
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
};

/// Sent with every refusal: HTTP asks for a challenge with a 401 (RFC 9110 §15.5.2), and this is the one scheme.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\"");

/// A client that has proved itself as far as it can: a confidential one by its secret, a public one by naming itself.
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

impl From<ClientAuthError> for OauthError {
    fn from(error: ClientAuthError) -> Self {
        match error {
            ClientAuthError::Request(why) => Self::new(StatusCode::BAD_REQUEST, "invalid_request", why),
            ClientAuthError::Repeated(repeated) => repeated.into(),
            ClientAuthError::Client(why) => {
                Self::new(StatusCode::UNAUTHORIZED, "invalid_client", why).challenge(CHALLENGE)
            }
            ClientAuthError::Fault(error) => {
                tracing::error!(%error, "client authentication failed for a reason of ours");
                Self::fault()
            }
        }
    }
}

/// Authenticates the client of a request within the tenant of `tx`, and notes that it was used.
///
/// # Errors
/// See [`ClientAuthError`]. An unknown client and a wrong secret are told apart neither by words nor by work.
pub async fn authenticate(
    tx: &mut TenantTx,
    keyring: &Keyring,
    clock: &Clock,
    headers: &HeaderMap,
    form: &Form,
) -> Result<AuthenticatedClient, ClientAuthError> {
    const REFUSED: ClientAuthError = ClientAuthError::Client("the client is unknown or its authentication is wrong");
    let presented = Presented::read(headers, form)?;
    let client = match ClientId::parse(presented.client_id()) {
        Ok(id) => store::clients::find(tx, &id).await?,
        Err(_) => None,
    };
    let secret = client.as_ref().and_then(|client| client.secret.as_ref());
    let handle = presented.secret().map(|text| Handle::parse(HandleKind::ClientSecret, text));
    let proved = match &handle {
        Some(Ok(handle)) => is_stored(keyring, tx.tenant(), secret, handle),
        Some(Err(_)) => false,
        None => client.as_ref().is_some_and(|client| !client.is_confidential()),
    };
    let client = client.filter(|client| proved && client.is_active()).ok_or(REFUSED)?;
    if let (Some(Ok(handle)), Some(old)) = (&handle, &client.secret)
        && let Some(new) = keyring.anew(tx.tenant(), handle, &old.hash)
    {
        store::clients::store_secret_anew(tx, &client.id, old, &new).await?;
    }
    store::clients::touch(tx, &client.id, clock.now()).await?;
    Ok(AuthenticatedClient(client))
}
