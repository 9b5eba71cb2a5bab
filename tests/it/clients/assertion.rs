//! `private_key_jwt`: clients that prove themselves by a signature (RFC 7523).

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::Engine as _;
use jsonwebtoken::{
    Algorithm::{self, ES256, EdDSA, HS256, PS256, RS256},
    EncodingKey, Header, encode,
    jwk::Jwk,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Answer, public, register, registered, settings};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, TestClient},
};

pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's own key.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    key: EncodingKey,
}

impl Key {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            EdDSA => EncodingKey::from_ed_der(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref()),
            ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            _ => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
                let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
                EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
            }
        };
        Self { algorithm, key }
    }

    pub(super) fn public(&self) -> Value {
        serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap()
    }

    pub(super) fn sign(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).unwrap()
    }
}

/// A client that signs, at a tenant.
struct Signer<'a> {
    app: &'a TestApp,
    tenant: &'a TestTenant,
    key: Key,
    id: String,
}

impl<'a> Signer<'a> {
    async fn register(app: &'a TestApp, tenant: &'a TestTenant, algorithm: Algorithm) -> Self {
        let key = Key::new(algorithm);
        let mut body = public();
        body["token_endpoint_auth_method"] = json!("private_key_jwt");
        body["redirect_uris"] = json!([CALLBACK]);
        body["jwks"] = json!({ "keys": [key.public()] });
        let answer = registered(app, tenant, &body).await;
        assert_eq!(answer.body["jwks"]["keys"].as_array().unwrap().len(), 1);
        assert!(answer.body.get("client_secret").is_none() && answer.body.get("client_secret_expires_at").is_none());
        let id = answer.text("client_id").to_owned();
        Self { app, tenant, key, id }
    }

    fn header(&self) -> Header {
        Header::new(self.key.algorithm)
    }

    /// Good claims, never the same twice.
    fn claims(&self) -> Value {
        let now = self.app.clock.unix();
        let jti = sallyport::secret::Entropy::system().text::<16>().unwrap();
        json!({ "iss": self.id, "sub": self.id, "aud": self.tenant.issuer, "iat": now, "exp": now + 60, "jti": jti.as_str() })
    }

