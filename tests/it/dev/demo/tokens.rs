//! Who may not come in.

use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use sallyport::secret::{Entropy, Handle, HandleKind};
use serde_json::{Value, json};

use super::{
    World,
    issuer::{SigningKey, assemble},
};

impl World {
    /// Sends a token and demands the answer for a bad one.
    async fn refuses(&self, what: &str, token: &str) {
        let response = self.upstream.whoami(token).await;
        assert_eq!(response.status(), 401, "{what}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        self.key.token(&changed(self.key.header(), name, value), &self.claims("ann"))
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        self.key.token(&self.key.header(), &changed(self.claims("ann"), name, value))
    }
}

/// A JSON object with one member set, or taken out where the value is null.
fn changed(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    object
}

#[tokio::test]
async fn tokens_of_both_algorithms_are_accepted() {
    for key in [SigningKey::ed25519("one"), SigningKey::p256("one")] {
        let world = World::with_key(key).await;
        assert_eq!(world.status(&world.token("ann")).await, 200);
        assert_eq!(world.status(&world.with_claim("aud", json!([world.upstream.url]))).await, 200);
        assert_eq!(world.status(&world.with_claim("scope", Value::Null)).await, 200);
        assert_eq!(world.status(&world.with_header("typ", json!("application/at+jwt"))).await, 200);
    }
}

#[tokio::test]
async fn a_wrong_header_is_refused() {
    let world = World::start().await;
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", Value::Null),
        ("kid", json!("unknown")),
        ("kid", Value::Null),
        ("alg", json!("ES256")),
        ("alg", json!("RS256")),
        ("alg", json!("none")),
        ("alg", Value::Null),
        ("crit", json!(["b64"])),
    ] {
        world.refuses(&format!("{name} = {value}"), &world.with_header(name, value.clone())).await;
    }
    assert_eq!(world.status(&world.token("ann")).await, 200);
}

#[tokio::test]
async fn a_wrong_claim_is_refused() {
    let world = World::start().await;
    let now = world.clock.unix();
    for (name, value) in [
        ("iss", json!("http://other.example/t/demo")),
        ("iss", json!(format!("{}/", world.issuer.url))),
        ("iss", json!([world.issuer.url])),
        ("aud", json!("http://127.0.0.1:1/mcp")),
        ("aud", json!(format!("{}/", world.upstream.url))),
        ("aud", json!([world.upstream.url, "http://127.0.0.1:1/mcp"])),
        ("aud", json!([world.upstream.url, world.upstream.url])),
        ("aud", json!([])),
        ("exp", json!(now - 5)),
        ("exp", json!((now + 60).to_string())),
        ("iat", json!(now + 6)),
        ("nbf", json!(now + 6)),
        ("sub", json!("")),
        ("client_id", json!("")),
        ("jti", json!("")),
        ("jti", json!(7)),
    ] {
        world.refuses(&format!("{name} = {value}"), &world.with_claim(name, value.clone())).await;
    }
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        world.refuses(&format!("no {name}"), &world.with_claim(name, Value::Null)).await;
    }
    // Clocks may be a few seconds apart.
    for (name, value) in [("exp", now - 4), ("iat", now + 5), ("nbf", now + 5)] {
        assert_eq!(world.status(&world.with_claim(name, json!(value))).await, 200, "{name}");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let world = World::start().await;
    let token = world.token("ann");
    world.clock.advance(std::time::Duration::from_secs(64));
    assert_eq!(world.status(&token).await, 200);
    world.clock.advance(std::time::Duration::from_secs(1));
    world.refuses("expired", &token).await;
}

