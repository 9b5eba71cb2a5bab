//! Keys of issuers: found, kept, withdrawn, and not to be had.

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    Outside,
    issuer::{JWKS, METADATA, Signer},
};
use crate::harness::publisher::Page;

fn status(status: u16) -> Page {
    Page::Raw(status, vec![("content-type", "application/json".to_owned())], Bytes::from_static(b"{}"))
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_is_believed_for_a_bounded_time() {
    let outside = Outside::start().await;
    let (old, second) = (outside.token(), Signer::es256("two"));
    assert_eq!(outside.status(&old).await, 200);
    outside.issuer.publish(&[&outside.issuer.signer, &second]);
    outside.later(30);
    let new = outside.issuer.token_by(&second, &json!({}), &outside.claims());
    assert_eq!(outside.status(&new).await, 200);
    assert_eq!((outside.issuer.publisher.hits(METADATA), outside.issuer.publisher.hits(JWKS)), (1, 2));
    outside.issuer.publish(&[&second]);
    outside.later(1201);
    // Even for a token that is known.
    assert!(outside.refused(&old).await.contains("signature"));
    let new = outside.issuer.token_by(&second, &json!({}), &outside.claims());
    assert_eq!(outside.status(&new).await, 200);
}

#[tokio::test]
async fn strangers_who_name_keys_do_not_have_an_issuer_asked_more_often() {
    let outside = Outside::start().await;
    let claims = outside.claims();
    let named = |n: usize| outside.issuer.token_by(&Signer::es256(&format!("k{n}")), &json!({}), &claims);
    let jwts: Vec<_> = (0..24).map(named).collect();
    let statuses: Vec<_> = join_all(jwts.iter().map(|jwt| outside.status(jwt))).await;
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert_eq!((outside.issuer.publisher.hits(METADATA), outside.issuer.publisher.hits(JWKS)), (1, 1));
    // A moment later it cannot be told, and a good token is not refused for that.
    assert_eq!(outside.status(&named(77)).await, 503);
    assert_eq!(outside.status(&outside.token()).await, 200);
    outside.later(30);
    assert!(outside.refused(&named(78)).await.contains("signature"));
    assert_eq!(outside.issuer.publisher.hits(JWKS), 2);
    assert_eq!(outside.rows().await.0, 1);
}

#[tokio::test]
async fn while_an_issuer_does_not_answer_known_keys_go_on_for_a_bounded_time() {
    let outside = Outside::trusting(&json!({ "max_lifetime": 86_400 })).await;
    let long = outside.token_with(&json!({ "exp": outside.world.app.clock.unix() + 86_400 }));
    assert_eq!(outside.status(&long).await, 200);
    outside.issuer.publisher.put(JWKS, status(500));
    outside.issuer.publisher.put(METADATA, status(500));
    outside.later(3600);
    assert_eq!(outside.status(&outside.token()).await, 200, "a token that nobody has seen, by a known key");
    let unknown = outside.issuer.token_by(&Signer::es256("two"), &json!({}), &outside.claims());
    assert_eq!(outside.status(&unknown).await, 503, "it cannot be told whose key that is");
    outside.later(5 * 3600);
    let response = outside.call(&long).await;
    assert_eq!(response.status(), 503, "nobody has vouched for the key for six hours");
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(!response.headers().contains_key("www-authenticate"));
    outside.issuer.publish(&[&outside.issuer.signer]);
    outside.issuer.publish_metadata(&json!({}));
    outside.later(30);
    assert_eq!(outside.status(&long).await, 200);
}

/// Each is 503, never 401: what is wrong is not the token.
async fn unsure(change: impl FnOnce(&Outside)) {
    let outside = Outside::start().await;
    change(&outside);
    let response = outside.call(&outside.token()).await;
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_eq!((outside.world.upstream.count(), outside.rows().await), (0, (0, 0, 0)));
}

#[tokio::test]
async fn metadata_that_is_no_good_is_no_reason_to_refuse_a_token() {
    unsure(|outside| outside.issuer.publisher.put(METADATA, status(404))).await;
    unsure(|outside| outside.issuer.publisher.put(METADATA, status(500))).await;
    unsure(|outside| outside.issuer.publisher.put(METADATA, Page::Json(json!([])))).await;
    let page =
        |text: &'static str| Page::Raw(200, vec![("content-type", text.to_owned())], Bytes::from_static(b"<html>"));
    unsure(|outside| outside.issuer.publisher.put(METADATA, page("text/html"))).await;
    unsure(|outside| outside.issuer.publisher.put(METADATA, page("application/json"))).await;
    // Another issuer's, or one that says where our keys are.
    unsure(|outside| outside.issuer.publish_metadata(&json!({ "issuer": format!("{}/", outside.issuer.name) }))).await;
    unsure(|outside| outside.issuer.publish_metadata(&json!({ "issuer": "https://evil.example" }))).await;
    unsure(|outside| {
        let ours = format!("{}/jwks.json", outside.world.tenant.issuer);
        outside.issuer.publish_metadata(&json!({ "jwks_uri": ours }));
    })
    .await;
    unsure(|outside| outside.issuer.publish_metadata(&json!({ "jwks_uri": "http://127.0.0.1/jwks" }))).await;
}

#[tokio::test]
async fn key_sets_that_are_no_good_are_no_reason_to_refuse_a_token() {
    unsure(|outside| outside.issuer.publisher.put(JWKS, status(500))).await;
    unsure(|outside| outside.issuer.publisher.put(JWKS, Page::Json(json!({ "keys": [] })))).await;
    unsure(|outside| {
        let keys: Vec<Value> = (0..300)
            .map(|n| super::with(outside.issuer.signer.public.clone(), &json!({ "kid": n.to_string() })))
            .collect();
        outside.issuer.publisher.put(JWKS, Page::Json(json!({ "keys": keys })));
    })
    .await;
    unsure(|outside| {
        let private = super::with(outside.issuer.signer.public.clone(), &json!({ "d": "AAAA" }));
        outside.issuer.publisher.put(JWKS, Page::Json(json!({ "keys": [private] })));
    })
    .await;
    unsure(|outside| outside.issuer.publisher.put(JWKS, Page::Json(json!({ "keys": [], "x": "x".repeat(300_000) }))))
        .await;
    unsure(|outside| outside.issuer.publisher.put(JWKS, Page::Endless)).await;
}

/// Takes as long as the dialer waits.
#[tokio::test]
async fn an_issuer_that_is_slow_is_given_up_and_not_asked_again_at_once() {
    let outside = Outside::start().await;
    outside.issuer.publisher.put(JWKS, Page::Silence);
    let jwts: Vec<_> = (0..4).map(|n| outside.token_with(&json!({ "jti": n }))).collect();
    let statuses = join_all(jwts.iter().map(|jwt| outside.status(jwt))).await;
    assert_eq!(statuses, [503; 4]);
    assert_eq!(outside.issuer.publisher.hits(JWKS), 1);
    outside.issuer.publish(&[&outside.issuer.signer]);
    assert_eq!(outside.status(&outside.token()).await, 503);
    outside.later(30);
    assert_eq!(outside.status(&outside.token()).await, 200);
}

#[tokio::test]
async fn keys_of_a_written_address_need_no_metadata() {
    let outside = Outside::start().await;
    outside.issuer.publisher.put(METADATA, status(500));
    let uri = outside.issuer.publisher.url(JWKS);
    outside.trust(&[outside.settings(&json!({ "jwks_uri": uri }))]).await;
    assert_eq!(outside.status(&outside.token()).await, 200);
    assert_eq!(outside.issuer.publisher.hits(METADATA), 0);
}
