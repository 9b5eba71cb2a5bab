//! Why registration or management is refused, apart from the words on the wire.

use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::InvalidMetadata;
use crate::{
    clients::statement::{BadStatement, StatementError},
    http::{body::BodyError, oauth::OauthError},
    secret::NoEntropy,
    store::StoreError,
};

const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const BEARER_INVALID: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");

/// Why a client is not registered, shown, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// No such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// The tenant does not let clients register.
    #[error("this tenant does not let clients register themselves; ask its administrator for a client_id")]
    Off,
    /// No token where one is needed.
    #[error("this needs a token in an Authorization: Bearer header; see RFC 7591 or 7592")]
    TokenMissing,
    /// Not a token that opens this.
    #[error("the token is not valid here, or what it belonged to is gone")]
    TokenInvalid,
    /// The request contradicts itself.
    #[error("{0}")]
    Request(&'static str),
    /// The body is too large or broken.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The metadata is not acceptable.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
    /// The software statement says nothing.
    #[error(transparent)]
    Statement(BadStatement),
    /// The client is suspended, so it stays as it is.
    #[error("an administrator has suspended this client: its registration stays as it is until it is resumed")]
    Suspended,
    /// An administrator was asked about another software than this.
    #[error(
        "an administrator allows clients here by name, software_id and redirect URIs, which therefore stay as they are: \
         register anew to change them"
    )]
    Approved,
    /// As many clients as the tenant may have.
    #[error(
        "this tenant has as many registered clients as it may have; please come back later, or ask its administrator"
    )]
    Full {
        /// When there may be room.
        wait: Duration,
    },
    /// Too many registrations in a day.
    #[error("this tenant has taken as many registrations as it takes in a day; please come back later")]
    Quota {
        /// When the next one may come.
        wait: Duration,
    },
    /// Too many changes of one client in a day.
    #[error("this registration was changed too often today; please come back later")]
    Changes {
        /// When the next one may come.
        wait: Duration,
    },
    /// A fault of ours.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

// === impl RegistrationError ===

impl RegistrationError {
    /// The word in audit events; none for a fault of ours, and where there is no tenant.
    pub(super) const fn word(&self) -> Option<&'static str> {
        match self {
            Self::NoTenant | Self::Fault(_) => None,
            Self::Off => Some("off"),
            Self::TokenMissing => Some("no_token"),
            Self::TokenInvalid => Some("token"),
            Self::Request(_) | Self::Body(_) => Some("request"),
            Self::Metadata(_) => Some("metadata"),
            Self::Statement(_) => Some("statement"),
            Self::Suspended => Some("suspended_client"),
            Self::Approved => Some("approved_client"),
            Self::Full { .. } => Some("full"),
            Self::Quota { .. } | Self::Changes { .. } => Some("quota"),
        }
    }
}

impl From<StatementError> for RegistrationError {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Statement(bad) => Self::Statement(bad),
            StatementError::Member(invalid) => Self::Metadata(invalid),
        }
    }
}

impl From<NoEntropy> for RegistrationError {
    fn from(error: NoEntropy) -> Self {
        Self::Fault(error.into())
    }
}

impl From<RegistrationError> for OauthError {
    fn from(error: RegistrationError) -> Self {
        let of = |status, code| Self::new(status, code, error.to_string());
        match &error {
            RegistrationError::NoTenant => of(StatusCode::NOT_FOUND, "not_found"),
            RegistrationError::Off | RegistrationError::Suspended | RegistrationError::Approved => {
                of(StatusCode::FORBIDDEN, "access_denied")
            }
            RegistrationError::Statement(bad) => of(StatusCode::BAD_REQUEST, bad.code()),
            // RFC 6750 §3.1: no error code where no token was presented.
            RegistrationError::TokenMissing => of(StatusCode::UNAUTHORIZED, "invalid_token").challenge(BEARER),
            RegistrationError::TokenInvalid => of(StatusCode::UNAUTHORIZED, "invalid_token").challenge(BEARER_INVALID),
            RegistrationError::Request(_) | RegistrationError::Body(BodyError::Broken) => {
                of(StatusCode::BAD_REQUEST, "invalid_request")
            }
            RegistrationError::Body(BodyError::TooLarge) => {
                of(StatusCode::PAYLOAD_TOO_LARGE, "invalid_client_metadata")
            }
            RegistrationError::Metadata(invalid) => invalid.clone().into(),
            RegistrationError::Quota { wait }
            | RegistrationError::Changes { wait }
            | RegistrationError::Full { wait } => {
                of(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable").retry_after(*wait)
            }
            RegistrationError::Fault(fault) => {
                tracing::error!(error = %fault, "client registration");
                Self::fault()
            }
        }
    }
}
