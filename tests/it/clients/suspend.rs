//! Suspended and removed clients: what they are told, and that nothing is lost.

use reqwest::StatusCode;
use sallyport::{
    clients::standing::{self, StandingError},
    ids::ClientId,
    token::revoke::Reason,
};
use serde_json::json;

use super::{Answer, events, registered};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, TestClient, Tokens, oauth_error},
};

async fn suspend(app: &TestApp, tenant: &TestTenant, id: &str, reason: Option<&str>) -> Result<(), StandingError> {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let ticket = standing::suspend(&mut tx, &app.recorder(), &ClientId::parse(id).unwrap(), reason).await?;
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    Ok(())
}

async fn resume(app: &TestApp, tenant: &TestTenant, id: &str) -> Result<(), StandingError> {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    standing::resume(&mut tx, &app.recorder(), &ClientId::parse(id).unwrap()).await?;
    tx.commit().await.unwrap();
    Ok(())
}

#[tokio::test]
async fn a_suspended_client_is_refused_and_loses_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for confidential in [false, true] {
        let client = flow.client_with(&[CALLBACK], confidential).await;
        let held = flow.tokens(&client).await;
        let code = flow.code(&client).await;
        assert!(flow.accepts(&held.access).await);

        suspend(&app, &tenant, &client.id, Some("asks for too much <b>")).await.unwrap();
        assert!(!flow.accepts(&held.access).await, "no token is accepted");
        let call = app.http().post(&tenant.server.resource).bearer_auth(&held.access).send().await.unwrap();
        assert_eq!(call.status(), 401);
        let denied = (StatusCode::BAD_REQUEST, "access_denied".to_owned());
        assert_eq!(oauth_error(flow.refresh(&client, &held.refresh).await).await, denied);
        assert_eq!(oauth_error(flow.redeem(&client, &code).await).await, denied);
        let page = flow.authorize(&flow.parameters(&client)).await;
        assert!(page.status() == 403 && page.headers().get("location").is_none());
        let html = page.text().await.unwrap();
        for said in
            ["is suspended", "Test client", "asks for too much &#60;b&#62;", &client.id, "Nothing of yours is lost"]
        {
            assert!(html.contains(said), "{said}: {html}");
        }

        resume(&app, &tenant, &client.id).await.unwrap();
        assert!(flow.accepts(&held.access).await, "the token that was out works again");
        assert_eq!(flow.redeem(&client, &code).await.status(), 200, "the code had not been used up");
        let refreshed = flow.refresh(&client, &held.refresh).await;
        assert_eq!(refreshed.status(), 200);
        let refreshed = Tokens::read(&refreshed.json().await.unwrap());
        assert!(flow.accepts(&refreshed.access).await);
        let told = |kind: &'static str| events(&app, &tenant, kind);
        assert!(told("client.suspended").await.contains(&json!({ "client": client.id })));
        assert!(told("client.resumed").await.contains(&json!({ "client": client.id })));
    }
    assert!(events(&app, &tenant, "grant.revoked").await.is_empty());
    assert!(events(&app, &tenant, "family.revoked").await.is_empty());
}

#[tokio::test]
async fn who_does_not_prove_itself_hears_nothing_of_a_suspension() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[CALLBACK], true).await;
    suspend(&app, &tenant, &client.id, None).await.unwrap();
    let other = flow.client_with(&[CALLBACK], true).await;
    let mistaken = TestClient { secret: other.secret, ..client.clone() };
    let unproved = TestClient { secret: None, ..client.clone() };
    for (client, error) in [(&mistaken, "invalid_client"), (&unproved, "invalid_client"), (&client, "access_denied")] {
        assert_eq!(oauth_error(flow.refresh(client, "sp_rt_nonsense").await).await.1, error);
    }
}

