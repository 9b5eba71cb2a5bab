//! An issuer of the tests: discovery, keys, and tokens with whatever is in them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::{Value, json};

use crate::harness::publisher::{Page, Publisher};

/// A key pair that signs.
pub(crate) struct Signer {
    pub(crate) kid: String,
    key: EncodingKey,
    algorithm: Algorithm,
    pub(crate) public: Value,
}

impl Signer {
    pub(crate) fn es256(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let point = pair.public_key_raw();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        Self {
            kid: kid.to_owned(),
            key: EncodingKey::from_ec_der(&pair.serialize_der()),
            algorithm: Algorithm::ES256,
            public: json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig" }),
        }
    }

    pub(crate) fn ed25519(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        Self {
            kid: kid.to_owned(),
            key: EncodingKey::from_ed_der(&pair.serialize_der()),
            algorithm: Algorithm::EdDSA,
            public: json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA" }),
        }
    }

    /// The header of a token.
    pub(crate) fn header(&self) -> Value {
        let alg = if self.algorithm == Algorithm::ES256 { "ES256" } else { "EdDSA" };
        json!({ "alg": alg, "kid": self.kid, "typ": "at+jwt" })
    }

    /// Signs texts as they are.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

pub(crate) struct Issuer {
    pub(crate) publisher: Publisher,
    /// `https://127.0.0.1:PORT/realms/a`
    pub(crate) name: String,
    pub(crate) signer: Signer,
}

pub(crate) const METADATA: &str = "/realms/a/.well-known/openid-configuration";
pub(crate) const JWKS: &str = "/realms/a/jwks";

impl Issuer {
    pub(crate) fn start() -> Self {
        let publisher = Publisher::start();
        let this = Self { name: publisher.url("/realms/a"), publisher, signer: Signer::es256("one") };
        this.publish_metadata(&json!({}));
        this.publish(&[&this.signer]);
        this
    }

    pub(crate) fn publish_metadata(&self, more: &Value) {
        let base = json!({ "issuer": self.name, "jwks_uri": self.publisher.url(JWKS) });
        self.publisher.put(METADATA, Page::Json(super::with(base, more)));
    }

    /// Publishes these keys, and no others.
    pub(crate) fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<_> = signers.iter().map(|signer| signer.public.clone()).collect();
        self.publisher.put(JWKS, Page::Json(json!({ "keys": keys })));
    }

    /// The claims of a good token for this resource.
    pub(crate) fn claims(&self, resource: &str, now: i64) -> Value {
        json!({
            "iss": self.name, "aud": resource, "sub": "user-1", "client_id": "app-1", "scope": "mcp:read mcp:write",
            "iat": now, "exp": now + 3600, "jti": "j-1",
        })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_by(&self.signer, &json!({}), claims)
    }

    /// Signed by somebody, with these members in the header beside the usual ones.
    pub(crate) fn token_by(&self, signer: &Signer, header: &Value, claims: &Value) -> String {
        signer.sign(&super::with(signer.header(), header).to_string(), &claims.to_string())
    }
}

/// The claims of a JWT, believed or not.
pub(crate) fn claims_of(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}
