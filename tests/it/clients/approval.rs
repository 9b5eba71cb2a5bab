//! Clients that an administrator must allow first.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use sallyport::{
    clients::{
        metadata::DEVICE_CODE,
        standing::{self, Remember, StandingError},
    },
    ids::ClientId,
};
use serde_json::{Value, json};

use super::{Answer, events, public, registered, settings};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, TestClient, oauth_error},
};

async fn asking() -> (TestApp, TestTenant) {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    settings(&app, &tenant, json!({ "registration": "approval" })).await;
    (app, tenant)
}

/// What a client of this name with these redirect URIs registers.
fn software(name: &str, uris: &[&str]) -> Value {
    json!({ "client_name": name, "redirect_uris": uris, "token_endpoint_auth_method": "none" })
}

fn holder(answer: &Answer) -> TestClient {
    TestClient { id: answer.text("client_id").to_owned(), secret: None, redirect_uri: CALLBACK.to_owned() }
}

async fn approve(
    app: &TestApp,
    tenant: &TestTenant,
    id: &str,
    remember: Remember,
) -> Result<Vec<ClientId>, StandingError> {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let approved = standing::approve(&mut tx, &app.recorder(), &ClientId::parse(id).unwrap(), remember).await?;
    tx.commit().await.unwrap();
    Ok(approved)
}

/// The status of the first page, which must send nobody anywhere, and the page.
async fn turned_away(flow: &Flow<'_>, client: &TestClient) -> (u16, String) {
    let response = flow.authorize(&flow.parameters(client)).await;
    assert!(response.headers().get("location").is_none(), "nothing goes to the client");
    let status = response.status().as_u16();
    let html = response.text().await.unwrap();
    assert!(!html.contains("error=") && !html.contains(CALLBACK), "no link carries an error to the client: {html}");
    (status, html)
}

#[tokio::test]
async fn a_client_waits_with_what_it_has_and_goes_on_when_it_is_allowed() {
    let (app, tenant) = asking().await;
    let flow = Flow::new(&app, &tenant);
    let answer = registered(&app, &tenant, &software("<b>Editor</b>", &[CALLBACK])).await;
    let client = holder(&answer);
    app.clock.advance(Duration::from_secs(180));

    let (status, html) = turned_away(&flow, &client).await;
    assert_eq!(status, 403);
    for said in [
        "An administrator must allow this application first",
        "Tenant acme",
        &client.id,
        "3 minutes ago",
        "&#60;b&#62;Editor",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
    // With a login it is the same page, and with any other parameter.
    let mut silent = flow.parameters(&client);
    silent.push(("prompt", "none".to_owned()));
    assert_eq!(flow.authorize(&silent).await.status(), 403);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "sp_rt_nonsense")];
    let (status, error) = oauth_error(flow.token(&client, &form).await).await;
    assert_eq!(
        (status, error.as_str()),
        (StatusCode::BAD_REQUEST, "access_denied"),
        "no reason to throw anything away"
    );

    let approved = approve(&app, &tenant, &client.id, Remember::No).await.unwrap();
    assert_eq!(approved.iter().map(ToString::to_string).collect::<Vec<_>>(), [client.id.as_str()]);
    let tokens = flow.tokens(&client).await;
    assert!(flow.accepts(&tokens.access).await);
    assert_eq!(events(&app, &tenant, "client.registered").await[0]["approval"], "awaited");
    let told = json!([{ "client": client.id, "remembered": false }]);
    assert_eq!(json!(events(&app, &tenant, "client.approved").await), told);
    let again = approve(&app, &tenant, &client.id, Remember::No).await;
    assert!(matches!(again, Err(StandingError::NotPending(_, "active"))), "{again:?}");
}

#[tokio::test]
async fn an_approval_is_for_one_client_of_one_tenant() {
    let (app, tenant) = asking().await;
    let other = app.tenant("other").await;
    settings(&app, &other, json!({ "registration": "approval" })).await;
    let (one, two) = (
        registered(&app, &tenant, &software("Editor", &[CALLBACK])).await,
        registered(&app, &tenant, &software("Editor", &[CALLBACK])).await,
    );
    let elsewhere = approve(&app, &other, one.text("client_id"), Remember::No).await;
    assert!(matches!(elsewhere, Err(StandingError::Gone(_))), "{elsewhere:?}");
    approve(&app, &tenant, one.text("client_id"), Remember::No).await.unwrap();
    let flow = Flow::new(&app, &tenant);
    assert_eq!(turned_away(&flow, &holder(&two)).await.0, 403, "the same name is another client");
    flow.tokens(&holder(&one)).await;
}

