//! What a request presents: one method, or an error.

use http::{HeaderMap, header::AUTHORIZATION};
use zeroize::Zeroizing;

use super::{ClientAuthError, basic::Basic};
use crate::http::form::Form;

/// A client's name for itself and perhaps its secret, by exactly one method. Does not print.
pub(super) struct Presented {
    client_id: Zeroizing<String>,
    secret: Option<Zeroizing<String>>,
}

// === impl Presented ===

impl Presented {
    /// Reads headers and body. Using two methods at once is an error (RFC 6749 §2.3), even if both say the same.
    pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Self, ClientAuthError> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (header, another) = (lines.next(), lines.next());
        let (client_id, secret) = (form.one("client_id")?, form.one("client_secret")?);
        let assertion = form.one("client_assertion")?.or(form.one("client_assertion_type")?);
        if another.is_some()
            || [header.is_some(), secret.is_some(), assertion.is_some()].iter().filter(|m| **m).count() > 1
        {
            return Err(ClientAuthError::Request("the client authenticates by more than one method; use one"));
        }
        if assertion.is_some() {
            return Err(ClientAuthError::Client("client assertions are not supported here"));
        }
        match header {
            Some(header) => Self::from_header(header.as_bytes(), client_id),
            None => {
                let client_id = client_id.ok_or(ClientAuthError::Request("client_id is missing"))?;
                Ok(Self { client_id: owned(client_id), secret: secret.map(owned) })
            }
        }
    }

    fn from_header(header: &[u8], in_body: Option<&str>) -> Result<Self, ClientAuthError> {
        let malformed = "the Authorization header is not Basic with a client_id and a client secret";
        let basic = Basic::parse(header).map_err(|_| ClientAuthError::Client(malformed))?;
        if in_body.is_some_and(|in_body| in_body != basic.client_id.as_str()) {
            return Err(ClientAuthError::Request("client_id is one thing in the header and another in the body"));
        }
        Ok(Self { client_id: basic.client_id, secret: Some(basic.secret).filter(|secret| !secret.is_empty()) })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret; none where the client only names itself.
    pub(super) fn secret(&self) -> Option<&str> {
        self.secret.as_ref().map(|secret| secret.as_str())
    }
}

fn owned(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}
