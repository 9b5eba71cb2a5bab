//! Tokens of registration and management, out of the `Authorization` header (RFC 6750 §2.1).

use http::{HeaderMap, header::AUTHORIZATION};

use super::RegistrationError;
use crate::secret::{Handle, HandleKind};

/// The one bearer token of a request, if it can be a handle of this kind at all.
pub(super) fn bearer(headers: &HeaderMap, kind: HandleKind) -> Result<Handle, RegistrationError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let header = match (lines.next(), lines.next()) {
        (Some(header), None) => header.to_str().unwrap_or_default(),
        (None, _) => return Err(RegistrationError::TokenMissing),
        (Some(_), Some(_)) => return Err(RegistrationError::Request("there is more than one Authorization header")),
    };
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Handle::parse(kind, token.trim_matches(' ')).map_err(|_| RegistrationError::TokenInvalid)
        }
        _ => Err(RegistrationError::TokenMissing),
    }
}
