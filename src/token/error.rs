//! Refusals of the token endpoint (RFC 6749 §5.2, RFC 8707 §2).

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::{http::oauth::OauthError, secret::NoEntropy, store::StoreError};

/// Why no token is issued. Protocol refusals are returned after the transaction committed; faults roll it back.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// `invalid_request`.
    #[error("{0}")]
    InvalidRequest(String),
    /// `invalid_grant`: the code or refresh token is unknown, used, expired, revoked, or another client's.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// `invalid_scope`.
    #[error("{0}")]
    InvalidScope(&'static str),
    /// `invalid_target` (RFC 8707).
    #[error("{0}")]
    InvalidTarget(&'static str),
    /// `unsupported_grant_type`.
    #[error("grant_type must be authorization_code or refresh_token")]
    UnsupportedGrantType,
    /// A fault of ours: 503, and nothing was changed.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

impl From<NoEntropy> for TokenError {
    fn from(error: NoEntropy) -> Self {
        Self::Fault(error.into())
    }
}

impl From<TokenError> for OauthError {
    fn from(error: TokenError) -> Self {
        let code = match &error {
            TokenError::InvalidRequest(_) => "invalid_request",
            TokenError::InvalidGrant(_) => "invalid_grant",
            TokenError::InvalidScope(_) => "invalid_scope",
            TokenError::InvalidTarget(_) => "invalid_target",
            TokenError::UnsupportedGrantType => "unsupported_grant_type",
            TokenError::Fault(fault) => {
                tracing::error!(error = %fault, "token endpoint");
                return Self::fault();
            }
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        OauthError::from(self).into_response()
    }
}