#[tokio::test]
async fn a_software_is_remembered_where_nobody_else_gets_its_answers() {
    let (app, tenant) = asking().await;
    settings(&app, &tenant, json!({ "registration": "approval", "device_flow": true })).await;
    let hosted = software("Hosted", &["https://hosted.example/cb", "https://hosted.example/two"]);
    let (one, two) = (registered(&app, &tenant, &hosted).await, registered(&app, &tenant, &hosted).await);
    let stranger = registered(&app, &tenant, &software("Hosted", &["https://evil.example/cb"])).await;
    let approved = approve(&app, &tenant, one.text("client_id"), Remember::Software).await.unwrap();
    let ids = |clients: &[ClientId]| clients.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ids(&approved), [one.text("client_id"), two.text("client_id")], "those who wait go on, too");

    let mut reordered = hosted.clone();
    reordered["redirect_uris"] = json!(["https://hosted.example/two", "https://hosted.example/cb"]);
    let later = registered(&app, &tenant, &reordered).await;
    let standing = async |answer: &Answer| {
        let page = app.http().get(format!("{}/authorize?client_id={}", tenant.issuer, answer.text("client_id")));
        page.send().await.unwrap().text().await.unwrap().contains("An administrator must allow")
    };
    assert!(!standing(&later).await);
    assert!(standing(&stranger).await);
    for (name, value) in [
        ("client_name", json!("Hosted 2")),
        ("software_id", json!("x")),
        // Its answers would go to whoever began at a device.
        ("grant_types", json!(["authorization_code", DEVICE_CODE])),
        ("redirect_uris", json!(["https://hosted.example/cb"])),
        ("redirect_uris", json!(["https://hosted.example/cb", "https://hosted.example/two", "https://evil.example/"])),
    ] {
        let mut different = hosted.clone();
        different[name] = value;
        assert!(standing(&registered(&app, &tenant, &different).await).await, "{different}");
    }
    let told = events(&app, &tenant, "client.registered").await;
    let told = told.iter().find(|event| event["client"] == later.body["client_id"]).unwrap();
    assert_eq!(told["approval"], "remembered");

    let mut by_device = hosted.clone();
    by_device["grant_types"] = json!([DEVICE_CODE]);
    let by_device = registered(&app, &tenant, &by_device).await;
    let refused = approve(&app, &tenant, by_device.text("client_id"), Remember::Software).await;
    assert!(matches!(refused, Err(StandingError::Unproved(_))), "{refused:?}");

    // Whoever is stopped does not come back by registering anew.
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let id = ClientId::parse(later.text("client_id")).unwrap();
    let ticket = standing::suspend(&mut tx, &app.recorder(), &id, None).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    assert!(standing(&registered(&app, &tenant, &hosted).await).await);
}

#[tokio::test]
async fn programs_on_a_persons_computer_are_remembered_only_by_who_says_that_they_prove_nothing() {
    let (app, tenant) = asking().await;
    let waiting = registered(&app, &tenant, &software("Editor", &["http://localhost:1/callback"])).await;
    let id = waiting.text("client_id");
    let refused = approve(&app, &tenant, id, Remember::Software).await;
    assert!(matches!(refused, Err(StandingError::Unproved(_))), "{refused:?}");
    assert!(events(&app, &tenant, "client.approved").await.is_empty());
    approve(&app, &tenant, id, Remember::WhateverSaysSo).await.unwrap();

    let flow = Flow::new(&app, &tenant);
    let again = registered(&app, &tenant, &software("Editor", &["http://localhost:4711/callback"])).await;
    let client = TestClient { redirect_uri: "http://localhost:9/callback".to_owned(), ..holder(&again) };
    // It may ask, and every person is asked.
    let html = flow.consent_page(&flow.parameters(&client)).await;
    assert!(html.contains("Nobody has checked it."), "{html}");
}

#[tokio::test]
async fn a_client_cannot_make_another_software_of_itself_than_an_administrator_looks_at() {
    let (app, tenant) = asking().await;
    let client = registered(&app, &tenant, &software("Editor", &[CALLBACK])).await;
    let replace = async |name: &str, uri: &str| {
        let mut body = software(name, &[uri]);
        body["client_id"] = client.body["client_id"].clone();
        let put = app.http().put(client.text("registration_client_uri")).json(&body);
        Answer::of(put.bearer_auth(client.text("registration_access_token"))).await
    };
    for waits in [true, false] {
        for (name, uri) in [("Bank", CALLBACK), ("Editor", "https://evil.example/cb")] {
            assert_eq!(replace(name, uri).await.error(), (403, "access_denied"), "{name} {uri}");
        }
        assert_eq!(replace("Editor", "http://127.0.0.1:1/callback").await.status, 200, "another port is the same");
        if waits {
            approve(&app, &tenant, client.text("client_id"), Remember::No).await.unwrap();
        }
    }
    let counted = crate::audit::tally(&crate::audit::refusals_of(&app, tenant.id).await);
    assert_eq!(counted["registration.refused approved_client"], 4);
}

#[tokio::test]
async fn many_approvals_at_once_are_one() {
    let (app, tenant) = asking().await;
    let waiting: Vec<Answer> = join_all((0..4).map(|_| async { registered(&app, &tenant, &public()).await })).await;
    let id = waiting[0].text("client_id");
    let remember = Remember::WhateverSaysSo;
    let (app, tenant) = (&app, &tenant);
    let same = (0..16).map(|at| async move {
        if at % 2 == 0 {
            approve(app, tenant, id, Remember::No).await
        } else {
            approve(app, tenant, id, remember).await
        }
    });
    let done = join_all(same).await;
    assert!(done.iter().filter(|done| done.is_ok()).count() >= 8);
    assert!(done.iter().all(|done| matches!(done, Ok(_) | Err(StandingError::NotPending(..)))), "{done:?}");
    let waiting = "select count(*) from client where status = 'pending'";
    let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(waiting, 0);
}
