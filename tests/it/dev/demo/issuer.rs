//! A tiny issuer: keys, tokens, and a key set that tests can change and watch.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A private key with the JWK of its public half.
pub(super) struct SigningKey {
    algorithm: Algorithm,
    encoding: EncodingKey,
    /// The public key as raw bytes.
    pub(super) public: Vec<u8>,
    pub(super) jwk: Value,
}

impl SigningKey {
    pub(super) fn ed25519(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let jwk =
            json!({"kid": kid, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": base64(&public)});
        Self { algorithm: Algorithm::EdDSA, encoding: EncodingKey::from_ed_der(document.as_ref()), public, jwk }
    }

    pub(super) fn p256(kid: &str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let (x, y) = public[1..].split_at(32);
        let jwk = json!({"kid": kid, "kty": "EC", "crv": "P-256", "alg": "ES256", "x": base64(x), "y": base64(y)});
        Self { algorithm: Algorithm::ES256, encoding: EncodingKey::from_ec_der(document.as_ref()), public, jwk }
    }

    /// The header of a good token.
    pub(super) fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": self.jwk["alg"], "kid": self.jwk["kid"]})
    }

    /// Signs exactly this header and these claims with this key, whatever they say.
    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        assemble(header, claims, |message| sign(message, &self.encoding, self.algorithm).unwrap())
    }
}

/// A token with any signature.
pub(super) fn assemble(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> String) -> String {
    let message = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = sign(message.as_bytes());
    format!("{message}.{signature}")
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Clone)]
enum Answer {
    Set(String),
    Status(StatusCode),
    Redirect(String),
}

#[derive(Clone)]
struct Shared {
    answer: Arc<Mutex<Answer>>,
    hits: Arc<AtomicUsize>,
}

/// Serves `/jwks.json`, until the test ends.
pub(super) struct Issuer {
    pub(super) url: String,
    shared: Shared,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(Answer::Set(json!({"keys": []}).to_string())));
        let shared = Shared { answer, hits: Arc::default() };
        let app = Router::new().route("/jwks.json", get(jwks)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    pub(super) fn jwks_url(&self) -> String {
        format!("{}/jwks.json", self.url)
    }

    /// Replaces the key set.
    pub(super) fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
        self.answer(Answer::Set(json!({"keys": keys}).to_string()));
    }

    /// Serves this text instead of a key set.
    pub(super) fn publish_text(&self, text: String) {
        self.answer(Answer::Set(text));
    }

    /// Answers with this status instead of a key set.
    pub(super) fn fail_with(&self, status: StatusCode) {
        self.answer(Answer::Status(status));
    }

    /// Redirects to another address instead of serving a key set.
    pub(super) fn redirect_to(&self, url: String) {
        self.answer(Answer::Redirect(url));
    }

    /// How often the key set was asked for.
    pub(super) fn hits(&self) -> usize {
        self.shared.hits.load(Ordering::SeqCst)
    }

    fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }
}

async fn jwks(State(shared): State<Shared>) -> Response {
    shared.hits.fetch_add(1, Ordering::SeqCst);
    let answer = shared.answer.lock().unwrap().clone();
    match answer {
        Answer::Set(text) => text.into_response(),
        Answer::Status(status) => status.into_response(),
        Answer::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
    }
}