#[tokio::test]
async fn a_suspension_is_said_once_and_can_be_explained_later() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let not_yet = resume(&app, &tenant, &client.id).await;
    assert!(matches!(not_yet, Err(StandingError::NotSuspended(_))));
    let elsewhere = suspend(&app, &other, &client.id, None).await;
    assert!(matches!(elsewhere, Err(StandingError::Gone(_))));
    for reason in ["", " ", "two\nlines", &"x".repeat(301)] {
        assert!(matches!(suspend(&app, &tenant, &client.id, Some(reason)).await, Err(StandingError::Reason)));
    }
    suspend(&app, &tenant, &client.id, None).await.unwrap();
    let html = async || flow.authorize(&flow.parameters(&client)).await.text().await.unwrap();
    assert!(html().await.contains("No reason was given"));
    suspend(&app, &tenant, &client.id, Some("under review")).await.unwrap();
    suspend(&app, &tenant, &client.id, None).await.unwrap();
    assert!(html().await.contains("under review"));
    assert_eq!(events(&app, &tenant, "client.suspended").await.len(), 1);
    resume(&app, &tenant, &client.id).await.unwrap();
    flow.tokens(&client).await;
}

#[tokio::test]
async fn a_client_that_waited_waits_again_when_it_is_resumed() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    app.settings(&tenant, json!({ "registration": "approval" })).await;
    let answer = registered(&app, &tenant, &super::public()).await;
    let id = answer.text("client_id");
    suspend(&app, &tenant, id, None).await.unwrap();
    let manage =
        |request: reqwest::RequestBuilder| Answer::of(request.bearer_auth(answer.text("registration_access_token")));
    let uri = answer.text("registration_client_uri");
    assert_eq!(manage(app.http().get(uri)).await.status, 200, "its owner still sees it");
    let mut body = super::public();
    body["client_id"] = json!(id);
    assert_eq!(manage(app.http().put(uri).json(&body)).await.error(), (403, "access_denied"));
    resume(&app, &tenant, id).await.unwrap();
    assert_eq!(manage(app.http().put(uri).json(&body)).await.status, 200);
    let status: String =
        sqlx::query_scalar("select status from client where id = $1").bind(id).fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(status, "pending");
    assert_eq!(manage(app.http().delete(uri)).await.status, 204);
}

#[tokio::test]
async fn a_removed_client_is_unknown_and_its_person_is_told_what_to_do() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let held = flow.tokens(&client).await;
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let id = ClientId::parse(&client.id).unwrap();
    let ticket = standing::remove(&mut tx, &app.recorder(), &id).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    assert!(!flow.accepts(&held.access).await);
    assert_eq!(oauth_error(flow.refresh(&client, &held.refresh).await).await.1, "invalid_client");
    let page = flow.authorize(&flow.parameters(&client)).await;
    assert!(page.status() == 400 && page.headers().get("location").is_none());
    let html = page.text().await.unwrap();
    assert!(
        html.contains("registration was removed") && html.contains("remove this server and add it again"),
        "{html}"
    );
    let revoked = events(&app, &tenant, "grant.revoked").await;
    assert_eq!(revoked[0]["reason"], Reason::ClientRemoved.word());
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let again = standing::remove(&mut tx, &app.recorder(), &id).await;
    assert!(matches!(again, Err(StandingError::Gone(_))));
}

#[tokio::test]
async fn who_comes_with_a_client_that_may_do_nothing_is_counted() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for (status, page) in [("pending", 403), ("disabled", 403), ("removed", 400)] {
        let client = flow.client().await;
        sqlx::query("update client set status = $1 where id = $2")
            .bind(status)
            .bind(&client.id)
            .execute(&app.db.owner)
            .await
            .unwrap();
        assert_eq!(flow.authorize(&flow.parameters(&client)).await.status(), page, "{status}");
        let answer = oauth_error(flow.refresh(&client, "sp_rt_nonsense").await).await;
        let expected = if status == "removed" { "invalid_client" } else { "access_denied" };
        assert_eq!(answer.1, expected, "{status}");
        let answer = oauth_error(flow.client_post("revoke", &client, &[("token", "nonsense")]).await).await;
        assert_eq!(answer.1, expected, "{status}");
    }
    let counted = crate::audit::tally(&crate::audit::refusals_of(&app, tenant.id).await);
    let expected = [
        ("authorization.refused pending_client", 1),
        ("authorization.refused removed_client", 1),
        ("authorization.refused suspended_client", 1),
        ("client.refused", 2),
        ("token.refused other pending_client", 1),
        ("token.refused other suspended_client", 1),
        ("token.refused refresh_token pending_client", 1),
        ("token.refused refresh_token suspended_client", 1),
    ];
    assert_eq!(counted, expected.map(|(what, count)| (what.to_owned(), count)).into());
}
