//! The three forms of answer, and what each is good for.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{asker, claims, taken, world};
use crate::{
    gateway::{swap::verified_by, world::BOTH},
    harness::introspect::{ENVELOPE, JWT},
};

async fn keys(world: &crate::gateway::world::World) -> jsonwebtoken::jwk::JwkSet {
    let url = format!("{}/jwks.json", world.tenant.issuer);
    world.http.get(url).send().await.unwrap().json().await.unwrap()
}

/// Verifies an envelope. It has no `exp`, which libraries ask of a token unless told otherwise.
fn signed_for(keys: &jsonwebtoken::jwk::JwkSet, signed: &str, audience: &str) -> (jsonwebtoken::Header, Value) {
    let header = jsonwebtoken::decode_header(signed).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(header.kid.as_ref().unwrap()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(header.alg);
    validation.set_audience(&[audience]);
    jsonwebtoken::decode::<Value>(signed, &key, &validation).unwrap_err();
    validation.required_spec_claims.clear();
    (header, jsonwebtoken::decode(signed, &key, &validation).unwrap().claims)
}

/// RFC 9701 §5.
#[tokio::test]
async fn the_envelope_is_signed_for_the_server_that_asks() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    for alg in ["EdDSA", "ES256"] {
        sqlx::query("update server set signing_alg = $1").bind(alg).execute(&world.app.db.owner).await.unwrap();
        taken(&world, sallyport::cluster::Entry::Server(world.server.id)).await.unwrap();
        let plain: Value = asker(&world, &secret).ask(&token.text, "*/*").send().await.unwrap().json().await.unwrap();
        let answer = asker(&world, &secret).ask(&token.text, ENVELOPE).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], ENVELOPE);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let signed = answer.text().await.unwrap();
        let (header, claims) = signed_for(&keys(&world).await, &signed, &world.server.resource);
        assert_eq!(header.typ.as_deref(), Some("token-introspection+jwt"));
        assert_eq!(format!("{:?}", header.alg), alg);
        let expected = json!({
            "iss": world.tenant.issuer,
            "aud": world.server.resource,
            "iat": world.app.clock.unix(),
            "token_introspection": plain,
        });
        assert_eq!(claims, expected, "no sub and no exp beside");
    }
}

/// The JWT is the one that a call gets, from the same cache.
#[tokio::test]
async fn the_jwt_is_the_one_of_the_swap() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let ask = async || {
        let answer = asker(&world, &secret).ask(&token.text, JWT).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].as_bytes()), (200, JWT.as_bytes()));
        assert!(answer.headers().get("phantom-token").is_none());
        answer.text().await.unwrap()
    };
    let jwt = ask().await;
    world.call(&token).send().await.unwrap();
    assert_eq!(world.upstream.last().jwt(), jwt);
    let audience = format!("{}#tools", world.upstream.url);
    let (header, claims) = verified_by(&keys(&world).await, &world.tenant.issuer, &jwt, &audience);
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(
        (claims["iat"].as_i64(), claims["exp"].as_i64()),
        (Some(world.app.clock.unix()), Some(world.app.clock.unix() + 60))
    );
    world.app.clock.advance(Duration::from_secs(46));
    let next = ask().await;
    assert_ne!(next, jwt);
    // Never past the token's own end.
    world.app.clock.advance(Duration::from_secs(3600 - 46 - 7));
    assert_eq!(super::claims(&ask().await)["exp"], world.app.clock.unix() + 7);
}

/// Two people ask at once through one server: nobody gets what is another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_questions_are_not_mixed_up() {
    let (world, secret) = world().await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(world.token(&BOTH).await);
    }
    let asker = asker(&world, &secret);
    let answers = (0..64).map(async |n| {
        let token = &tokens[n % tokens.len()];
        let jwt = asker.ask(&token.text, JWT).send().await.unwrap().text().await.unwrap();
        let plain: Value = asker.ask(&token.text, "*/*").send().await.unwrap().json().await.unwrap();
        assert_eq!(claims(&jwt)["client_id"], plain["client_id"]);
        (n % tokens.len(), plain["client_id"].to_string())
    });
    let mut seen = std::collections::BTreeMap::new();
    for (n, client) in join_all(answers).await {
        assert_eq!(*seen.entry(n).or_insert(client.clone()), client);
    }
    let clients: std::collections::BTreeSet<_> = seen.values().collect();
    assert_eq!(clients.len(), 4);
}

