//! What the upstream gets instead of the client's token.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};

use super::{
    upstream::Reply,
    world::{BOTH, World, error},
};

/// Verifies a JWT by the tenant's published keys, as an upstream would; gives header and claims.
async fn verified(world: &World, jwt: &str, audience: &str) -> (jsonwebtoken::Header, Value) {
    let jwks = world.http.get(format!("{}/jwks.json", world.tenant.issuer)).send().await.unwrap();
    verified_by(&jwks.json().await.unwrap(), &world.tenant.issuer, jwt, audience)
}

/// The same by keys that are known already.
pub(crate) fn verified_by(keys: &JwkSet, issuer: &str, jwt: &str, audience: &str) -> (jsonwebtoken::Header, Value) {
    let header = decode_header(jwt).unwrap();
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_ref().unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[issuer]);
    // The world's clock stands still; the test compares times itself.
    validation.validate_exp = false;
    let claims = decode::<Value>(jwt, &key, &validation).unwrap().claims;
    (header, claims)
}

fn audience(world: &World) -> String {
    format!("{}#tools", world.upstream.url)
}

#[tokio::test]
async fn the_upstream_gets_a_jwt_of_its_own() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.call(&token).send().await.unwrap();
    let (header, claims) = verified(&world, world.upstream.last().jwt(), &audience(&world)).await;
    let now = world.app.clock.unix();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(header.alg, jsonwebtoken::Algorithm::EdDSA);
    assert_eq!(claims["sub"], format!("person:{}", world.tenant.person.id));
    assert_eq!(claims["scope"], "mcp:read mcp:write");
    assert!(claims["client_id"].as_str().unwrap().starts_with("c_"));
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 60)));
    assert_eq!(claims["tenant"], "acme");
    assert!(claims["jti"].as_str().unwrap().len() >= 16);
}

#[tokio::test]
async fn a_server_can_ask_for_es256() {
    let world = World::start().await;
    world.change("update server set signing_alg = 'ES256'").await;
    let token = world.token(&BOTH).await;
    world.call(&token).send().await.unwrap();
    let (header, _) = verified(&world, world.upstream.last().jwt(), &audience(&world)).await;
    assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
}

#[tokio::test]
async fn with_a_warm_cache_nothing_is_signed_until_little_is_left() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let jwt = async || {
        assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
        world.upstream.last().jwt().to_owned()
    };
    let first = jwt().await;
    world.app.clock.advance(Duration::from_secs(45));
    assert_eq!(jwt().await, first);
    world.app.clock.advance(Duration::from_secs(1));
    let second = jwt().await;
    assert_ne!(second, first);
    assert_eq!(jwt().await, second);
    let (_, claims) = verified(&world, &second, &audience(&world)).await;
    assert_eq!(claims["exp"].as_i64(), Some(world.app.clock.unix() + 60));
}

#[tokio::test]
async fn the_jwt_lives_as_long_as_the_setting_says() {
    let world = World::start_with(|config| config.tokens.inner_jwt = Duration::from_secs(20)).await;
    let token = world.token(&BOTH).await;
    world.call(&token).send().await.unwrap();
    let first = world.upstream.last().jwt().to_owned();
    let (_, claims) = verified(&world, &first, &audience(&world)).await;
    assert_eq!(claims["exp"].as_i64(), Some(world.app.clock.unix() + 20));
    world.app.clock.advance(Duration::from_secs(16));
    world.call(&token).send().await.unwrap();
    assert_ne!(world.upstream.last().jwt(), first, "a quarter of its life is the last that it is used");
}

#[tokio::test]
async fn the_jwt_never_outlives_the_access_token() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let end = world.app.clock.unix() + 3600;
    let jwt = async || {
        assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
        world.upstream.last().jwt().to_owned()
    };
    world.app.clock.advance(Duration::from_secs(3600 - 50));
    let first = jwt().await;
    assert_eq!(verified(&world, &first, &audience(&world)).await.1["exp"].as_i64(), Some(end));
    // Nothing is gained by signing again.
    world.app.clock.advance(Duration::from_secs(45));
    assert_eq!(jwt().await, first);
}

