//! The `Basic` scheme (RFC 7617) as OAuth uses it: both halves are form-encoded first (RFC 6749 §2.3.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::http::form::decode_component;

/// Credentials out of an `Authorization` header. May be a secret, so it does not print.
pub(super) struct Basic {
    pub(super) client_id: Zeroizing<String>,
    /// May be empty: a public client that names itself this way.
    pub(super) secret: Zeroizing<String>,
}

/// Not `Basic`, or not readable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Basic {
    /// Reads the value of an `Authorization` header.
    pub(super) fn parse(header: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(header).map_err(|_| Malformed)?;
        let (scheme, credentials) = text.split_once(' ').ok_or(Malformed)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Malformed);
        }
        let decoded = Zeroizing::new(STANDARD.decode(credentials.trim_matches(' ')).map_err(|_| Malformed)?);
        let colon = decoded.iter().position(|byte| *byte == b':').ok_or(Malformed)?;
        let (client_id, secret) = decoded.split_at(colon);
        let half = |text: &[u8]| decode_component(text).map_err(|_| Malformed);
        let (client_id, secret) = (half(client_id)?, half(secret.strip_prefix(b":").unwrap_or_default())?);
        if client_id.is_empty() || client_id.chars().chain(secret.chars()).any(char::is_control) {
            return Err(Malformed);
        }
        Ok(Self { client_id, secret })
    }
}