/// Each that is given out is written down before; a description is not.
#[tokio::test]
async fn a_swap_leaves_an_event() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let asker = asker(&world, &secret);
    for form in ["*/*", ENVELOPE] {
        asker.ask(&token.text, form).send().await.unwrap();
    }
    let events = async || {
        sqlx::query_as::<_, (Value, Option<String>)>(
            "select body, request_id from audit_event where kind = 'token.swapped' order by id",
        )
        .fetch_all(&world.app.db.owner)
        .await
        .unwrap()
    };
    assert!(events().await.is_empty());
    let answer = asker.ask(&token.text, JWT).send().await.unwrap();
    let request = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let client = claims(&answer.text().await.unwrap())["client_id"].clone();
    let [(body, id)] = &events().await[..] else { panic!("one event") };
    let expected = json!({
        "family": token.family.to_string(),
        "client": client,
        "subject": format!("person:{}", world.tenant.person.id),
        "server": world.server.id.to_string(),
        "scopes": ["mcp:read", "mcp:write"],
        "token": world.app.app.keyring.audit_handle(&token.text),
    });
    assert_eq!((body, id.as_deref()), (&expected, Some(request.as_str())));
    asker.ask(&token.text, JWT).send().await.unwrap();
    assert_eq!(events().await.len(), 2, "from the cache, too");
}

/// Without evidence there is no JWT; nothing is lost.
#[tokio::test]
async fn while_nothing_can_be_written_down_nothing_is_swapped() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let asker = asker(&world, &secret);
    world.change("revoke insert on audit_event from sallyport_app").await;
    let answer = asker.ask(&token.text, JWT).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    assert!(!answer.text().await.unwrap().contains("eyJ"));
}

/// Neither our own door nor an upstream that checks what it should takes an envelope for a token.
#[tokio::test]
async fn an_envelope_is_no_access_token() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let envelope = asker(&world, &secret).ask(&token.text, ENVELOPE).send().await.unwrap().text().await.unwrap();
    let jwt = asker(&world, &secret).ask(&token.text, JWT).send().await.unwrap().text().await.unwrap();
    for presented in [&envelope, &jwt] {
        let answer =
            world.http.post(&world.server.resource).bearer_auth(presented).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 401, "the front door");
    }
    // An upstream with the very audience of the envelope.
    for audience in [world.server.resource.clone(), format!("{}#tools", world.upstream.url)] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), sallyport::dev::demo::PATH);
        let config = sallyport::dev::demo::DemoConfig {
            issuer: world.tenant.issuer.clone(),
            jwks_url: format!("{}/jwks.json", world.tenant.issuer),
            audience: audience.clone(),
        };
        let stop = tokio_util::sync::CancellationToken::new();
        tokio::spawn(sallyport::dev::demo::serve(listener, config, world.app.clock.clone(), stop.clone()));
        let call = async |token: &str| {
            let body = crate::gateway::world::modern_body("tools/list", json!({}));
            let request = world.http.post(&url).bearer_auth(token).json(&body);
            let request = request.header("accept", "application/json, text/event-stream");
            let request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/list");
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (status, said) = call(&envelope).await;
        assert!(status == 401 && said.contains("typ is not at+jwt"), "{status} {said}");
        let works = audience.ends_with("#tools");
        assert_eq!(call(&jwt).await.0 == 200, works, "{audience}");
        stop.cancel();
    }
}

/// For proxies that see status and headers only.
#[tokio::test]
async fn the_answer_can_be_in_a_header() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let asker = asker(&world, &secret);
    let ask = async |token: &str, place: &str, accept: &str| {
        asker.post(&[("token", token), ("answer_in", place)]).header("accept", accept).send().await.unwrap()
    };
    let answer = ask(&token.text, "header", JWT).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["cache-control"].as_bytes()), (200, &b"no-store"[..]));
    let jwt = answer.headers()["phantom-token"].to_str().unwrap().to_owned();
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(ask(&token.text, "body", JWT).await.text().await.unwrap(), jwt);
    let refused = ask("noise", "header", JWT).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers().get("phantom-token").is_none() && refused.text().await.unwrap().is_empty());
    for (place, accept) in [("header", "*/*"), ("header", ENVELOPE), ("cookie", JWT)] {
        assert_eq!(ask(&token.text, place, accept).await.status(), 400, "{place} {accept}");
    }
}
