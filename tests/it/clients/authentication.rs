//! Client authentication, on a real database.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use sallyport::{
    clients::{Status, authenticate, authenticate::Authentication},
    http::{form::Form, oauth::OauthError},
    ids::ClientId,
    store::clients,
};

use super::{Answer, confidential, public, registered};
use crate::harness::app::{TestApp, TestTenant};

fn basic(id: &str, secret: &str) -> HeaderMap {
    let value = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
}

/// The client's id, or status and code of the error.
async fn proves(
    app: &TestApp,
    tenant: &TestTenant,
    headers: &HeaderMap,
    body: &str,
) -> Result<String, (u16, &'static str)> {
    let form = Form::query(Some(body)).unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let known = app.app.tenant(&tenant.slug).await.unwrap().unwrap();
    let fetched = authenticate::Fetched::default();
    let with = Authentication { tenant: &known, keyring: &app.app.keyring, clock: &app.clock, fetched: &fetched };
    let done = authenticate(with, &mut tx, headers, &form).await;
    tx.commit().await.unwrap();
    done.map(|client| client.id.to_string()).map_err(|error| {
        let error = OauthError::from(error);
        (error.status().as_u16(), error.code())
    })
}

const REFUSED: Result<String, (u16, &str)> = Err((401, "invalid_client"));

async fn set_status(app: &TestApp, tenant: &TestTenant, client: &Answer, status: Status) {
    let id = ClientId::parse(client.text("client_id")).unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let mut row = clients::find(&mut tx, &id).await.unwrap().unwrap();
    row.status = status;
    clients::update(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_confidential_client_proves_itself_in_header_or_body() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &confidential()).await;
    let (id, secret) = (client.text("client_id"), client.text("client_secret"));
    let proved = Ok(id.to_owned());
    assert_eq!(proves(&app, &tenant, &basic(id, secret), "").await, proved);
    assert_eq!(proves(&app, &tenant, &basic(id, secret), &format!("client_id={id}")).await, proved);
    let body = format!("client_id={id}&client_secret={secret}");
    assert_eq!(proves(&app, &tenant, &HeaderMap::new(), &body).await, proved);
}

#[tokio::test]
async fn a_public_client_only_names_itself() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    let id = client.text("client_id");
    assert_eq!(proves(&app, &tenant, &HeaderMap::new(), &format!("client_id={id}")).await, Ok(id.to_owned()));
    assert_eq!(proves(&app, &tenant, &basic(id, ""), "").await, Ok(id.to_owned()));
    let other = registered(&app, &tenant, &confidential()).await;
    assert_eq!(proves(&app, &tenant, &basic(id, other.text("client_secret")), "").await, REFUSED);
}

#[tokio::test]
async fn nobody_else_proves_anything() {
    let app = TestApp::start().await;
    let (tenant, elsewhere) = (app.tenant("acme").await, app.tenant("other").await);
    let client = registered(&app, &tenant, &confidential()).await;
    let other = registered(&app, &tenant, &confidential()).await;
    let (id, secret) = (client.text("client_id"), client.text("client_secret"));
    for (id, secret) in [
        (id, other.text("client_secret")),
        (id, client.text("registration_access_token")),
        (id, "nonsense"),
        (id, ""),
        ("c_0", secret),
        ("no such client!", secret),
    ] {
        assert_eq!(proves(&app, &tenant, &basic(id, secret), "").await, REFUSED, "{id}");
    }
    assert_eq!(proves(&app, &tenant, &HeaderMap::new(), &format!("client_id={id}")).await, REFUSED);
    assert_eq!(proves(&app, &elsewhere, &basic(id, secret), "").await, REFUSED);
}

/// RFC 6749 §2.3, even if both are right.
#[tokio::test]
async fn two_methods_at_once_are_a_mistake() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &confidential()).await;
    let (id, secret) = (client.text("client_id"), client.text("client_secret"));
    let mistaken = Err((400, "invalid_request"));
    let in_body = format!("client_id={id}&client_secret={secret}");
    assert_eq!(proves(&app, &tenant, &basic(id, secret), &in_body).await, mistaken);
    let assertion =
        "client_assertion=e30.e30.e30&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(proves(&app, &tenant, &basic(id, secret), assertion).await, mistaken);
    assert_eq!(proves(&app, &tenant, &HeaderMap::new(), &format!("{in_body}&{assertion}")).await, mistaken);
    let mut twice = basic(id, secret);
    twice.append(AUTHORIZATION, twice[AUTHORIZATION].clone());
    assert_eq!(proves(&app, &tenant, &twice, "").await, mistaken);
}

#[tokio::test]
async fn a_client_that_is_stopped_or_gone_proves_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    for asked in [public(), confidential()] {
        let client = registered(&app, &tenant, &asked).await;
        let id = client.text("client_id");
        let headers = basic(id, client.body["client_secret"].as_str().unwrap_or_default());
        // What a client is told that is good again later is no reason to throw anything away.
        let barred = Err((400, "access_denied"));
        for (status, expected) in [
            (Status::Active, Ok(id.to_owned())),
            (Status::Pending, barred.clone()),
            (Status::Disabled, barred),
            (Status::Removed, REFUSED),
        ] {
            set_status(&app, &tenant, &client, status).await;
            assert_eq!(proves(&app, &tenant, &headers, "").await, expected, "{status:?}");
        }
    }
}

#[tokio::test]
async fn use_is_noted_to_the_hour() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    let id = ClientId::parse(client.text("client_id")).unwrap();
    let used = async || {
        let body = format!("client_id={id}");
        proves(&app, &tenant, &HeaderMap::new(), &body).await.unwrap();
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        clients::find(&mut tx, &id).await.unwrap().unwrap().last_used_at.unwrap()
    };
    let first = used().await;
    assert_eq!(first, app.clock.now());
    app.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(used().await, first);
    app.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(used().await, app.clock.now());
}
