//! The grant engine: oxide-auth's state machines, and their only home.
//!
//! The machines decide (order of checks, expiry, scope narrowing, one answer only); we drive them over the request's
//! transaction and translate at the edges. What differs from the specifications in the stock crate is worked around here
//! and pinned by `contract`: if an update fixes one, that test says which workaround to delete. No type of the crate
//! leaves this folder. See `docs/adr/`.

mod authorize;
mod client;
mod code;
#[cfg(test)]
mod contract;
mod credentials;
mod refresh;
mod vault;

pub use authorize::{
    AuthorizeParameters, AuthorizeRefusal, Authorized, authorize, optional_challenge, scopes_to_ask_for,
};
pub(super) use code::{redeem_code, verifier_fits};
pub(super) use credentials::client_credentials;
pub(super) use refresh::refresh;

use oxide_auth::code_grant::error::AccessTokenErrorType;

use super::TokenError;

/// The machine's error kinds as ours. Details were checked before; this is the second line.
fn refused(kind: Option<AccessTokenErrorType>) -> TokenError {
    match kind {
        Some(AccessTokenErrorType::InvalidScope) => TokenError::InvalidScope("scope asks for more than was granted"),
        Some(AccessTokenErrorType::UnsupportedGrantType) => TokenError::UnsupportedGrantType,
        Some(AccessTokenErrorType::InvalidRequest) => {
            TokenError::InvalidRequest("the request lacks a parameter".into())
        }
        _ => TokenError::InvalidGrant("the code or refresh token is not valid for this request"),
    }
}

/// The machines compare `until` with the system's clock; ours is a parameter. Same distance, their clock.
fn until(at: time::OffsetDateTime, now: time::OffsetDateTime) -> chrono::DateTime<chrono::Utc> {
    let left = chrono::TimeDelta::milliseconds(i64::try_from((at - now).whole_milliseconds()).unwrap_or(0));
    #[expect(clippy::disallowed_methods, reason = "the machines' own clock, only to speak their language")]
    let theirs = chrono::Utc::now();
    theirs + left
}

/// A redirect URI for a token request without one (OAuth 2.1 dropped the parameter; the machine insists).
/// Safe because PKCE is mandatory and the code's row was checked before.
const REDIRECT_OMITTED: &str = "urn:ietf:params:oauth:redirect-uri-omitted";
