//! What changes between the request and the answer.

use std::time::Duration;

use futures_util::future::join;
use reqwest::{Method, Response, StatusCode};
use sallyport::{
    store::grants::many::Selection,
    token::{
        kill_switch,
        revoke::{self, Reason},
    },
};
use serde_json::{Value, json};
use sqlx::types::Uuid;

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient, Tokens, hidden, location, query},
};

const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];
const DAY: Duration = Duration::from_secs(86_400);

/// A client that registered itself and can change its registration.
struct Owner {
    client: TestClient,
    registration: Value,
}

impl Owner {
    async fn register(app: &TestApp, tenant: &TestTenant, redirect_uris: &[&str]) -> Self {
        let body =
            json!({ "client_name": "Notes", "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none" });
        let url = format!("{}/register", tenant.issuer);
        let registration: Value = app.browser().post(url).json(&body).send().await.unwrap().json().await.unwrap();
        let id = registration["client_id"].as_str().unwrap().to_owned();
        let client = TestClient { id, secret: None, redirect_uri: redirect_uris[0].to_owned() };
        Self { client, registration }
    }

    async fn manage(&self, app: &TestApp, method: Method, body: &Value) -> Response {
        let text = |member: &str| self.registration[member].as_str().unwrap();
        let request = app.browser().request(method, text("registration_client_uri"));
        request.bearer_auth(text("registration_access_token")).json(body).send().await.unwrap()
    }

    async fn replace(&self, app: &TestApp, name: &str, redirect_uris: &[&str]) {
        let body = json!({
            "client_id": self.client.id, "client_name": name, "redirect_uris": redirect_uris,
            "token_endpoint_auth_method": "none",
        });
        assert_eq!(self.manage(app, Method::PUT, &body).await.status(), StatusCode::OK);
    }
}

const WEB: &str = "https://notes.example/callback";

/// What the person was shown and what is written down must be one thing.
#[tokio::test]
async fn a_client_that_changes_while_its_page_is_read_gets_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for (name, uris) in [("Trusted Bank", &[WEB][..]), ("Notes", &["https://other.example/"])] {
        let owner = Owner::register(&app, &tenant, &[WEB]).await;
        let html = flow.consent_page(&flow.parameters(&owner.client)).await;
        owner.replace(&app, name, uris).await;
        for decision in ["approve", "deny"] {
            let response = flow.decide(&html, decision, &BOTH).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
            assert!(response.headers().get("location").is_none());
        }
    }
    let given: i64 = sqlx::query_scalar("select count(*) from consent").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(given, 0);
}

/// A request that was written down just after its client gave up the address that it names.
#[tokio::test]
async fn an_answer_goes_to_registered_addresses_only() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], false).await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    sqlx::query("update interaction set redirect_uri = 'https://gone.example/callback'")
        .execute(&app.db.owner)
        .await
        .unwrap();
    assert_eq!(flow.decide(&html, "approve", &BOTH).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_that_is_removed_while_its_page_is_read_gets_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let owner = Owner::register(&app, &tenant, &[WEB]).await;
    let html = flow.consent_page(&flow.parameters(&owner.client)).await;
    let code = flow.code(&owner.client).await;
    assert_eq!(owner.manage(&app, Method::DELETE, &json!({})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(flow.decide(&html, "approve", &BOTH).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(flow.redeem(&owner.client, &code).await.status(), StatusCode::UNAUTHORIZED);
}

/// The page of a request of a client that may skip it, or none and a code.
async fn asks(flow: &Flow<'_>, client: &TestClient) -> bool {
    let mut response = flow.authorize(&flow.parameters(client)).await;
    while response.status() == StatusCode::SEE_OTHER {
        let to = location(&response);
        if to.starts_with(WEB) {
            assert!(query(&to, "code").is_some(), "{to}");
            return false;
        }
        response = flow.get(&to).await;
    }
    let html = response.text().await.unwrap();
    assert!(html.contains("name=\"decision\""), "{html}");
    true
}

#[tokio::test]
async fn whoever_takes_a_grant_back_is_asked_before_there_is_another() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], false).await;
    flow.code(&client).await;
    assert!(!asks(&flow, &client).await);

    let grant: Uuid = sqlx::query_scalar("select id from access_grant").fetch_one(&app.db.owner).await.unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let grant = sallyport::ids::GrantId(grant);
    let ticket = revoke::grant(&mut tx, &app.recorder(), grant, Reason::PersonRevoked).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    assert!(asks(&flow, &client).await);
}

