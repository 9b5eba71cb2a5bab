//! RFC 7662: what a protected resource is told of an access token, and what it is not.

mod forms;
mod refused;
mod revoked;
mod secrets;

use sallyport::store::StoreError;
use serde_json::{Value, json};

use crate::{
    gateway::world::{BOTH, Token, World},
    harness::introspect::{Asker, ENVELOPE, JWT},
};

const JSON: &str = "application/json";
const FORMS: [&str; 3] = [JSON, ENVELOPE, JWT];

/// A world whose server `tools` may ask.
async fn world() -> (World, String) {
    let world = World::start().await;
    let secret = world.app.server_secret(world.tenant.id, world.server.id).await;
    (world, secret)
}

fn asker<'a>(world: &'a World, secret: &str) -> Asker<'a> {
    Asker { app: &world.app, issuer: world.tenant.issuer.clone(), server: "tools".into(), secret: secret.to_owned() }
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(jwt: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// Whether the token is active, by the answer of this form. Whatever else it may be is a failure.
async fn is_active(asker: &Asker<'_>, token: &str, form: &str) -> bool {
    let answer = asker.ask(token, form).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
    let said = match (form, status) {
        (JSON, 200) => serde_json::from_str(&body).unwrap(),
        (ENVELOPE, 200) => claims(&body)["token_introspection"].take(),
        (JWT, 200) => {
            assert!(claims(&body)["exp"].is_i64(), "{body}");
            return true;
        }
        (JWT, 204) => {
            assert_eq!(body, "");
            return false;
        }
        _ => panic!("{form}: {status} {body}"),
    };
    if said["active"] == true {
        return true;
    }
    assert_eq!(said, json!({ "active": false }), "and nothing more");
    false
}

async fn is_active_in_every_form(asker: &Asker<'_>, token: &str) -> bool {
    let mut said = Vec::new();
    for form in FORMS {
        said.push(is_active(asker, token, form).await);
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    said[0]
}

#[tokio::test]
async fn a_good_token_is_described() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await;
    let answer = asker(&world, &secret).ask(&token.text, "*/*").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(
        (answer.headers()["cache-control"].as_bytes(), answer.headers()["pragma"].as_bytes()),
        (&b"no-store"[..], &b"no-cache"[..])
    );
    let mut said: Value = answer.json().await.unwrap();
    assert!(said["client_id"].take().as_str().unwrap().starts_with("c_"));
    let expected = json!({
        "active": true,
        "scope": "mcp:read mcp:write",
        "client_id": null,
        "token_type": "Bearer",
        "exp": world.app.clock.unix() + 3600,
        "sub": format!("person:{}", world.tenant.person.id),
        "aud": world.server.resource,
        "iss": world.tenant.issuer,
    });
    assert_eq!(said, expected);
}

/// What the tenant has now counts, not what it had when the token was issued.
#[tokio::test]
async fn scopes_are_those_in_effect() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let token = world.token(&BOTH).await;
    let scope = async || {
        let answer = asker.ask(&token.text, JSON).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["scope"].take()
    };
    assert_eq!(scope().await, "mcp:read mcp:write");
    world.change("update access_grant set scopes = '{mcp:read}', version = version + 1").await;
    taken(&world, sallyport::cluster::Entry::Family(token.family)).await.unwrap();
    assert_eq!(scope().await, "mcp:read");
    world.change("update access_grant set scopes = '{}', version = version + 1").await;
    taken(&world, sallyport::cluster::Entry::Family(token.family)).await.unwrap();
    assert!(!is_active_in_every_form(&asker, &token.text).await, "good for nothing");
}

/// Tells every node that something changed.
async fn taken(world: &World, entry: sallyport::cluster::Entry) -> Result<(), StoreError> {
    let app = &world.app.app;
    let mut tx = app.store.tenant_tx(world.tenant.id).await?;
    let ticket = sallyport::cluster::take(&mut tx, &entry, app.clock.now()).await?;
    tx.commit().await?;
    app.node.settle(ticket).await
}

#[tokio::test]
async fn a_token_of_another_server_or_tenant_is_none() {
    let (world, secret) = world().await;
    let own = asker(&world, &secret);
    let elsewhere = world.token_for(&world.tenant, &world.tenant.server, &BOTH).await;
    assert!(!is_active_in_every_form(&own, &elsewhere.text).await);

    let other = world.app.tenant("other").await;
    let theirs = world.token_for(&other, &other.server, &BOTH).await;
    assert!(!is_active_in_every_form(&own, &theirs.text).await);
    let secret = world.app.server_secret(other.id, other.server.id).await;
    let asker = Asker { app: &world.app, issuer: other.issuer.clone(), server: "demo".into(), secret };
    assert!(is_active_in_every_form(&asker, &theirs.text).await);
    for token in [&elsewhere.text, &world.token(&BOTH).await.text] {
        assert!(!is_active_in_every_form(&asker, token).await);
    }
}

#[tokio::test]
async fn what_has_expired_is_inactive() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let Token { text, .. } = world.token(&BOTH).await;
    assert!(is_active_in_every_form(&asker, &text).await);
    world.app.clock.advance(std::time::Duration::from_secs(3599));
    assert!(is_active_in_every_form(&asker, &text).await);
    world.app.clock.advance(std::time::Duration::from_secs(1));
    assert!(!is_active_in_every_form(&asker, &text).await);
}

#[tokio::test]
async fn the_metadata_names_the_endpoint_exactly_when_somebody_may_ask() {
    let world = World::start().await;
    let metadata = async || {
        let url = world.app.url("/.well-known/oauth-authorization-server/t/acme");
        world.http.get(url).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let members = [
        "introspection_endpoint",
        "introspection_endpoint_auth_methods_supported",
        "introspection_signing_alg_values_supported",
    ];
    let before = metadata().await;
    assert!(members.iter().all(|member| before.get(member).is_none()), "{before}");
    world.app.server_secret(world.tenant.id, world.server.id).await;
    let after = metadata().await;
    assert_eq!(after[members[0]], format!("{}/introspect", world.tenant.issuer));
    assert_eq!(after[members[1]], json!(["client_secret_basic", "client_secret_post"]));
    assert_eq!(after[members[2]], json!(["EdDSA", "ES256"]));
    world.change("update server set status = 'disabled' where slug = 'tools'").await;
    taken(&world, sallyport::cluster::Entry::Server(world.server.id)).await.unwrap();
    assert_eq!(metadata().await, before);
}
