//! A POST of each signed checkpoint.

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};

use super::{DeliverError, remote::Web};
use crate::secret::{SecretText, hex};

/// `sha256=` and the HMAC-SHA-256 of the body in hexadecimal, where the target has a secret.
pub const SIGNATURE_HEADER: &str = "x-sallyport-signature";

/// Who is told each checkpoint.
#[derive(Debug)]
pub(super) struct Webhook {
    pub web: Web,
    pub secret: Option<SecretText>,
}

impl Webhook {
    /// Sends the note as it is.
    pub(super) async fn tell(&self, note: &str) -> Result<(), DeliverError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Some(secret) = &self.secret {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            let signature = format!("sha256={}", hex(hmac::sign(&key, note.as_bytes()).as_ref()));
            let value = HeaderValue::from_str(&signature).map_err(|_| DeliverError::Odd(String::new()))?;
            headers.insert(HeaderName::from_static(SIGNATURE_HEADER), value);
        }
        self.web.send(Method::POST, self.web.url.clone(), headers, note.to_owned().into()).await?.success()?;
        Ok(())
    }
}
