//! A signed JWT from outside (RFC 7515, compact), as far as it says itself what it is. Nothing in it is believed before
//! [`Jws::is_signed_by`].
//!
//! Our own reading of the header, since `jsonwebtoken` knows no `Ed25519` (RFC 9864), which newer clients name instead of `EdDSA`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::jwks;

/// The longest, in bytes, where nothing else is said.
const MAX_BYTES: usize = 8 * 1024;

/// Why a text is no JWS that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJws {
    /// Not three parts of base64url, or what is in them is not JSON.
    #[error("it is no signed JWT")]
    Malformed,
    /// `alg` is none that we take: `none` and secrets among them.
    #[error("it is not signed with EdDSA, ES256, PS256 or RS256")]
    Algorithm,
    /// It asks for extensions (RFC 7515 §4.1.11).
    #[error("it asks for extensions that are not understood")]
    Critical,
}

/// The members of the header that are looked at. Keys and addresses of keys in it never are (RFC 8725 §3.10).
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// A signed JWT, not verified. Does not print.
pub struct Jws<'a> {
    /// What it says that it was signed with.
    pub algorithm: Algorithm,
    /// `typ`
    pub typ: Option<String>,
    /// `kid`
    pub kid: Option<String>,
    signed: &'a str,
    signature: &'a str,
    claims: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads what a JWT says of itself.
    ///
    /// # Errors
    /// See [`BadJws`].
    pub fn read(text: &'a str) -> Result<Self, BadJws> {
        Self::read_up_to(text, MAX_BYTES)
    }

    /// The same of one of at most `most` bytes.
    ///
    /// # Errors
    /// See [`BadJws`].
    pub fn read_up_to(text: &'a str, most: usize) -> Result<Self, BadJws> {
        if text.len() > most {
            return Err(BadJws::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(BadJws::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(BadJws::Malformed)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadJws::Malformed);
        let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| BadJws::Malformed)?;
        let algorithm = jwks::algorithm(&header.alg).ok_or(BadJws::Algorithm)?;
        if header.crit.is_some() {
            return Err(BadJws::Critical);
        }
        bytes(signature)?;
        Ok(Self { algorithm, typ: header.typ, kid: header.kid, signed, signature, claims: bytes(claims)? })
    }

    /// Its claims, believed or not.
    ///
    /// # Errors
    /// They are not of this shape.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, BadJws> {
        serde_json::from_slice(&self.claims).map_err(|_| BadJws::Malformed)
    }

    /// Whether this key made the signature. No claim is looked at.
    pub fn is_signed_by(&self, key: &DecodingKey) -> bool {
        crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jws(header: &str, claims: &str) -> String {
        format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    fn read(header: &str) -> Result<Algorithm, BadJws> {
        Jws::read(&jws(header, "{}")).map(|jws| jws.algorithm)
    }

    #[test]
    fn both_names_of_ed25519_are_known_and_nothing_weak_is() {
        assert_eq!(read(r#"{"alg":"Ed25519"}"#), Ok(Algorithm::EdDSA));
        assert_eq!(read(r#"{"alg":"EdDSA"}"#), Ok(Algorithm::EdDSA));
        for alg in ["none", "None", "HS256", "HS512", "RS384", "ES512", "", "eddsa"] {
            assert_eq!(read(&format!(r#"{{"alg":"{alg}"}}"#)), Err(BadJws::Algorithm), "{alg}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        assert_eq!(read(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#), Err(BadJws::Critical));
        for header in ["", "[]", "{}", r#"{"alg":"ES256","alg":"ES256"}"#, r#"{"alg":1}"#, r#"{"alg":"ES256"} "x""#] {
            assert_eq!(read(header), Err(BadJws::Malformed), "{header}");
        }
        for text in ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.=", "e30=.e30.AA"] {
            assert!(Jws::read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_crash(text in "\\PC{0,40}|[A-Za-z0-9_.-]{0,200}") {
            let _ = Jws::read(&text);
        }
    }
}
