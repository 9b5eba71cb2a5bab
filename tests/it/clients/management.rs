//! `GET`, `PUT` and `DELETE` of what was registered.

use http::Method;
use sallyport::{
    ids::{ClientId, FamilyId, GrantId},
    secret::{Handle, HandleKind},
    store::{clients, grants, handles},
    token::{self, VerifyError},
};
use serde_json::{Value, json};

use super::{Answer, confidential, events, public, registered};
use crate::harness::app::{TestApp, TestTenant};

async fn ask(app: &TestApp, client: &Answer, method: Method, body: Option<&Value>) -> Answer {
    let url = client.text("registration_client_uri");
    let request = app.browser().request(method, url).bearer_auth(client.text("registration_access_token"));
    Answer::of(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// What was registered, as a replacement: without what the server sets.
fn replacement(client: &Answer) -> Value {
    let mut body = client.body.clone();
    let members = body.as_object_mut().unwrap();
    for member in
        ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"]
    {
        members.remove(member);
    }
    body
}

#[tokio::test]
async fn a_client_reads_itself_without_its_secret() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &confidential()).await;
    let read = ask(&app, &client, Method::GET, None).await;
    assert_eq!((read.status.as_u16(), &read.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let mut expected = client.body.clone();
    expected.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(read.body, expected);
}

#[tokio::test]
async fn a_replacement_is_whole() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    let id = client.text("client_id");
    let body = json!({
        "client_id": id,
        "redirect_uris": ["https://a.example/cb"],
        "token_endpoint_auth_method": "none",
        "client_secret": null,
    });
    let replaced = ask(&app, &client, Method::PUT, Some(&body)).await;
    assert_eq!(replaced.status, 200, "{}", replaced.body);
    assert_eq!(
        replaced.body,
        json!({
            "client_id": id,
            "client_id_issued_at": app.clock.unix(),
            "registration_access_token": client.body["registration_access_token"],
            "registration_client_uri": client.body["registration_client_uri"],
            "redirect_uris": ["https://a.example/cb"],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
        })
    );
    assert_eq!(ask(&app, &client, Method::GET, None).await.body, replaced.body);
    assert_eq!(events(&app, &tenant, "client.changed").await, [json!({ "client": id, "consents_voided": true })]);
}

#[tokio::test]
async fn a_replacement_that_cannot_be_taken_changes_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &confidential()).await;
    let other = registered(&app, &tenant, &confidential()).await;
    let good = replacement(&client);
    let with = |member: &str, value: &Value| {
        let mut body = good.clone();
        body[member] = value.clone();
        body
    };
    for (member, value, error) in [
        ("client_id", &Value::Null, "invalid_request"),
        ("client_id", &other.body["client_id"], "invalid_request"),
        ("client_secret", &other.body["client_secret"], "invalid_request"),
        ("client_secret", &json!("a secret of its own"), "invalid_request"),
        ("registration_access_token", &client.body["registration_access_token"], "invalid_request"),
        ("registration_client_uri", &client.body["registration_client_uri"], "invalid_request"),
        ("client_secret_expires_at", &json!(0), "invalid_request"),
        ("client_id_issued_at", &client.body["client_id_issued_at"], "invalid_request"),
        ("redirect_uris", &json!([]), "invalid_redirect_uri"),
        ("token_endpoint_auth_method", &json!("tls_client_auth"), "invalid_client_metadata"),
    ] {
        let answer = ask(&app, &client, Method::PUT, Some(&with(member, value))).await;
        assert_eq!(answer.error(), (400, error), "{member} {value}");
    }
    let before = ask(&app, &client, Method::GET, None).await;
    assert_eq!(replacement(&before)["client_name"], "Hosted");
    assert_eq!(ask(&app, &client, Method::PUT, Some(&good)).await.status, 200);
}

