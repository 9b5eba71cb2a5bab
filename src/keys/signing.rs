//! Signing keys of a tenant: made here, sealed in the database, and the JWS they make.
//!
//! What the key set publishes is computed from the sealed private halves: a public key that somebody wrote into the
//! database is published by nobody.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Keyring, Sealed};
use crate::{
    ids::TenantId,
    secret::{Entropy, NoEntropy},
};

/// Algorithms that Sallyport signs with. No RSA: the one Rust implementation at hand has a timing leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// Ed25519, RFC 8037.
    EdDSA,
    /// ECDSA with P-256, RFC 7518.
    ES256,
}

impl SigningAlg {
    /// The name in a JWS header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::EdDSA, Self::ES256].into_iter().find(|alg| alg.name() == text)
    }
}

/// A public key as RFC 7517 writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    y: Option<String>,
    /// Key id.
    pub kid: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
}

/// Why nothing was signed. Always a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The key does not open, or is no key.
    #[error("signing key \"{0}\" does not open with the key file in use")]
    Sealed(String),
    /// The tenant has no active key of that algorithm.
    #[error("the tenant has no active {0} signing key")]
    NoKey(&'static str),
    /// The library refused.
    #[error("signing failed")]
    Failed,
}

/// A JWS in compact form. Goes to one upstream; printed nowhere.
#[derive(Clone)]
pub struct Jwt(Arc<str>);

impl Jwt {
    /// The compact form.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Where a signing key is in its life. Retired ones are gone: their private halves are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningState {
    /// Published, so that upstreams know it when it begins to sign.
    Next,
    /// Signs.
    Active,
    /// Does not sign any more, and is published while what it signed can live.
    Published,
    /// Gone.
    Retired,
}

impl SigningState {
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }

    /// Reads the word in the database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Published, Self::Retired].into_iter().find(|state| state.name() == text)
    }
}

/// A signing key as the store keeps it.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Key id, also in the JWS header.
    pub kid: String,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// PKCS#8, sealed under the key-encryption key at a place made of tenant and kid.
    pub sealed: Sealed,
    /// Where it is in its life.
    pub state: SigningState,
}

impl SigningKey {
    /// A fresh key, sealed for `tenant`, and its public half.
    pub fn generate(
        alg: SigningAlg,
        tenant: TenantId,
        keyring: &Keyring,
        entropy: &Entropy,
    ) -> Result<(Self, Jwk), SigningError> {
        let pkcs8 = Zeroizing::new(match alg {
            SigningAlg::EdDSA => {
                let pair = Ed25519KeyPair::generate().map_err(|_| SigningError::Failed)?;
                pair.to_pkcs8().map_err(|_| SigningError::Failed)?.as_ref().to_vec()
            }
            SigningAlg::ES256 => {
                let pair =
                    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SigningError::Failed)?;
                pair.to_pkcs8v1().map_err(|_| SigningError::Failed)?.as_ref().to_vec()
            }
        });
        let kid = entropy.text::<12>()?;
        let sealed = keyring.seal(&place(tenant, &kid), &pkcs8, entropy)?;
        let public = Jwk::of(alg, &kid, &pkcs8).ok_or(SigningError::Failed)?;
        Ok((Self { kid, alg, sealed, state: SigningState::Active }, public))
    }

    /// The same key, sealed under the key-encryption key in use.
    pub fn sealed_anew(&self, tenant: TenantId, keyring: &Keyring, entropy: &Entropy) -> Result<Sealed, SigningError> {
        Ok(keyring.seal(&place(tenant, &self.kid), &self.open(tenant, keyring)?, entropy)?)
    }

    fn open(&self, tenant: TenantId, keyring: &Keyring) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let Self { kid, sealed, .. } = self;
        keyring.open(&sealed.kek_id, &place(tenant, kid), &sealed.bytes).map_err(|_| SigningError::Sealed(kid.clone()))
    }
}

impl Jwk {
    /// The public half of a private key in PKCS#8.
    fn of(alg: SigningAlg, kid: &str, pkcs8: &[u8]) -> Option<Self> {
        let (kty, crv, x, y) = match alg {
            SigningAlg::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
                ("OKP", "Ed25519", URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()), None)
            }
            SigningAlg::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
                // An uncompressed point: 0x04, x, y (SEC 1, 2.3.3).
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                ("EC", "P-256", URL_SAFE_NO_PAD.encode(x), Some(URL_SAFE_NO_PAD.encode(y)))
            }
        };
        let (alg, usage) = (alg.name().into(), "sig".into());
        Some(Self { kty: kty.into(), crv: crv.into(), x, y, kid: kid.to_owned(), alg, usage })
    }
}

