//! The test of a provider: what is good, and what is wrong, in words.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{send, world};
use crate::{
    harness::publisher::Page as Published,
    people::providers::World,
    token::outside::issuer::{JWKS, METADATA, Signer},
};

const PATH: &str = "/console/t/acme/providers/idp/probe";

/// Metadata with nothing to find fault with, but for these members; null takes one away.
fn publish(world: &World, more: &Value) {
    let mut document = json!({
        "issuer": world.issuer.name,
        "authorization_endpoint": world.issuer.publisher.url("/realms/a/authorize"),
        "token_endpoint": world.issuer.publisher.url("/realms/a/token"),
        "jwks_uri": world.issuer.publisher.url(JWKS),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "backchannel_logout_supported": true,
        "authorization_response_iss_parameter_supported": true,
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    world.issuer.publisher.put(METADATA, Published::Json(document));
}

#[tokio::test]
async fn a_good_provider_is_good_in_each_step() {
    let (world, browser) = world(json!({})).await;
    publish(&world, &json!({}));
    let asked = browser.get(PATH).await.body;
    assert!(asked.contains("It cannot test the client secret"), "{asked}");
    assert_eq!(world.issuer.publisher.hits(METADATA), 0, "nothing is asked before somebody says so");
    let page = send(&browser, PATH, &[]).await;
    assert_eq!(page.status, 200);
    let page = page.body;
    assert!(page.contains("By what it says of itself, people can log in through it."), "{page}");
    assert!(!page.contains("Wrong<") && !page.contains("Could be better"), "{page}");
    assert!(page.contains("1 key: 1 for ES256") && page.contains("Not tested"), "{page}");
    assert_eq!((world.issuer.publisher.hits(METADATA), world.issuer.publisher.hits(JWKS)), (1, 1));
    send(&browser, PATH, &[]).await;
    assert_eq!(world.issuer.publisher.hits(METADATA), 2, "it is asked now, whatever is remembered");
    let probed: i64 = sqlx::query_scalar("select count(*) from audit_event where kind = 'provider.probed'")
        .fetch_one(&world.app.db.owner)
        .await
        .unwrap();
    assert_eq!(probed, 2);
}

#[tokio::test]
async fn what_is_wrong_with_a_provider_is_said() {
    let (world, browser) = world(json!({ "algorithms": ["ES256"] })).await;
    let elsewhere = world.app.url("/t/acme/jwks");
    let long = "x".repeat(5_000);
    for (more, words) in [
        (json!({ "issuer": format!("{}/", world.issuer.name) }), "It calls itself"),
        (json!({ "issuer": null }), "It does not say who it is"),
        (json!({ "issuer": format!("<script>{long}") }), "&#60;script&#62;"),
        (json!({ "token_endpoint": "http://login.example/token" }), "not to be used: token_endpoint"),
        (json!({ "token_endpoint": null, "authorization_endpoint": 7 }), "authorization_endpoint, token_endpoint"),
        (json!({ "jwks_uri": elsewhere }), "It does not say where they are"),
        (json!({ "response_types_supported": ["id_token", "token"] }), "It does not offer it"),
        (json!({ "grant_types_supported": ["implicit"] }), "It does not offer it"),
        (json!({ "id_token_signing_alg_values_supported": ["HS256", "RS256"] }), "It signs with HS256, RS256"),
        (json!({ "id_token_signing_alg_values_supported": vec!["<b>"; 2_000] }), "and more"),
        (json!({ "jwks_uri": world.issuer.publisher.url("/nothing") }), "The answer is not 200"),
    ] {
        publish(&world, &more);
        let page = send(&browser, PATH, &[]).await.body;
        assert!(page.contains("Nobody can log in through it") && page.contains(words), "{more}: {words}: {page}");
        assert!(!page.contains("<script>") && !page.contains("<b>") && page.len() < 20_000, "{} {page}", page.len());
    }
    for (more, words) in [
        (json!({ "response_types_supported": null }), "It does not say which flows it offers"),
        (json!({ "code_challenge_methods_supported": null }), "It does not say that it checks it"),
        (json!({ "code_challenge_methods_supported": ["plain"] }), "It knows plain, and not S256"),
        (
            json!({ "token_endpoint_auth_methods_supported": null }),
            "It takes client_secret_basic, and none is set here",
        ),
        (json!({ "id_token_signing_alg_values_supported": null }), "It does not say what it signs ID tokens with"),
        (json!({ "backchannel_logout_supported": "true" }), "It does not say that it tells of logouts"),
        (json!({ "authorization_response_iss_parameter_supported": null }), "It does not say so (RFC 9207)"),
    ] {
        publish(&world, &more);
        let page = send(&browser, PATH, &[]).await.body;
        assert!(page.contains("people can log in through it") && page.contains(words), "{more}: {words}: {page}");
        assert!(page.contains("Could be better"), "{page}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_and_keys_that_are_none_are_said() {
    let (world, browser) = world(json!({ "algorithms": ["ES256"] })).await;
    let json = |status, text: &'static str| {
        let headers = vec![("content-type", "application/json".to_owned())];
        Published::Raw(status, headers, Bytes::from_static(text.as_bytes()))
    };
    let html = Published::Raw(200, vec![("content-type", "text/html".to_owned())], Bytes::from_static(b"<html>"));
    let moved = Published::Raw(302, vec![("location", world.app.url("/"))], Bytes::new());
    for (answer, words) in [
        (json(503, "{}"), "The answer is not 200"),
        (json(200, "[]"), "no JSON object"),
        (json(200, "{\"issuer\":\"a\",\"issuer\":\"b\"}"), "no JSON object"),
        (moved, "redirect"),
        (html, "Wrong<"),
        (Published::Json(json!({ "x": "x".repeat(300_000) })), "too large"),
    ] {
        world.issuer.publisher.put(METADATA, answer);
        let page = send(&browser, PATH, &[]).await.body;
        assert!(
            page.contains("Nobody can log in through it: one thing is wrong") && page.contains(words),
            "{words}: {page}"
        );
    }
    publish(&world, &json!({}));
    let other = Signer::ed25519("two");
    let mut private = world.issuer.signer.public.clone();
    private["d"] = json!("AAAA");
    for (keys, words) in [
        (json!({ "keys": [other.public] }), "1 key, and none for an algorithm that is ticked here"),
        (json!({ "keys": [private] }), "private or symmetric key"),
        (json!({ "keys": [] }), "no key for signatures"),
        (json!([]), "no JSON object"),
    ] {
        world.issuer.publisher.put(JWKS, Published::Json(keys));
        let page = send(&browser, PATH, &[]).await.body;
        assert!(page.contains("one thing is wrong") && page.contains(words), "{words}: {page}");
        assert!(!page.contains("AAAA"), "{page}");
    }
    // Nothing listens there.
    sqlx::query("update identity_provider set issuer = 'https://127.0.0.1:9/x'")
        .execute(&world.app.db.owner)
        .await
        .unwrap();
    let page = send(&browser, PATH, &[]).await.body;
    assert!(
        page.contains("It cannot be reached") && page.contains("one that Sallyport&#39;s operator lets it reach"),
        "{page}"
    );
    assert!(!page.contains("refused"), "no more than the kind of the trouble: {page}");
}
