//! Tokens that must not be accepted: each is refused, nothing reaches the upstream, and no row comes of it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Outside,
    issuer::{JWKS, METADATA, Signer},
};
use crate::gateway::world::BOTH;

const SIGNATURE: &str = "the token's signature fits no key of its issuer";
const HEADER: &str = "the token's algorithm or header is not accepted";
const UNTRUSTED: &str = "the token is of no issuer that this server trusts";

#[tokio::test]
async fn signatures_of_others_are_refused() {
    let outside = Outside::start().await;
    let (issuer, claims) = (&outside.issuer, outside.claims().to_string());
    let (stranger, ed) = (Signer::es256("one"), Signer::ed25519("one"));
    assert_eq!(outside.refused(&stranger.sign(&issuer.signer.header().to_string(), &claims)).await, SIGNATURE);
    // A key that is of another kind than the algorithm.
    assert_eq!(outside.refused(&ed.sign(&ed.header().to_string(), &claims)).await, SIGNATURE);
    // Keys that come with the token.
    for (name, value) in [
        ("jwk", stranger.public.clone()),
        ("jku", json!(issuer.publisher.url("/stranger"))),
        ("x5u", json!(issuer.publisher.url("/stranger"))),
        ("x5c", json!(["AAAA"])),
    ] {
        let header = super::with(issuer.signer.header(), &json!({ name: value }));
        assert_eq!(outside.refused(&stranger.sign(&header.to_string(), &claims)).await, SIGNATURE, "{name}");
    }
    assert_eq!(issuer.publisher.hits("/stranger"), 0);
    // Without a name of a key all keys are tried, and none is a stranger's.
    let nameless = super::with(issuer.signer.header(), &json!({ "kid": null }));
    assert_eq!(outside.refused(&stranger.sign(&nameless.to_string(), &claims)).await, SIGNATURE);
    // A good signature under other claims.
    let good = outside.token();
    let parts: Vec<_> = good.split('.').collect();
    let widened = outside.claims().to_string().replace("user-1", "user-2");
    let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(widened), parts[2]);
    assert_eq!(outside.refused(&forged).await, SIGNATURE);
    assert_eq!(outside.rows().await, (0, 0, 0));
    assert_eq!(outside.status(&issuer.signer.sign(&nameless.to_string(), &claims)).await, 200);
}

#[tokio::test]
async fn algorithms_that_nobody_allowed_are_refused() {
    let outside = Outside::trusting(&json!({ "algorithms": ["EdDSA"] })).await;
    assert_eq!(outside.refused(&outside.token()).await, HEADER, "its own key, but not allowed");
    assert_eq!(outside.issuer.publisher.hits(JWKS), 0, "nothing is fetched for it");
    let claims = URL_SAFE_NO_PAD.encode(outside.claims().to_string());
    for alg in ["none", "None", "NONE", "", "HS256", "HS512", "RS512", "ES384", "es256", "dir"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "kid": "one", "typ": "at+jwt" }).to_string());
        // By the public key as if it were a secret.
        let secret = outside.issuer.signer.public.to_string();
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let signed = format!("{header}.{claims}");
        let mac = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        assert_eq!(outside.refused(&format!("{signed}.{mac}")).await, HEADER, "{alg}");
    }
    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "kid": 1 }),
    ] {
        let jwt = outside.issuer.token_by(&Signer::ed25519("one"), &header, &outside.claims());
        assert_eq!(outside.refused(&jwt).await, HEADER, "{header}");
    }
    assert_eq!(outside.rows().await, (0, 0, 0));
}

