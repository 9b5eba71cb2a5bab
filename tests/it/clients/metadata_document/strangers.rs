//! What strangers can do by naming documents, and what they cannot.

use std::time::Duration;

use sallyport::{
    clients::{
        authenticate::{Authentication, ClientAuthError, Meets, authenticate, fetch_ahead},
        metadata::{DEVICE_CODE, KeysUri},
        standing,
    },
    http::{address::ClientAddress, form::Form},
    ids::ClientId,
    store,
};
use serde_json::json;

use super::{PATH, World, urlencode};
use crate::{
    clients::{
        assertion::{Key, TYPE},
        public, register, registered, settings,
    },
    harness::{flow::oauth_error, publisher::Page},
};

#[tokio::test]
async fn a_described_client_makes_no_room_for_one_that_registers() {
    let world = World::start().await;
    settings(&world.app, &world.tenant, json!({ "max_registered_clients": 1 })).await;
    let client = world.client(&json!({}));
    // Known, and no request of it waits.
    let address = format!("{}/authorize?client_id={}", world.tenant.issuer, urlencode(&client.id));
    world.app.http().get(address).send().await.unwrap();
    assert_eq!(world.rows().await, 1);
    world.app.clock.advance(Duration::from_secs(7200));
    registered(&world.app, &world.tenant, &public()).await;
    let full = register(&world.app, &world.tenant, &public()).await;
    assert_eq!(full.error(), (429, "temporarily_unavailable"));
}

#[tokio::test]
async fn a_suspended_client_that_signs_is_told_so_and_one_that_gave_up_its_keys_does_not_get_in_by_them() {
    let world = World::start().await;
    let (app, issuer) = (&world.app, &world.tenant.issuer);
    let key = Key::new(jsonwebtoken::Algorithm::EdDSA);
    world.publisher.put("/jwks.json", Page::Json(json!({ "keys": [key.public()] })));
    let place = world.publisher.url("/jwks.json");
    let client = world.client(&json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": place }));
    world.page(&world.flow(), &client).await;
    let claims = json!({ "iss": client.id, "sub": client.id, "aud": issuer, "exp": app.clock.unix() + 60, "jti": "1" });
    let assertion = key.sign(&jsonwebtoken::Header::new(key.algorithm), &claims);
    let signed = [("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    let form = Form::query(Some(&url::form_urlencoded::Serializer::new(String::new()).extend_pairs(signed).finish()));
    let (form, headers) = (form.unwrap(), http::HeaderMap::new());
    let tenant = app.app.tenant("acme").await.unwrap().unwrap();
    let from = (ClientAddress([192, 0, 2, 7].into()), Meets::Known);
    let fetched = fetch_ahead(&app.app, &app.recorder(), &tenant, &headers, &form, from).await.unwrap();
    let by_then =
        Authentication { fetched: &fetched, tenant: &tenant, keyring: &app.app.keyring, clock: &app.app.clock };

    let id = ClientId::parse(&client.id).unwrap();
    let mut tx = app.app.store.tenant_tx(world.tenant.id).await.unwrap();
    let mut moved = store::clients::find(&mut tx, &id).await.unwrap().unwrap();
    moved.metadata.jwks_uri = KeysUri::parse(&world.publisher.url("/other.json"));
    store::clients::update(&mut tx, &moved).await.unwrap();
    let refused = authenticate(by_then, &mut tx, &headers, &form).await;
    assert!(matches!(refused, Err(ClientAuthError::NotNow)), "{refused:?}");
    drop(tx);

    let mut tx = app.app.store.tenant_tx(world.tenant.id).await.unwrap();
    let ticket = standing::suspend(&mut tx, &app.recorder(), &id, None).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    let form =
        [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    let answer = app.http().post(format!("{issuer}/token")).form(&form).send().await.unwrap();
    assert_eq!(oauth_error(answer).await.1, "access_denied", "no reason to throw anything away");
}

#[tokio::test]
async fn a_device_begins_nothing_by_a_document_that_is_not_taken_any_more() {
    let world = World::start().await;
    let client = world.client(&json!({ "grant_types": [DEVICE_CODE] }));
    let begin = async |rule: &str| {
        settings(&world.app, &world.tenant, json!({ "metadata_documents": rule, "device_flow": true })).await;
        world.flow().client_post("device_authorization", &client, &[("resource", &world.tenant.server.resource)]).await
    };
    assert_eq!(begin("open").await.status(), 200);
    assert_eq!(oauth_error(begin("off").await).await.1, "invalid_client");
    world.app.clock.advance(Duration::from_secs(3601));
    assert_eq!(
        (begin("open").await.status().as_u16(), world.publisher.hits(PATH)),
        (200, 2),
        "read again, as for a browser"
    );
}