    /// What comes of a revocation of nothing, which every client may ask for.
    async fn present(&self, assertion: &str) -> (u16, String) {
        let form = [("token", "nothing"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
        let request = self.app.http().post(format!("{}/revoke", self.tenant.issuer)).form(&form);
        let answer = Answer::of(request).await;
        (answer.status.as_u16(), answer.body["error"].as_str().unwrap_or_default().to_owned())
    }

    async fn claim(&self, claims: &Value) -> (u16, String) {
        self.present(&self.key.sign(&self.header(), claims)).await
    }
}

fn accepted() -> (u16, String) {
    (200, String::new())
}

fn refused() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[tokio::test]
async fn a_client_gets_and_renews_tokens_by_its_signature() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    for algorithm in [EdDSA, ES256, PS256, RS256] {
        let signer = Signer::register(&app, &tenant, algorithm).await;
        let flow = Flow::new(&app, &tenant);
        let client = TestClient { id: signer.id.clone(), secret: None, redirect_uri: CALLBACK.to_owned() };
        let code = flow.code(&client).await;
        let ask = async |form: &[(&str, &str)]| {
            let assertion = signer.key.sign(&signer.header(), &signer.claims());
            let mut form = form.to_vec();
            form.extend([("client_assertion_type", TYPE), ("client_assertion", &assertion)]);
            Answer::of(app.http().post(format!("{}/token", tenant.issuer)).form(&form)).await
        };
        let named_only = flow.redeem(&client, &code).await;
        assert_eq!(named_only.status(), 401, "a name alone is no proof");
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", &flow.verifier)];
        let first = ask(&form).await;
        assert_eq!(first.status, 200, "{algorithm:?} {}", first.body);
        assert!(flow.accepts(first.text("access_token")).await);
        let second = ask(&[("grant_type", "refresh_token"), ("refresh_token", first.text("refresh_token"))]).await;
        assert_eq!(second.status, 200, "{algorithm:?} {}", second.body);
    }
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let signer = Signer::register(&app, &tenant, EdDSA).await;
    let claims = signer.claims();
    assert_eq!(signer.claim(&claims).await, accepted());
    assert_eq!(signer.claim(&claims).await, refused());
    // Signed anew, it is still the same one.
    let mut later = claims.clone();
    later["exp"] = json!(claims["exp"].as_i64().unwrap() + 60);
    assert_eq!(signer.claim(&later).await, refused());

    let assertion = signer.key.sign(&signer.header(), &signer.claims());
    let mut tries = JoinSet::new();
    for _ in 0..16 {
        let form = [("token", "nothing"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
        let request = app.http().post(format!("{}/revoke", tenant.issuer)).form(&form);
        tries.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let mut answers = tries.join_all().await;
    answers.sort_unstable();
    let mut expected = vec![401; 16];
    expected[0] = 200;
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn what_an_assertion_claims_is_checked() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("globex").await);
    let signer = Signer::register(&app, &tenant, ES256).await;
    let now = app.clock.unix();
    let token_endpoint = format!("{}/token", tenant.issuer);
    for (claim, value, expected) in [
        ("aud", json!(token_endpoint), accepted()),
        ("aud", json!([tenant.issuer, token_endpoint]), accepted()),
        ("exp", json!(now - 20), accepted()),
        ("nbf", json!(now + 20), accepted()),
        ("iat", Value::Null, accepted()),
        ("aud", json!(other.issuer), refused()),
        ("aud", json!([tenant.issuer, other.issuer]), refused()),
        ("aud", json!([]), refused()),
        ("aud", json!(format!("{}/", tenant.issuer)), refused()),
        ("aud", json!(tenant.server.resource), refused()),
        ("exp", json!(now - 31), refused()),
        ("exp", json!(now + 601), refused()),
        ("exp", json!(i64::MAX), refused()),
        // 9999-12-31T23:59:59Z: there is no later time to add a leeway up to.
        ("exp", json!(253_402_300_799_i64), refused()),
        ("exp", json!("soon"), refused()),
        ("iat", json!(now + 60), refused()),
        ("nbf", json!(now + 60), refused()),
        ("jti", json!(""), refused()),
        ("jti", json!("x".repeat(513)), refused()),
        ("jti", Value::Null, refused()),
        ("iss", json!(tenant.issuer), refused()),
        ("sub", json!("c_somebody"), refused()),
        ("sub", json!("not a client id"), refused()),
    ] {
        let mut claims = signer.claims();
        claims[claim] = value.clone();
        assert_eq!(signer.claim(&claims).await, expected, "{claim} {value}");
    }
    let mut somebody = signer.claims();
    somebody["iss"] = json!("c_somebody");
    somebody["sub"] = json!("c_somebody");
    assert_eq!(signer.claim(&somebody).await, refused());

    settings(&app, &tenant, json!({ "assertion_audience": "issuer" })).await;
    let mut claims = signer.claims();
    assert_eq!(signer.claim(&claims).await, accepted());
    claims["jti"] = json!("another");
    claims["aud"] = json!(token_endpoint);
    assert_eq!(signer.claim(&claims).await, refused());
}

#[tokio::test]
async fn how_an_assertion_is_signed_is_checked() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let signer = Signer::register(&app, &tenant, EdDSA).await;
    let headers: [(fn(&mut Header), _); 7] = [
        (|header| header.typ = None, accepted()),
        (|header| header.typ = Some("client-authentication+jwt".to_owned()), accepted()),
        (|header| header.typ = Some("at+jwt".to_owned()), refused()),
        (|header| header.typ = Some("oauth-id-jag+jwt".to_owned()), refused()),
        (|header| header.typ = Some("token-introspection+jwt".to_owned()), refused()),
        (|header| header.crit = Some(vec!["exp".to_owned()]), refused()),
        (|header| header.kid = Some("unknown".to_owned()), refused()),
    ];
    for (change, expected) in headers {
        let mut header = signer.header();
        change(&mut header);
        assert_eq!(signer.present(&signer.key.sign(&header, &signer.claims())).await, expected, "{header:?}");
    }
    let stranger = Key::new(EdDSA);
    assert_eq!(signer.present(&stranger.sign(&signer.header(), &signer.claims())).await, refused());
    let other_kind = Key::new(ES256);
    assert_eq!(signer.present(&other_kind.sign(&Header::new(ES256), &signer.claims())).await, refused());
    // The public key as the secret of an HMAC.
    let public = signer.key.public()["x"].as_str().unwrap().to_owned();
    let forged = encode(&Header::new(HS256), &signer.claims(), &EncodingKey::from_secret(public.as_bytes())).unwrap();
    assert_eq!(signer.present(&forged).await, refused());
    let good = signer.key.sign(&signer.header(), &signer.claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    // {"alg":"none"}
    let none = format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').unwrap().1);
    for broken in [none.as_str(), signed, &format!("{signed}."), "", "a.b.c", &"x".repeat(10_000)] {
        let answer = signer.present(broken).await;
        assert!([400, 401].contains(&answer.0), "{answer:?} {broken}");
    }
    assert_eq!(signer.present(&good).await, accepted());
}

#[tokio::test]
async fn an_assertion_proves_nothing_of_a_client_of_another_kind_or_tenant() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("globex").await);
    let signer = Signer::register(&app, &tenant, EdDSA).await;
    let elsewhere = Signer { app: &app, tenant: &other, key: Key::new(EdDSA), id: signer.id.clone() };
    assert_eq!(elsewhere.present(&signer.key.sign(&signer.header(), &elsewhere.claims())).await, refused());

    let open = registered(&app, &tenant, &public()).await;
    let impostor = Signer { id: open.text("client_id").to_owned(), ..signer };
    assert_eq!(impostor.claim(&impostor.claims()).await, refused());
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_at_registration() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let mut body = public();
    body["token_endpoint_auth_method"] = json!("private_key_jwt");
    assert_eq!(register(&app, &tenant, &body).await.error(), (400, "invalid_client_metadata"));
    let good = Key::new(EdDSA).public();
    let mut private = good.clone();
    private["d"] = json!("AAAA");
    for keys in [json!([]), json!([{ "kty": "oct", "k": "AAAA" }]), json!([private]), json!("keys")] {
        body["jwks"] = json!({ "keys": keys });
        assert_eq!(register(&app, &tenant, &body).await.error(), (400, "invalid_client_metadata"), "{keys}");
    }
}