#[tokio::test]
async fn what_is_no_strict_jwt_is_refused() {
    let outside = Outside::start().await;
    let signer = &outside.issuer.signer;
    let (header, claims) = (signer.header().to_string(), outside.claims().to_string());
    let twice = claims.replacen('{', &format!("{{\"aud\":\"{}\",", outside.world.server.resource), 1);
    let deep = super::with(outside.claims(), &json!({ "x": nested(40) })).to_string();
    for (header, claims) in [
        (header.as_str(), twice.as_str()),
        (&header, &deep),
        (&header, "[]"),
        (&header, "{}x"),
        (&header, ""),
        ("{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"one\",\"typ\":\"at+jwt\"}", &claims),
        ("[]", &claims),
    ] {
        let told = outside.refused(&signer.sign(header, claims)).await;
        assert!(told.contains("none of this server") || told.contains("strict form"), "{claims}: {told}");
    }
    // Not even in the shape of one.
    let good = outside.token();
    let huge = outside.token_with(&json!({ "x": "x".repeat(17_000) }));
    for jwt in [format!("{good}="), format!("{good}.AA"), good.replacen('.', "..", 1), huge] {
        assert_eq!(outside.refused(&jwt).await, "the token is none of this server");
    }
    let long = outside.token_with(&json!({ "groups": vec!["0b2c1e0a-4d0e-4a4b-9f57-3f7d0c0e8e11"; 200] }));
    assert_eq!(outside.status(&long).await, 200, "a long one is one");
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[tokio::test]
async fn times_that_are_not_now_are_refused() {
    let outside = Outside::start().await;
    let now = outside.world.app.clock.unix();
    for (claims, why) in [
        (json!({ "exp": now }), "expired"),
        (json!({ "exp": now - 1, "iat": now - 100 }), "expired"),
        (json!({ "iat": now + 31, "exp": now + 100 }), "not valid yet"),
        (json!({ "iat": i64::MAX, "exp": i64::MAX }), "claim"),
        (json!({ "nbf": now + 31 }), "not valid yet"),
        (json!({ "exp": now + 86_401 }), "longer"),
        (json!({ "exp": 1e30 }), "claim"),
        (json!({ "exp": "never" }), "claim"),
        (json!({ "exp": null }), "claim"),
        (json!({ "iat": null }), "claim"),
        (json!({ "nbf": "x" }), "claim"),
    ] {
        let told = outside.refused(&outside.token_with(&claims)).await;
        assert!(told.contains(why), "{claims}: {told}");
    }
    for good in [
        json!({ "iat": now + 30 }),
        json!({ "nbf": now + 30 }),
        json!({ "exp": now + 86_400 }),
        json!({ "exp": now as f64 + 1.5 }),
    ] {
        assert_eq!(outside.status(&outside.token_with(&good)).await, 200, "{good}");
    }
}

#[tokio::test]
async fn tokens_for_others_are_refused() {
    let outside = Outside::start().await;
    let (resource, name) = (outside.world.server.resource.clone(), outside.issuer.name.clone());
    for audience in [
        json!("https://other.example/mcp"),
        json!(format!("{resource}/")),
        json!(resource.to_uppercase()),
        json!(["https://other.example/mcp"]),
        json!([]),
        json!(""),
        json!(outside.world.tenant.issuer),
    ] {
        let told = outside.refused(&outside.token_with(&json!({ "aud": audience }))).await;
        assert_eq!(told, "the access token was issued for another resource", "{audience}");
    }
    for audience in [json!(null), json!(7), json!({ "a": resource }), json!([resource, 7])] {
        assert!(
            outside.refused(&outside.token_with(&json!({ "aud": audience }))).await.contains("claim"),
            "{audience}"
        );
    }
    for issuer in [
        format!("{name}/"),
        name.to_uppercase(),
        name.replace("https", "http"),
        "https://evil.example".to_owned(),
        String::new(),
    ] {
        assert_eq!(outside.refused(&outside.token_with(&json!({ "iss": issuer }))).await, UNTRUSTED, "{issuer}");
    }
    assert!(outside.refused(&outside.token_with(&json!({ "iss": null }))).await.contains("claim"));
    assert!(outside.refused(&outside.token_with(&json!({ "iss": [name] }))).await.contains("claim"));
    // Only what was said to be of a trusted issuer has had it asked, and once.
    assert_eq!((outside.issuer.publisher.hits(METADATA), outside.issuer.publisher.hits(JWKS)), (1, 1));
    assert_eq!(outside.rows().await, (0, 0, 0));
}

#[tokio::test]
async fn a_jwt_of_ours_never_comes_in_from_outside() {
    let outside = Outside::start().await;
    let token = outside.world.token(&BOTH).await;
    assert_eq!(outside.world.call(&token).send().await.unwrap().status(), 200);
    let inner = outside.world.upstream.last().jwt().to_owned();
    assert_eq!(outside.refused(&inner).await, UNTRUSTED);
    // Not even where somebody managed to write down that it should.
    let ours = json!({
        "issuer": outside.world.tenant.issuer, "audiences": [format!("{}#tools", outside.world.upstream.url)],
        "jwks_uri": outside.issuer.publisher.url("/ours"),
    });
    let jwks: Value = outside
        .world
        .http
        .get(format!("{}/jwks.json", outside.world.tenant.issuer))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    outside.issuer.publisher.put("/ours", crate::harness::publisher::Page::Json(jwks));
    outside.trust(&[ours, outside.settings(&json!({}))]).await;
    assert_eq!(outside.refused(&inner).await, UNTRUSTED);
    assert_eq!(outside.issuer.publisher.hits("/ours"), 0);
    // An issuer that says it is us.
    for iss in [&outside.world.tenant.issuer, &outside.world.app.base, &format!("{}/t/other", outside.world.app.base)] {
        assert_eq!(outside.refused(&outside.token_with(&json!({ "iss": iss }))).await, UNTRUSTED, "{iss}");
    }
    let (app, recorder) = (&outside.world.app.app, outside.world.app.recorder());
    app.lane.write(&app.store, &app.keyring, &recorder).await.unwrap();
    let counted = "select count(*) from audit_event where kind = 'bearer.refused' and body->>'reason' = 'inner'";
    assert_eq!(outside.count(counted).await, 1);
}

#[tokio::test]
async fn an_issuer_is_trusted_where_it_is_written_down_and_nowhere_else() {
    let outside = Outside::start().await;
    let app = &outside.world.app;
    let upstream = outside.world.upstream.url.clone();
    let neighbour = app.server(outside.world.tenant.id, "acme", "notes", &upstream).await;
    let other = app.tenant("other").await;
    let theirs = app.server(other.id, "other", "tools", &upstream).await;
    for resource in [&neighbour.resource, &theirs.resource] {
        for audience in [json!(resource), json!([resource, outside.world.server.resource])] {
            let jwt = outside.token_with(&json!({ "aud": audience }));
            let response = outside.world.http.post(resource).bearer_auth(&jwt).json(&json!({})).send().await.unwrap();
            assert_eq!(response.status(), 401, "{resource}");
        }
    }
    // Another tenant that trusts it has grants of its own.
    outside.trust_at(&other, &theirs, &[outside.settings(&json!({}))]).await;
    let jwt = outside.token_with(&json!({ "aud": [theirs.resource, outside.world.server.resource] }));
    assert_eq!(outside.status(&jwt).await, 200);
    let at = |resource: &str| {
        let call = outside.world.call(&super::as_token(&jwt)).build().unwrap();
        let (mut call, url) = (call, resource.parse().unwrap());
        *call.url_mut() = url;
        outside.world.http.execute(call)
    };
    assert_eq!(at(&theirs.resource).await.unwrap().status(), 200);
    assert_eq!(at(&neighbour.resource).await.unwrap().status(), 401);
    assert_eq!(outside.count("select count(distinct tenant) from access_grant where subject like 'issuer:%'").await, 2);
}

#[tokio::test]
async fn no_subject_of_outside_is_one_of_ours() {
    let outside = Outside::start().await;
    let person = format!("person:{}", outside.world.tenant.person.id);
    for subject in [person.as_str(), "client:web", "issuer:x:y", "a b", "\u{e4}", "https://sub.example/?a#b"] {
        assert_eq!(outside.status(&outside.token_with(&json!({ "sub": subject }))).await, 200, "{subject}");
        let seen = outside.upstream_claims()["sub"].as_str().unwrap().to_owned();
        assert!(seen.starts_with("issuer:") && seen.len() == 30 + subject.len(), "{seen}");
    }
    assert_eq!(outside.count("select count(*) from access_grant where person is not null").await, 0);
    for subject in [json!(""), json!("x".repeat(256)), json!("a\u{0}"), json!("a\nb"), json!(7), json!(null)] {
        assert!(outside.refused(&outside.token_with(&json!({ "sub": subject }))).await.contains("claim"), "{subject}");
    }
    for client in [json!(""), json!("x".repeat(256)), json!("a\u{7f}"), json!(["app-1"]), json!(null)] {
        assert!(
            outside.refused(&outside.token_with(&json!({ "client_id": client }))).await.contains("claim"),
            "{client}"
        );
    }
}

#[tokio::test]
async fn a_client_of_outside_is_no_client_here() {
    let outside = Outside::start().await;
    assert_eq!(outside.status(&outside.token()).await, 200);
    let client = outside.upstream_claims()["client_id"].as_str().unwrap().to_owned();
    let post = |endpoint: &str, form: &[(&str, &str)]| {
        let url = format!("{}/{endpoint}", outside.world.tenant.issuer);
        outside.world.http.post(url).form(&[form, &[("client_id", client.as_str())]].concat()).send()
    };
    for endpoint in ["token", "revoke", "device_authorization", "authorize"] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x"), ("scope", "mcp:read")];
        let response = post(endpoint, &form).await.unwrap();
        assert!([400, 401, 404].contains(&response.status().as_u16()), "{endpoint}: {}", response.status());
    }
    // Another of its tokens is unknown to `/revoke` of anybody, and works on.
    let flow = crate::harness::flow::Flow::new(&outside.world.app, &outside.world.tenant);
    let own = flow.client().await;
    let jwt = outside.token();
    assert_eq!(flow.client_post("revoke", &own, &[("token", &jwt)]).await.status(), 200);
    assert_eq!(outside.status(&jwt).await, 200);
}