fn place(tenant: TenantId, kid: &str) -> Vec<u8> {
    format!("signing_key/{tenant}/{kid}").into_bytes()
}

/// A tenant's signing keys, opened: what signs, and what the JWKS shows.
pub struct SigningKeys {
    active: Vec<(SigningAlg, String, EncodingKey)>,
    published: Vec<Jwk>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys").field("published", &self.published).finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// Opens the stored keys of `tenant`. All of them: what does not open is not published either.
    pub fn open(keys: Vec<SigningKey>, tenant: TenantId, keyring: &Keyring) -> Result<Self, SigningError> {
        let (mut active, mut published) = (Vec::new(), Vec::new());
        for key in keys {
            let pkcs8 = key.open(tenant, keyring)?;
            published.push(Jwk::of(key.alg, &key.kid, &pkcs8).ok_or_else(|| SigningError::Sealed(key.kid.clone()))?);
            if key.state == SigningState::Active {
                let encoding = match key.alg {
                    SigningAlg::EdDSA => EncodingKey::from_ed_der(&pkcs8),
                    SigningAlg::ES256 => EncodingKey::from_ec_der(&pkcs8),
                };
                active.push((key.alg, key.kid, encoding));
            }
        }
        Ok(Self { active, published })
    }

    /// The public keys, for the JWKS.
    pub fn published(&self) -> &[Jwk] {
        &self.published
    }

    /// The id of the key that signs `alg` now.
    pub fn active_kid(&self, alg: SigningAlg) -> Option<&str> {
        self.active.iter().find(|(own, _, _)| *own == alg).map(|(_, kid, _)| kid.as_str())
    }

    /// Signs `claims` with header `typ` (`at+jwt` for RFC 9068 access tokens).
    pub fn sign<C: Serialize>(&self, alg: SigningAlg, typ: &str, claims: &C) -> Result<Jwt, SigningError> {
        let (_, kid, key) =
            self.active.iter().find(|(own, _, _)| *own == alg).ok_or(SigningError::NoKey(alg.name()))?;
        let mut header = Header::new(match alg {
            SigningAlg::EdDSA => Algorithm::EdDSA,
            SigningAlg::ES256 => Algorithm::ES256,
        });
        header.typ = Some(typ.to_owned());
        header.kid = Some(kid.clone());
        let text = jsonwebtoken::encode(&header, claims, key).map_err(|_| SigningError::Failed)?;
        Ok(Jwt(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode, jwk};
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::generate_key_file;

    #[test]
    fn both_algorithms_sign_what_their_jwk_verifies() {
        let entropy = Entropy::system();
        let keyring = Keyring::parse(&generate_key_file(&entropy).unwrap()).unwrap();
        let tenant = TenantId(uuid::Uuid::from_u128(7));
        let other = TenantId(uuid::Uuid::from_u128(8));
        for alg in [SigningAlg::EdDSA, SigningAlg::ES256] {
            let (key, made) = SigningKey::generate(alg, tenant, &keyring, &entropy).unwrap();
            assert!(SigningKeys::open(vec![key.clone()], other, &keyring).is_err());
            let renamed = SigningKey { kid: "another".to_owned(), ..key.clone() };
            assert!(SigningKeys::open(vec![renamed], tenant, &keyring).is_err());
            let keys = SigningKeys::open(vec![key], tenant, &keyring).unwrap();
            assert_eq!(keys.published(), [made]);
            let jwt = keys.sign(alg, "at+jwt", &json!({"aud": "a", "exp": 4_000_000_000_u64})).unwrap();
            let public: jwk::Jwk = serde_json::from_value(serde_json::to_value(&keys.published()[0]).unwrap()).unwrap();
            let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
            validation.algorithms = vec![alg.name().parse().unwrap()];
            validation.set_audience(&["a"]);
            let data = decode::<Value>(jwt.expose(), &DecodingKey::from_jwk(&public).unwrap(), &validation).unwrap();
            assert_eq!(data.header.typ.as_deref(), Some("at+jwt"));
            assert_eq!(data.header.kid.as_deref(), keys.active_kid(alg));
        }
    }
}
