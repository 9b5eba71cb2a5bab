//! The JSON that browsers exchange with us: base64url without padding for everything that is bytes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _};

use super::BadPasskey;

/// The longest answer of a browser, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// Reads an answer. Members that are not known are left alone: browsers add some.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, BadPasskey> {
    if text.len() > MOST_BYTES || !text.starts_with('{') {
        return Err(BadPasskey::Json);
    }
    serde_json::from_str(text).map_err(|_| BadPasskey::Json)
}

/// Bytes. They do not print.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

/// The one kind of credential that there is here.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "public-key")]
    PublicKey,
}
