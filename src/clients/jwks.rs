//! The public keys of a client (RFC 7517), out of its registration.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Algorithms that clients may sign with. Asymmetric ones only, and none that rests on PKCS #1 v1.5 but RS256, which
/// everybody has.
pub const ALGORITHMS: [Algorithm; 4] = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::PS256, Algorithm::RS256];
/// Another name for EdDSA with that curve (RFC 9864).
const ED25519: &str = "Ed25519";
/// Keys that one client may have.
const MAX_KEYS: usize = 16;
/// RSA keys are of 2048 to 8192 bits: shorter ones are weak, and longer ones are work.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Public keys that a client may sign with. What it does not sign with is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientKeys(JwkSet);

/// Why a key set is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// Not an object with a list of keys.
    #[error("is not a JSON Web Key Set: an object with a list \"keys\"")]
    Shape,
    /// Too many.
    #[error("has more keys than anybody needs (a client may have 16)")]
    TooMany,
    /// A key that nobody else may know.
    #[error("holds a private or symmetric key: publish public keys only, and replace this one")]
    Secret,
    /// Two keys with one name.
    #[error("has two keys with the same kid")]
    Twice,
    /// None of them can be used.
    #[error("has no key for signatures with EdDSA (Ed25519), ES256, PS256 or RS256 (2048 to 8192 bits)")]
    Useless,
}

// === impl ClientKeys ===

impl ClientKeys {
    /// Reads a key set from outside.
    ///
    /// # Errors
    /// [`BadKeys`], in words that fit behind the name of the member.
    pub fn read(value: &Value) -> Result<Self, BadKeys> {
        Self::read_at_most(value, MAX_KEYS)
    }

    /// The same for a set of at most so many keys.
    pub(crate) fn read_at_most(value: &Value, most: usize) -> Result<Self, BadKeys> {
        let keys = value.get("keys").and_then(Value::as_array).ok_or(BadKeys::Shape)?;
        if keys.len() > most {
            return Err(BadKeys::TooMany);
        }
        // Kinds of keys that are not known here may have any members.
        let secret = |key: &Value| key.get("d").is_some() || key.get("kty").is_some_and(|kty| kty == "oct");
        if keys.iter().any(secret) {
            return Err(BadKeys::Secret);
        }
        let keys: Vec<Jwk> = keys.iter().filter_map(jwk).filter(|key| !algorithms(key).is_empty()).collect();
        if keys.is_empty() {
            return Err(BadKeys::Useless);
        }
        let names: Vec<&str> = keys.iter().filter_map(|key| key.common.key_id.as_deref()).collect();
        if names.iter().enumerate().any(|(at, name)| names.iter().skip(at + 1).any(|other| other == name)) {
            return Err(BadKeys::Twice);
        }
        Ok(Self(JwkSet { keys }))
    }

    /// The keys that a signature with this algorithm and key id may have been made with: the one of that id, or all where
    /// none is named.
    pub fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = DecodingKey> {
        self.0
            .keys
            .iter()
            .filter(move |key| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid)))
            .filter(move |key| algorithms(key).contains(&algorithm))
            .filter_map(|key| DecodingKey::from_jwk(key).ok())
    }

    /// Whether a key has this id. Without an id, any key may be meant.
    pub fn names(&self, kid: Option<&str>) -> bool {
        kid.is_none() || self.0.keys.iter().any(|key| key.common.key_id.as_deref() == kid)
    }

    /// The key set as JSON, the same for the same keys: for digests.
    pub fn canonical(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// A key, if it is one. RFC 9864 has another name for EdDSA with this curve.
fn jwk(key: &Value) -> Option<Jwk> {
    let mut key = key.clone();
    if let Some(named) = key.get_mut("alg").filter(|named| *named == ED25519) {
        *named = name(Algorithm::EdDSA).into();
    }
    Jwk::deserialize(&key).ok()
}

/// What signatures can be made with this key, by its type and by what it says it is for.
fn algorithms(key: &Jwk) -> Vec<Algorithm> {
    let common = &key.common;
    let for_encryption = matches!(&common.public_key_use, Some(purpose) if *purpose != PublicKeyUse::Signature);
    let never_verifies =
        common.key_operations.as_ref().is_some_and(|operations| !operations.contains(&KeyOperations::Verify));
    if for_encryption || never_verifies || DecodingKey::from_jwk(key).is_err() {
        return Vec::new();
    }
    let by_type: &[Algorithm] = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::RSA(rsa) if RSA_BYTES.contains(&bytes(&rsa.n)) => &[Algorithm::PS256, Algorithm::RS256],
        _ => &[],
    };
    let named = common.key_algorithm.map(|named| named.to_string());
    by_type.iter().copied().filter(|algorithm| named.as_ref().is_none_or(|named| *named == name(*algorithm))).collect()
}