#[tokio::test]
async fn a_secret_comes_and_goes_with_the_method() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    let change = async |method: &str| {
        let mut body = replacement(&client);
        body["token_endpoint_auth_method"] = json!(method);
        ask(&app, &client, Method::PUT, Some(&body)).await
    };
    let basic = change("client_secret_basic").await;
    Handle::parse(HandleKind::ClientSecret, basic.text("client_secret")).unwrap();
    let post = change("client_secret_post").await;
    assert_eq!((post.body.get("client_secret"), &post.body["client_secret_expires_at"]), (None, &json!(0)));
    let none = change("none").await;
    assert_eq!((none.body.get("client_secret"), none.body.get("client_secret_expires_at")), (None, None));
    let again = change("client_secret_basic").await;
    assert_ne!(again.text("client_secret"), basic.text("client_secret"));
}

#[tokio::test]
async fn only_the_right_token_at_the_right_client_opens_anything() {
    let app = TestApp::start().await;
    let (tenant, elsewhere) = (app.tenant("acme").await, app.tenant("other").await);
    let client = registered(&app, &tenant, &confidential()).await;
    let other = registered(&app, &tenant, &confidential()).await;
    let foreign = registered(&app, &elsewhere, &confidential()).await;
    let uri = client.text("registration_client_uri");
    let unknown = format!("{}/register/c_0", tenant.issuer);
    let misnamed = format!("{}/register/%20", tenant.issuer);
    let moved = format!("{}/register/{}", elsewhere.issuer, client.text("client_id"));
    let own = client.text("registration_access_token");
    for (uri, token) in [
        (uri, other.text("registration_access_token")),
        (uri, foreign.text("registration_access_token")),
        (uri, client.text("client_secret")),
        (uri, "nonsense"),
        (unknown.as_str(), own),
        (misnamed.as_str(), own),
        (moved.as_str(), own),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = app.browser().request(method.clone(), uri).bearer_auth(token).json(&replacement(&client));
            let answer = Answer::of(request).await;
            assert_eq!(answer.error(), (401, "invalid_token"), "{method} {uri}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
        }
    }
    let without = Answer::of(app.browser().get(uri)).await;
    assert_eq!(
        (without.error(), &without.headers["www-authenticate"]),
        ((401, "invalid_token"), &"Bearer".parse().unwrap())
    );
    assert_eq!(ask(&app, &client, Method::GET, None).await.status, 200);
}

/// A grant of `ada`'s to the client on `demo`, with a consent and a live access token.
async fn granted(app: &TestApp, tenant: &TestTenant, client: &Answer) -> Handle {
    let (now, entropy) = (app.clock.now(), &app.app.entropy);
    let later = now + time::Duration::MINUTE;
    let id = ClientId::parse(client.text("client_id")).unwrap();
    let scopes = ["mcp:read".to_owned()];
    let token = Handle::generate(HandleKind::AccessToken, entropy).unwrap();
    let family = FamilyId::new(&app.clock, entropy).unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let fresh = GrantId::new(&app.clock, entropy).unwrap();
    let grant = grants::widen(&mut tx, fresh, tenant.person.id, &id, tenant.server.id, &scopes, now).await.unwrap();
    let new = grants::NewFamily { id: family, grant: grant.id, redirect_uri: None, auth_time: None, expires_at: later };
    grants::insert_family(&mut tx, new, now).await.unwrap();
    let stored = app.app.keyring.store(tenant.id, &token);
    handles::insert_access_token(&mut tx, &stored, family, &scopes, now, later).await.unwrap();
    let shown = clients::find(&mut tx, &id).await.unwrap().unwrap();
    let consent = grants::ConsentRow {
        scopes: scopes.to_vec(),
        display_digest: shown.metadata.display_digest().to_vec(),
        client_name: shown.name().to_owned(),
        redirect_uris: vec![],
        given_at: now,
    };
    grants::put_consent(&mut tx, key(tenant, &id), &consent).await.unwrap();
    tx.commit().await.unwrap();
    token
}

fn key<'a>(tenant: &TestTenant, client: &'a ClientId) -> grants::ConsentKey<'a> {
    grants::ConsentKey { person: tenant.person.id, client, server: tenant.server.id, redirect_key: "key" }
}

async fn verify(app: &TestApp, tenant: &TestTenant, token: &Handle) -> Result<bool, VerifyError> {
    let known = app.app.tenant(&tenant.slug).await.unwrap().unwrap();
    let call = token::verify(&app.app, &known, &known.servers["demo"], token).await?;
    Ok(call.cut().is_cancelled())
}