#[tokio::test]
async fn a_longer_token_of_the_family_does_not_lend_its_jwt_to_a_shorter_one() {
    let world = World::start().await;
    let short = world.token(&BOTH).await;
    let end = world.app.clock.unix() + 3600;
    world.app.clock.advance(Duration::from_secs(3600 - 30));
    let scopes = BOTH.map(str::to_owned);
    let long = world.token_of(&world.tenant, short.family, &scopes).await;
    let long = super::world::Token { text: long, family: short.family };
    world.call(&long).send().await.unwrap();
    world.call(&short).send().await.unwrap();
    let (_, claims) = verified(&world, world.upstream.last().jwt(), &audience(&world)).await;
    assert_eq!(claims["exp"].as_i64(), Some(end));
}

#[tokio::test]
async fn a_down_scoped_token_gets_a_down_scoped_jwt() {
    let world = World::start().await;
    let wide = world.token(&BOTH).await;
    let narrow = world.token_of(&world.tenant, wide.family, &["mcp:read".to_owned()]).await;
    let narrow = super::world::Token { text: narrow, family: wide.family };
    for (token, scope) in [(&wide, "mcp:read mcp:write"), (&narrow, "mcp:read"), (&wide, "mcp:read mcp:write")] {
        let response = world.modern(token, "tools/list", json!({})).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let (_, claims) = verified(&world, world.upstream.last().jwt(), &audience(&world)).await;
        assert_eq!(claims["scope"], scope);
    }
}

#[tokio::test]
async fn two_families_never_share_a_jwt() {
    let world = World::start().await;
    let (one, two) = (world.token(&BOTH).await, world.token(&BOTH).await);
    world.call(&one).send().await.unwrap();
    let first = world.upstream.last().jwt().to_owned();
    world.call(&two).send().await.unwrap();
    assert_ne!(world.upstream.last().jwt(), first);
}

/// All at once, with nothing cached yet, and each says of itself that it is somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_people_at_once_are_each_themselves() {
    let mut world = World::start().await;
    let mut crowd = Vec::new();
    for number in 0..6 {
        world.tenant.person = world.app.person(world.tenant.id, &format!("person-{number}")).await;
        crowd.push((format!("person:{}", world.tenant.person.id), world.token(&BOTH).await));
    }
    let calls = (0..48).map(|at| {
        let ((subject, token), (other, _)) = (&crowd[at % crowd.len()], &crowd[(at + 1) % crowd.len()]);
        let arguments = json!({ "i_am": subject, "user_id": other });
        let call = world.modern(token, "tools/call", json!({ "name": "echo", "arguments": arguments }));
        call.header("x-user-id", other).header("x-forwarded-user", other).header("remote-user", other).send()
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    let seen = world.upstream.seen();
    assert_eq!(seen.len(), 48);
    for request in seen {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(request.jwt().split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], body["params"]["arguments"]["i_am"]);
        for header in ["x-user-id", "x-forwarded-user", "remote-user"] {
            assert_eq!(request.header(header), None);
        }
    }
}

#[tokio::test]
async fn a_401_of_the_upstream_is_tried_once_more_with_a_new_jwt() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.call(&token).send().await.unwrap();
    world.upstream.reply(Reply::status(401));
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let seen = world.upstream.seen();
    let jwts: Vec<_> = seen.iter().map(super::upstream::Seen::jwt).collect();
    assert_eq!(jwts.len(), 3);
    assert_eq!(jwts[0], jwts[1]);
    assert_ne!(jwts[1], jwts[2]);
    assert_eq!(seen[1].body, seen[2].body);
}

#[tokio::test]
async fn an_upstream_that_keeps_refusing_is_asked_twice_only() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    for _ in 0..2 {
        world.upstream.reply(Reply::status(401).with("www-authenticate", "Bearer realm=\"upstream\""));
    }
    let response = world.call(&token).send().await.unwrap();
    assert!(!response.headers().contains_key("www-authenticate"));
    let (status, _, message) = error(response).await;
    assert_eq!(status, 502);
    assert!(message.contains("Your own authorization is fine"), "{message}");
    assert_eq!(world.upstream.seen().len(), 2);
}
