//! Driving the authorization machine (OAuth 2.1 §4.1.1): which scopes, and a PKCE challenge that will hold.

use std::borrow::Cow;

use oxide_auth::{
    code_grant::{
        authorization::{Authorization, Error, Input, Output, Request},
        error::AuthorizationErrorType,
        extensions::Pkce,
    },
    primitives::{
        grant::{Extensions, GrantExtension as _},
        registrar::{BoundClient, ClientUrl, Registrar as _, RegistrarError},
    },
};

use super::client::ClientView;
use crate::policy::{Scope, ScopeSet};

/// Parameters of an authorization request, after client, redirect URI and resource were settled.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizeParameters<'a> {
    /// The client.
    pub client_id: &'a str,
    /// The redirect URI, matched byte for byte (loopback: but for the port).
    pub redirect_uri: &'a str,
    /// `response_type`.
    pub response_type: Option<&'a str>,
    /// `scope`.
    pub scope: Option<&'a str>,
    /// `code_challenge`.
    pub code_challenge: Option<&'a str>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<&'a str>,
    /// Scopes that the server declares.
    pub declared: &'a ScopeSet,
    /// Scopes for a request that names none.
    pub defaults: &'a ScopeSet,
}

/// What the machine allowed to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// The scopes to consent to.
    pub scopes: ScopeSet,
    /// The S256 challenge.
    pub code_challenge: String,
}

/// Why the request cannot go on (RFC 6749 §4.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeRefusal {
    /// `invalid_request`, PKCE.
    #[error(
        "PKCE is required: send code_challenge (43 characters, base64url of a SHA-256) and code_challenge_method=S256"
    )]
    Pkce,
    /// `invalid_request`.
    #[error("response_type is missing")]
    NoResponseType,
    /// `unsupported_response_type`.
    #[error("response_type must be code")]
    ResponseType,
    /// `invalid_scope`.
    #[error("scope has characters that no scope has")]
    Scope,
    /// `server_error`.
    #[error("the request could not be decided")]
    Fault,
}

impl AuthorizeRefusal {
    /// The `error` parameter.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pkce | Self::NoResponseType => "invalid_request",
            Self::ResponseType => "unsupported_response_type",
            Self::Scope => "invalid_scope",
            Self::Fault => "server_error",
        }
    }
}

impl Request for AuthorizeParameters<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(self.client_id.into())
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.map(Into::into)
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(self.redirect_uri.into())
    }
    fn state(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn response_type(&self) -> Option<Cow<'_, str>> {
        self.response_type.map(Into::into)
    }
    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}

enum Step {
    Start,
    Bind(ClientUrl<'static>),
    Extend,
    Negotiate(BoundClient<'static>, Option<oxide_auth::primitives::scope::Scope>),
}

/// Decides what an authorization request may ask the person for.
pub fn authorize(request: &AuthorizeParameters<'_>) -> Result<Authorized, AuthorizeRefusal> {
    if request.response_type.is_none() {
        return Err(AuthorizeRefusal::NoResponseType);
    }
    if request.scope.is_some_and(|scope| ScopeSet::parse(scope).is_err()) {
        return Err(AuthorizeRefusal::Scope);
    }
    let challenge = request.code_challenge.filter(|text| is_challenge(text)).ok_or(AuthorizeRefusal::Pkce)?;
    let view = ClientView {
        client_id: request.client_id,
        redirect_uri: request.redirect_uri,
        declared: request.declared,
        defaults: request.defaults,
    };
    let mut machine = Authorization::new(request);
    let mut step = Step::Start;
    loop {
        let input = match step {
            Step::Start => Input::None,
            Step::Bind(asked) => Input::Bound { request, bound_client: view.bound_redirect(asked).map_err(registrar)? },
            Step::Extend => Input::Extended(pkce(challenge, request.code_challenge_method)?),
            Step::Negotiate(client, scope) => {
                Input::Negotiated { pre_grant: view.negotiate(client, scope).map_err(registrar)?, state: None }
            }
        };
        step = match machine.advance(input) {
            Output::Bind { client_id, redirect_uri } => {
                Step::Bind(ClientUrl { client_id: Cow::Owned(client_id), redirect_uri: redirect_uri.map(Cow::Owned) })
            }
            Output::Extend => Step::Extend,
            Output::Negotiate { bound_client, scope } => Step::Negotiate(bound_client.clone(), scope),
            Output::Ok { pre_grant, .. } => {
                let scopes = pre_grant.scope.iter().map(Scope::new).collect::<Result<ScopeSet, _>>();
                let scopes = scopes.map_err(|_| AuthorizeRefusal::Fault)?;
                return Ok(Authorized { scopes, code_challenge: challenge.to_owned() });
            }
            Output::Err(error) => return Err(refusal(error)),
        };
    }
}

/// The scopes to ask a person for where no machine runs: those that are known, or the server's default.
pub fn scopes_to_ask_for(
    scope: Option<&str>,
    declared: &ScopeSet,
    defaults: &ScopeSet,
) -> Result<ScopeSet, AuthorizeRefusal> {
    let asked = ScopeSet::parse(scope.unwrap_or_default()).map_err(|_| AuthorizeRefusal::Scope)?;
    let known = asked.intersection(declared);
    Ok(if known.is_empty() { defaults.clone() } else { known })
}

/// A challenge where PKCE is the client's choice: S256, or none at all.
pub fn optional_challenge(challenge: Option<&str>, method: Option<&str>) -> Result<Option<String>, AuthorizeRefusal> {
    match (challenge, method) {
        (None, None) => Ok(None),
        (Some(challenge), method) if is_challenge(challenge) => {
            pkce(challenge, method).map(|_| Some(challenge.to_owned()))
        }
        _ => Err(AuthorizeRefusal::Pkce),
    }
}

fn pkce(challenge: &str, method: Option<&str>) -> Result<Extensions, AuthorizeRefusal> {
    let pkce = Pkce::required();
    let kept = pkce.challenge(method.map(Into::into), Some(challenge.into())).map_err(|()| AuthorizeRefusal::Pkce)?;
    let mut extensions = Extensions::new();
    if let Some(value) = kept {
        extensions.set(&pkce, value);
    }
    debug_assert_eq!(pkce.identifier(), "pkce");
    Ok(extensions)
}

fn registrar(error: RegistrarError) -> AuthorizeRefusal {
    match error {
        RegistrarError::Unspecified => AuthorizeRefusal::Scope,
        RegistrarError::PrimitiveError => AuthorizeRefusal::Fault,
    }
}

fn refusal(mut error: Error) -> AuthorizeRefusal {
    match error.description().map(oxide_auth::code_grant::error::AuthorizationError::kind) {
        Some(AuthorizationErrorType::UnsupportedResponseType) => AuthorizeRefusal::ResponseType,
        Some(AuthorizationErrorType::InvalidScope) => AuthorizeRefusal::Scope,
        _ => AuthorizeRefusal::Fault,
    }
}

/// An S256 challenge is base64url of 32 bytes: 43 characters (RFC 7636 §4.2).
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