#[tokio::test]
async fn a_removed_client_is_gone_with_all_it_was_granted() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (client, other) = (registered(&app, &tenant, &public()).await, registered(&app, &tenant, &public()).await);
    let (token, kept) = (granted(&app, &tenant, &client).await, granted(&app, &tenant, &other).await);
    assert!(!verify(&app, &tenant, &token).await.unwrap());
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    let in_flight = token::verify(&app.app, &known, &known.servers["demo"], &token).await.unwrap();

    let removed = ask(&app, &client, Method::DELETE, None).await;
    assert_eq!((removed.status.as_u16(), &removed.body), (204, &Value::Null));
    assert_eq!(removed.headers["cache-control"], "no-store");

    assert!(in_flight.cut().is_cancelled(), "calls in flight are cut before the answer");
    assert!(matches!(verify(&app, &tenant, &token).await, Err(VerifyError::Invalid)));
    assert!(!verify(&app, &tenant, &kept).await.unwrap());
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(ask(&app, &client, method, Some(&replacement(&client))).await.error(), (401, "invalid_token"));
    }
    let id = client.text("client_id");
    assert_eq!(events(&app, &tenant, "client.removed").await, [json!({ "client": id })]);
    let revoked = events(&app, &tenant, "grant.revoked").await;
    assert_eq!((revoked.len(), &revoked[0]["reason"]), (1, &json!("client_removed")));
}

#[tokio::test]
async fn what_a_person_saw_decides_whether_a_consent_holds() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    let id = ClientId::parse(client.text("client_id")).unwrap();
    let token = granted(&app, &tenant, &client).await;
    let replace = async |member: &str, value: Value| {
        let mut body = replacement(&client);
        body[member] = value;
        assert_eq!(ask(&app, &client, Method::PUT, Some(&body)).await.status, 200);
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        grants::consent(&mut tx, key(&tenant, &id)).await.unwrap().is_some()
    };
    assert!(replace("software_version", json!("2")).await);
    assert!(!replace("client_name", json!("Another name")).await);
    assert!(!verify(&app, &tenant, &token).await.unwrap(), "live families keep running");
}

/// Anybody can register and then change what they registered, and each change is kept as an event.
#[tokio::test]
async fn changes_are_limited_by_address() {
    let app = TestApp::start_with(|config| {
        config.registration.burst = 2;
        config.registration.per_minute = 1;
    })
    .await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    let body = replacement(&client);
    for _ in 0..2 {
        assert_eq!(ask(&app, &client, Method::PUT, Some(&body)).await.status, 200);
    }
    let limited = ask(&app, &client, Method::PUT, Some(&body)).await;
    assert_eq!(limited.error(), (429, "temporarily_unavailable"));
    assert!(limited.headers.contains_key("retry-after"));
    assert_eq!(ask(&app, &client, Method::DELETE, None).await.status, 204, "limits of their own");
}

/// From however many addresses.
#[tokio::test]
async fn one_client_is_changed_a_few_times_a_day() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (client, other) = (registered(&app, &tenant, &public()).await, registered(&app, &tenant, &public()).await);
    let body = replacement(&client);
    for _ in 0..20 {
        assert_eq!(ask(&app, &client, Method::PUT, Some(&body)).await.status, 200);
    }
    for _ in 0..3 {
        let refused = ask(&app, &client, Method::PUT, Some(&body)).await;
        assert_eq!(refused.error(), (429, "temporarily_unavailable"));
        assert_eq!(refused.headers["retry-after"], "86400");
    }
    assert_eq!(events(&app, &tenant, "client.changed").await.len(), 20);
    assert_eq!(ask(&app, &other, Method::PUT, Some(&replacement(&other))).await.status, 200, "each has its own count");
    app.clock.advance(std::time::Duration::from_secs(86_400));
    assert_eq!(ask(&app, &client, Method::PUT, Some(&body)).await.status, 200);
    assert_eq!(ask(&app, &client, Method::DELETE, None).await.status, 204);
}
