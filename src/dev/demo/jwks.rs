//! The issuer's key set (RFC 7517): fetched when needed, kept for a while, and asked for again when a new `kid` turns up.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::sync::{Mutex, RwLock};

use crate::clock::Clock;

/// After this long a cached set counts for nothing: a key that the issuer took out stops working here too.
const MAX_AGE: time::Duration = time::Duration::minutes(5);
/// Tokens with made-up key ids cause one request in this time, not one each.
const REFETCH_AFTER: time::Duration = time::Duration::seconds(5);
/// Limits on one fetch.
const FETCH_TIME: Duration = Duration::from_secs(3);
const FETCH_BYTES: usize = 64 * 1024;

/// Why there is no key. The first says something about the token, the rest about us and the issuer.
#[derive(Debug, thiserror::Error)]
pub(super) enum JwksError {
    #[error("the issuer's key set has no key of this id")]
    UnknownKey,
    #[error("the issuer's key set cannot be fetched")]
    Unreachable(#[from] reqwest::Error),
    #[error("the issuer answered {0} when asked for its key set")]
    Status(reqwest::StatusCode),
    #[error("the issuer's key set is larger than {FETCH_BYTES} bytes")]
    TooLarge,
    #[error("the issuer's key set is malformed")]
    Malformed(#[from] serde_json::Error),
    #[error("the issuer's key set has two keys of one id")]
    Ambiguous,
}

/// One public key and the only algorithm it may be used with (RFC 8725, section 3.1).
#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

struct KeySet {
    keys: HashMap<String, Key>,
    fetched_at: OffsetDateTime,
}

/// The key set of one issuer.
pub(super) struct Jwks {
    http: reqwest::Client,
    url: String,
    clock: Clock,
    cached: RwLock<Option<Arc<KeySet>>>,
    /// Held while fetching, so that many callers cause one request and readers never wait for it.
    fetching: Mutex<()>,
}

impl Jwks {
    /// A key set that nobody has asked for yet.
    pub(super) fn new(url: String, clock: Clock) -> io::Result<Self> {
        // reqwest panics where it finds no provider.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(io::Error::other("no rustls provider is installed: install one before the demo starts"));
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(FETCH_TIME)
            .no_proxy()
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { http, url, clock, cached: RwLock::default(), fetching: Mutex::default() })
    }

    /// The key of this id, from the cache or the issuer.
    pub(super) async fn key(&self, kid: &str) -> Result<Key, JwksError> {
        if let Some(known) = self.look_up(kid).await {
            return known;
        }
        let _one_at_a_time = self.fetching.lock().await;
        // Whoever held the lock before may have brought the key.
        if let Some(known) = self.look_up(kid).await {
            return known;
        }
        let set = Arc::new(self.fetch().await?);
        *self.cached.write().await = Some(Arc::clone(&set));
        set.keys.get(kid).cloned().ok_or(JwksError::UnknownKey)
    }

    /// What the cache can say by itself; `None` means that the issuer must be asked.
    async fn look_up(&self, kid: &str) -> Option<Result<Key, JwksError>> {
        let set = self.cached.read().await.clone()?;
        let age = self.clock.now() - set.fetched_at;
        // A negative age is a clock that was set back: ask again.
        if age.is_negative() || age >= MAX_AGE {
            return None;
        }
        match set.keys.get(kid) {
            Some(key) => Some(Ok(key.clone())),
            None if age < REFETCH_AFTER => Some(Err(JwksError::UnknownKey)),
            None => None,
        }
    }

    async fn fetch(&self) -> Result<KeySet, JwksError> {
        let fetched_at = self.clock.now();
        let mut response = self.http.get(&self.url).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(JwksError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > FETCH_BYTES {
                return Err(JwksError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(KeySet { keys: parse(&body)?, fetched_at })
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    kty: Option<String>,
    crv: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a key set. Keys of kinds that the demo does not take are passed over; RFC 7517, section 5, asks for that.
fn parse(body: &[u8]) -> Result<HashMap<String, Key>, JwksError> {
    let document: Document = serde_json::from_slice(body)?;
    let mut keys = HashMap::new();
    for jwk in document.keys {
        let Some(key) = jwk.key() else { continue };
        let Some(kid) = jwk.kid else { continue };
        if keys.insert(kid, key).is_some() {
            return Err(JwksError::Ambiguous);
        }
    }
    Ok(keys)
}

impl Jwk {
    fn key(&self) -> Option<Key> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let x = self.x.as_deref()?;
        let (algorithm, decoding) = match (self.alg.as_deref()?, self.kty.as_deref()?, self.crv.as_deref()?) {
            ("EdDSA", "OKP", "Ed25519") => (Algorithm::EdDSA, DecodingKey::from_ed_components(x)),
            ("ES256", "EC", "P-256") => (Algorithm::ES256, DecodingKey::from_ec_components(x, self.y.as_deref()?)),
            _ => return None,
        };
        Some(Key { algorithm, decoding: decoding.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(keys: serde_json::Value) -> Result<Vec<String>, JwksError> {
        let mut ids: Vec<_> = parse(json!({"keys": keys}).to_string().as_bytes())?.into_keys().collect();
        ids.sort();
        Ok(ids)
    }

    #[test]
    fn keys_of_other_kinds_or_without_an_algorithm_are_passed_over() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let found = ids(json!([
            {"kid": "good", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x, "use": "sig", "more": [1]},
            {"kid": "no-alg", "kty": "OKP", "crv": "Ed25519", "x": x},
            {"kid": "crossed", "kty": "OKP", "crv": "Ed25519", "alg": "ES256", "x": x, "y": x},
            {"kid": "encryption", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x, "use": "enc"},
            {"kid": "symmetric", "kty": "oct", "alg": "HS256", "k": x},
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x},
        ]));
        assert_eq!(found.unwrap(), ["good"]);
    }

    #[test]
    fn two_keys_of_one_id_are_refused() {
        let key = json!({"kid": "one", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert!(matches!(ids(json!([key, key])), Err(JwksError::Ambiguous)));
    }
}
