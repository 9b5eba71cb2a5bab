//! What the browser says it was asked, and by whom (WebAuthn §5.8.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use super::{BadPasskey, Challenge, RelyingParty};
use crate::secret::same;

/// The longest, in bytes. Browsers send some 200, and add to it now and then so that nobody compares it as text.
const MOST_BYTES: usize = 4 * 1024;

/// What was asked of the authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}

/// Client data, as far as it can be read. Members that are not known are left alone, as the specification wants it.
#[derive(Debug, Deserialize)]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    ceremony: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<IgnoredAny>,
}

impl ClientData {
    /// Reads it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadPasskey> {
        // A mark of the byte order is taken away, as UTF-8 decode of the Encoding Standard does.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.len() > MOST_BYTES || text.first() != Some(&b'{') {
            return Err(BadPasskey::ClientData);
        }
        serde_json::from_slice(text).map_err(|_| BadPasskey::ClientData)
    }

    /// The challenge that it answers, by its own account.
    pub(super) fn challenge(&self) -> Result<Challenge, BadPasskey> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.challenge).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Challenge).ok_or(BadPasskey::Challenge)
    }

    /// Whether it answers what we asked, on a page of ours that is in no frame.
    pub(super) fn check(
        &self,
        party: &RelyingParty,
        ceremony: Ceremony,
        challenge: &Challenge,
    ) -> Result<(), BadPasskey> {
        let asked = match ceremony {
            Ceremony::Create => "webauthn.create",
            Ceremony::Get => "webauthn.get",
        };
        if self.ceremony != asked {
            return Err(BadPasskey::Ceremony);
        }
        if !same(self.challenge.as_bytes(), challenge.text().as_bytes()) {
            return Err(BadPasskey::Challenge);
        }
        if self.origin != party.origin() {
            return Err(BadPasskey::Origin);
        }
        if self.cross_origin || self.top_origin.is_some() {
            return Err(BadPasskey::Frame);
        }
        Ok(())
    }
}
