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
    /// `invalid_grant`, too: a code or refresh token that is not ours, or not any more.
    #[error("{0}")]
    Unknown(&'static str),
    /// `invalid_scope`.
    #[error("{0}")]
    InvalidScope(&'static str),
    /// `invalid_target` (RFC 8707).
    #[error("{0}")]
    InvalidTarget(&'static str),
    /// `unauthorized_client`: it proved itself, and may not use this grant.
    #[error("{0}")]
    UnauthorizedClient(&'static str),
    /// `unsupported_grant_type`.
    #[error("this grant_type is not offered here: see grant_types_supported in the metadata")]
    UnsupportedGrantType,
    /// `authorization_pending` (RFC 8628 §3.5).
    #[error("the person has not decided yet: ask again after the interval")]
    AuthorizationPending,
    /// `slow_down` (RFC 8628 §3.5).
    #[error("this was asked too soon: wait five seconds more between two requests from now on")]
    SlowDown,
    /// `access_denied` (RFC 8628 §3.5).
    #[error("{0}")]
    AccessDenied(&'static str),
    /// `expired_token` (RFC 8628 §3.5).
    #[error("the device code has expired: begin again")]
    ExpiredToken,
    /// A fault of ours: 503, and nothing was changed.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

impl From<NoEntropy> for TokenError {
    fn from(error: NoEntropy) -> Self {
        Self::Fault(error.into())
    }
}

impl TokenError {
    /// The error code on the wire; none for a fault of ours.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest(_) => Some("invalid_request"),
            Self::InvalidGrant(_) | Self::Unknown(_) => Some("invalid_grant"),
            Self::InvalidScope(_) => Some("invalid_scope"),
            Self::InvalidTarget(_) => Some("invalid_target"),
            Self::UnauthorizedClient(_) => Some("unauthorized_client"),
            Self::UnsupportedGrantType => Some("unsupported_grant_type"),
            Self::AuthorizationPending => Some("authorization_pending"),
            Self::SlowDown => Some("slow_down"),
            Self::AccessDenied(_) => Some("access_denied"),
            Self::ExpiredToken => Some("expired_token"),
            Self::Fault(_) => None,
        }
    }

    /// The word in audit events; none for a fault of ours, and for what is no refusal.
    pub(super) const fn word(&self) -> Option<&'static str> {
        match self {
            Self::AuthorizationPending => None,
            Self::Unknown(_) => Some("unknown"),
            other => other.code(),
        }
    }
}

impl From<TokenError> for OauthError {
    fn from(error: TokenError) -> Self {
        let Some(code) = error.code() else {
            tracing::error!(%error, "token endpoint");
            return Self::fault();
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        OauthError::from(self).into_response()
    }
}