/// The name of an algorithm on the wire (RFC 7518 §3.1).
pub fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDSA => "EdDSA",
        Algorithm::ES256 => "ES256",
        Algorithm::PS256 => "PS256",
        Algorithm::RS256 => "RS256",
        _ => "",
    }
}

/// The algorithm that a name on the wire means, if it is one of [`ALGORITHMS`].
pub fn algorithm(named: &str) -> Option<Algorithm> {
    if named == ED25519 {
        return Some(Algorithm::EdDSA);
    }
    ALGORITHMS.into_iter().find(|algorithm| name(*algorithm) == named)
}

/// The names of [`ALGORITHMS`] for metadata documents, with both of Ed25519.
pub fn names() -> Vec<&'static str> {
    std::iter::once(ED25519).chain(ALGORITHMS.into_iter().map(name)).collect()
}

/// How many bytes base64url without padding stands for.
fn bytes(text: &str) -> usize {
    text.len() * 3 / 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ed(kid: &str) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED, "kid": kid })
    }

    fn read(keys: &[Value]) -> Result<ClientKeys, BadKeys> {
        ClientKeys::read(&json!({ "keys": keys }))
    }

    #[test]
    fn keys_are_found_by_algorithm_and_name() {
        let keys = read(&[ed("a"), ed("b"), json!({ "kty": "unheard-of" })]).unwrap();
        let found = |algorithm, kid| keys.candidates(algorithm, kid).count();
        assert_eq!(found(Algorithm::EdDSA, Some("a")), 1);
        assert_eq!(found(Algorithm::EdDSA, None), 2);
        assert_eq!(found(Algorithm::EdDSA, Some("c")), 0);
        assert_eq!(found(Algorithm::ES256, None), 0);
    }

    #[test]
    fn what_is_not_for_signatures_is_left_out_and_what_is_secret_refused() {
        let with = |name: &str, value: Value| {
            let mut key = ed("a");
            key[name] = value;
            read(&[key])
        };
        assert!(with("use", json!("sig")).is_ok() && with("alg", json!("EdDSA")).is_ok());
        assert!(with("alg", json!("Ed25519")).is_ok());
        assert!(with("key_ops", json!(["verify"])).is_ok());
        for (name, value) in
            [("use", json!("enc")), ("alg", json!("ES256")), ("key_ops", json!(["sign"])), ("x", json!("!"))]
        {
            assert_eq!(with(name, value), Err(BadKeys::Useless), "{name}");
        }
        assert_eq!(with("d", json!("AA")), Err(BadKeys::Secret));
        assert_eq!(read(&[json!({ "kty": "oct", "k": "AA" })]), Err(BadKeys::Secret));
        assert_eq!(read(&[ed("a"), ed("a")]), Err(BadKeys::Twice));
        assert_eq!(read(&[]), Err(BadKeys::Useless));
        assert_eq!(read(&vec![ed("a"); 17]), Err(BadKeys::TooMany));
        assert_eq!(ClientKeys::read(&json!([])), Err(BadKeys::Shape));
        let rsa = |bytes: usize| {
            let n = "A".repeat(bytes * 4 / 3 + 1);
            read(&[json!({ "kty": "RSA", "e": "AQAB", "n": n })])
        };
        assert_eq!(rsa(128), Err(BadKeys::Useless));
        assert_eq!(rsa(2048), Err(BadKeys::Useless));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = ClientKeys::read(&value);
            }
        }
    }
}