#[tokio::test]
async fn a_forged_signature_is_refused() {
    let world = World::with_key(SigningKey::p256("first")).await;
    let claims = world.claims("ann");
    let header = |algorithm: &str| changed(world.key.header(), "alg", json!(algorithm));

    world.refuses("no signature", &assemble(&header("none"), &claims, |_| String::new())).await;
    world.refuses("empty signature", &assemble(&header("ES256"), &claims, |_| String::new())).await;
    // The public key taken for an HMAC secret, the classic of RFC 8725, section 2.1.
    let hmac = |message: &[u8]| sign(message, &EncodingKey::from_secret(&world.key.public), Algorithm::HS256).unwrap();
    world.refuses("HS256", &assemble(&header("HS256"), &claims, hmac)).await;
    world.refuses("another key under the same id", &SigningKey::p256("first").token(&header("ES256"), &claims)).await;
    world
        .refuses("another algorithm under the same id", &SigningKey::ed25519("first").token(&header("EdDSA"), &claims))
        .await;

    let good = world.token("ann");
    let (_, signature) = good.rsplit_once('.').unwrap();
    let other = assemble(&header("ES256"), &world.claims("bob"), |_| signature.to_owned());
    world.refuses("the signature of another token", &other).await;
    assert_eq!(world.status(&good).await, 200);
}

#[tokio::test]
async fn a_malformed_authorization_is_refused() {
    let world = World::start().await;
    let good = world.token("ann");
    let send = async |values: &[&str]| {
        let mut request = world.upstream.modern("tools/list", json!({}));
        for value in values {
            request = request.header("authorization", *value);
        }
        let response = request.send().await.unwrap();
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge)
    };
    let bearer = format!("bearer {good}");
    assert_eq!(send(&[&bearer]).await, (200, None));
    // No attempt, no error code (RFC 6750, section 3.1).
    assert_eq!(send(&[]).await, (401, Some("Bearer".to_owned())));
    let cut = good.rsplit_once('.').unwrap().0;
    for values in [
        &[bearer.as_str(), bearer.as_str()][..],
        &[good.as_str()],
        &["Basic YTpi"],
        &["Bearer "],
        &["Bearer x"],
        &[cut],
        &[""],
    ] {
        let (status, challenge) = send(values).await;
        assert_eq!(status, 401, "{values:?}");
        assert!(challenge.unwrap().starts_with("Bearer error=\"invalid_token\""), "{values:?}");
    }
}

#[tokio::test]
async fn a_request_that_bears_a_clients_own_token_is_refused() {
    let world = World::start().await;
    let handle = Handle::generate(HandleKind::AccessToken, &Entropy::system()).unwrap();
    let handle = handle.expose();
    world.refuses("as the token", handle).await;

    let good = world.token("ann");
    let list = || world.upstream.modern("tools/list", json!({})).bearer_auth(&good);
    assert_eq!(list().send().await.unwrap().status(), 200);
    for (name, value) in [("cookie", format!("a={handle}")), ("x-forwarded-authorization", format!("Bearer {handle}"))]
    {
        assert_eq!(list().header(name, value).send().await.unwrap().status(), 401, "{name}");
    }
    let mut in_the_address = list().build().unwrap();
    in_the_address.url_mut().set_query(Some(&format!("access_token={handle}")));
    assert_eq!(world.upstream.http.execute(in_the_address).await.unwrap().status(), 401);
}

#[tokio::test]
async fn only_loopback_names_are_answered() {
    let world = World::start().await;
    let list = |host: &str| {
        world.upstream.modern("tools/list", json!({})).header("host", host).bearer_auth(world.token("ann"))
    };
    assert_eq!(list("localhost:8080").send().await.unwrap().status(), 200);
    assert_eq!(list("rebound.example").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn every_method_and_path_needs_a_token() {
    let world = World::start().await;
    for method in ["GET", "POST", "DELETE", "OPTIONS", "PUT"] {
        for path in ["", "/", "/../", "?x"] {
            let request = world.upstream.http.request(method.parse().unwrap(), format!("{}{path}", world.upstream.url));
            assert_eq!(request.send().await.unwrap().status(), 401, "{method} {path}");
        }
    }
}