/// The form of the account page that takes back the person's one grant.
async fn take_back(flow: &Flow<'_>) -> Response {
    let page = flow.get("/t/acme/account").await.text().await.unwrap();
    let (csrf, grant) = (hidden(&page, "csrf"), hidden(&page, "grant"));
    flow.post("/t/acme/account/revoke", &[("csrf", &csrf), ("grant", &grant)]).await
}

/// It had looked at the consent already, and is as late as can be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_gets_no_code_out_of_a_consent_that_was_taken_back() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], false).await;
    flow.code(&client).await;
    let login = location(&flow.authorize(&flow.parameters(&client)).await);
    let consent = location(&flow.get(&login).await);

    let mut gate = app.db.owner.begin().await.unwrap();
    sqlx::query("select from interaction for update").execute(&mut *gate).await.unwrap();
    let taken_back = async {
        app.db.waiting(1).await;
        assert_eq!(take_back(&flow).await.status(), StatusCode::SEE_OTHER);
        gate.rollback().await.unwrap();
    };
    let (late, ()) = join(flow.get(&consent), taken_back).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    assert!(late.headers().get("location").is_none());
    assert!(asks(&flow, &client).await);
}

/// Both want the grant and the consent. In whatever order they come, both are answered, and whoever came last has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_and_a_taking_back_do_not_wait_for_each_other() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], false).await;
    flow.code(&client).await;
    let mut parameters = flow.parameters(&client);
    parameters.push(("prompt", "consent".to_owned()));
    let html = flow.consent_page(&parameters).await;

    let mut gate = app.db.owner.begin().await.unwrap();
    sqlx::query("select from consent for update").execute(&mut *gate).await.unwrap();
    let taken_back = async {
        app.db.waiting(1).await;
        let opened = async {
            app.db.waiting(2).await;
            gate.rollback().await.unwrap();
        };
        join(take_back(&flow), opened).await.0
    };
    let (approved, taken_back) = join(flow.decide(&html, "approve", &BOTH), taken_back).await;
    assert_eq!((approved.status(), taken_back.status()), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
    let code = query(&location(&approved), "code").unwrap();
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::BAD_REQUEST);
    assert!(asks(&flow, &client).await);
}

/// The kill switch waits for the grant while an approval writes down a consent that was not there before, and another
/// installation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_switch_that_waited_for_an_approval_takes_all_of_it_back() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB, "https://notes.example/other"], false).await;
    let other = TestClient { redirect_uri: "https://notes.example/other".to_owned(), ..client.clone() };
    flow.code(&other).await;
    let html = flow.consent_page(&flow.parameters(&client)).await;

    // The approval has widened the grant and written the consent, and comes to the family.
    let mut gate = app.db.owner.begin().await.unwrap();
    sqlx::query("lock table family in exclusive mode").execute(&mut *gate).await.unwrap();
    let revoked = async {
        app.db.waiting(1).await;
        let opened = async {
            app.db.waiting(2).await;
            gate.rollback().await.unwrap();
        };
        let (recorder, all) = (app.recorder(), [(tenant.id, Selection::default())]);
        join(kill_switch::revoke(&app.app.store, &recorder, &all), opened).await.0.unwrap()
    };
    let (approved, (revoked, _ticket)) = join(flow.decide(&html, "approve", &BOTH), revoked).await;
    assert_eq!(approved.status(), StatusCode::SEE_OTHER);
    assert_eq!((revoked.grants, revoked.installations), (1, 2));
    let in_force = "select count(*) from consent where voided_at is null";
    assert_eq!(sqlx::query_scalar::<_, i64>(in_force).fetch_one(&app.db.owner).await.unwrap(), 0);
    assert!(asks(&flow, &client).await);
}

/// The page says how long it lasts. Skipping it does not make that longer.
#[tokio::test]
async fn a_consent_lasts_as_long_as_its_page_said() {
    let app = TestApp::start_with(|config| {
        config.tokens.family = 10 * DAY;
        config.tokens.refresh_idle = 10 * DAY;
        config.login.session = 30 * DAY;
    })
    .await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], false).await;
    flow.code(&client).await;
    app.clock.advance(9 * DAY);
    let mut response = flow.authorize(&flow.parameters(&client)).await;
    while !location(&response).starts_with(WEB) {
        response = flow.get(&location(&response)).await;
    }
    let code = query(&location(&response), "code").unwrap();
    let tokens = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    app.clock.advance(DAY);
    assert_eq!(flow.refresh(&client, &tokens.refresh).await.status(), StatusCode::BAD_REQUEST);
    assert!(asks(&flow, &client).await);
}
