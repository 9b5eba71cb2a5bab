//! Clients in the console.

use serde_json::{Value, json};

use crate::harness::{
    app::{TestApp, TestTenant},
    browser::TestBrowser,
    console::{appoint, csrf},
    flow::{CALLBACK, Flow},
};

/// An administrator who is logged in.
pub(crate) async fn administrator(app: &TestApp) -> (TestTenant, TestBrowser) {
    let tenant = app.tenant("acme").await;
    appoint(app, tenant.person.id, "administrator").await;
    let browser = TestBrowser::new(app);
    browser.log_in(&tenant, &tenant.person).await;
    (tenant, browser)
}

async fn register(app: &TestApp, tenant: &TestTenant, name: &str, callback: &str) -> String {
    let body = json!({ "client_name": name, "redirect_uris": [callback], "token_endpoint_auth_method": "none" });
    let request = app.http().post(format!("{}/register", tenant.issuer)).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["client_id"].as_str().expect("a client").to_owned()
}

#[tokio::test]
async fn a_client_that_waits_is_approved_and_asks_people() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    app.settings(&tenant, json!({ "registration": "approval" })).await;
    let id = register(&app, &tenant, "Notes", "https://notes.example/cb").await;
    let overview = browser.get("/console/t/acme").await.body;
    assert!(overview.contains("1 client waits for an approval"), "{overview}");
    let list = browser.get("/console/t/acme/clients?status=pending").await.body;
    assert!(list.contains("Notes") && list.contains("Waits for approval"), "{list}");
    let path = format!("/console/t/acme/clients/{id}/approve");
    let page = browser.get(&path).await.body;
    assert!(page.contains("https://notes.example/cb"), "{page}");
    let done = browser.post(&path, &[("csrf", &csrf(&page)), ("remember", "yes")]).await;
    let shown = browser.get(done.location()).await.body;
    assert!(shown.contains("Approved 1 client") && shown.contains("are approved at once"), "{shown}");
    // A second approval finds that somebody was quicker.
    let again = browser.post(&path, &[("csrf", &csrf(&page))]).await;
    assert_eq!(again.status, 409);
    assert!(again.body.contains("somebody else was quicker"), "{}", again.body);
    // Who did it is in the log.
    let events = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    let approved = events.iter().find(|event| event.kind == "client.approved").expect("an event");
    assert_eq!(approved.body["actor"], json!({ "kind": "person", "person": tenant.person.id.to_string() }));
    // The next of its kind needs nobody.
    register(&app, &tenant, "Notes", "https://notes.example/cb").await;
    assert!(browser.get("/console/t/acme/clients?status=pending").await.body.contains("Nothing here fits"));
}

/// Whoever waits can be told no, with a reason, and can be let wait again.
#[tokio::test]
async fn a_client_that_waits_is_refused() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    app.settings(&tenant, json!({ "registration": "approval" })).await;
    let id = register(&app, &tenant, "Notes", "https://notes.example/cb").await;
    let at = format!("/console/t/acme/clients/{id}");
    let shown = browser.get(&at).await.body;
    assert!(shown.contains(">Refuse<") && !shown.contains(">Suspend<"), "{shown}");
    let path = format!("{at}/suspend");
    let page = browser.get(&path).await.body;
    assert!(page.contains("Refuse this client?"), "{page}");
    let done = browser.post(&path, &[("csrf", &csrf(&page)), ("reason", "Not ours")]).await;
    let shown = browser.get(done.location()).await.body;
    assert!(shown.contains("Suspended: Not ours"), "{shown}");
    assert!(!browser.get("/console/t/acme").await.body.contains("waits for an approval"));
    let page = browser.get(&format!("{at}/resume")).await.body;
    browser.post(&format!("{at}/resume"), &[("csrf", &csrf(&page))]).await;
    assert!(browser.get("/console/t/acme").await.body.contains("1 client waits for an approval"));
}

#[tokio::test]
async fn what_cannot_prove_itself_is_remembered_only_knowingly() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    app.settings(&tenant, json!({ "registration": "approval" })).await;
    let id = register(&app, &tenant, "Local", "http://127.0.0.1/cb").await;
    let path = format!("/console/t/acme/clients/{id}/approve");
    let token = csrf(&browser.get(&path).await.body);
    let refused = browser.post(&path, &[("csrf", &token), ("remember", "yes")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("any program there can call itself so"), "{}", refused.body);
    assert!(refused.body.contains("name=\"remember\" value=\"yes\" checked"), "the tick stays: {}", refused.body);
    let alone = browser.post(&path, &[("csrf", &token), ("unproved", "yes")]).await;
    assert!(alone.status == 400 && alone.body.contains("tick both, or neither"), "{}", alone.body);
    let done = browser.post(&path, &[("csrf", &token), ("remember", "yes"), ("unproved", "yes")]).await;
    assert!(done.location().contains("done=approved-many"), "{}", done.location());
}

#[tokio::test]
async fn a_suspended_client_is_refused_until_it_is_resumed() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[CALLBACK], false).await;
    let tokens = flow.tokens(&client).await;
    assert!(flow.accepts(&tokens.access).await);
    let at = format!("/console/t/acme/clients/{}", client.id);
    let act = async |word: &str, fields: &[(&str, &str)]| {
        let path = format!("{at}/{word}");
        let token = csrf(&browser.get(&path).await.body);
        let fields = [&[("csrf", token.as_str())], fields].concat();
        let done = browser.post(&path, &fields).await;
        browser.get(done.location()).await.body
    };
    let shown = act("suspend", &[("reason", "under <b>review</b>")]).await;
    assert!(!flow.accepts(&tokens.access).await);
    assert!(shown.contains("refused everywhere after"), "{shown}");
    assert!(shown.contains("under &#60;b&#62;review") || shown.contains("under &lt;b&gt;review"), "{shown}");
    act("resume", &[]).await;
    assert!(flow.accepts(&tokens.access).await);
    let shown = act("remove", &[]).await;
    assert!(shown.contains("Removed, with all that was granted"), "{shown}");
    assert!(!flow.accepts(&tokens.access).await);
    assert_eq!(browser.get(&at).await.status, 404);
}

/// Ids of clients that a document describes are addresses.
#[tokio::test]
async fn an_address_is_an_id_like_any_other() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let client = Flow::new(&app, &tenant).client().await;
    let rename = "update client set id = 'https://a.example/client.json', origin = 'document' where id = $1";
    sqlx::query(rename).bind(&client.id).execute(&app.db.owner).await.unwrap();
    let list = browser.get("/console/t/acme/clients").await.body;
    let href = "/console/t/acme/clients/https%3A%2F%2Fa.example%2Fclient.json";
    assert!(list.contains(href), "{list}");
    let page = browser.get(href).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("By its document"), "{}", page.body);
    assert_eq!(browser.get(&format!("{href}/suspend")).await.status, 200);
}

/// Some programs register anew for every connection.
#[tokio::test]
async fn registrations_of_one_software_are_one_line() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    for port in [1001, 1002, 1003] {
        register(&app, &tenant, "Editor", &format!("http://127.0.0.1:{port}/cb")).await;
    }
    let other = register(&app, &tenant, "Editor", "https://editor.example/cb").await;
    let list = browser.get("/console/t/acme/clients").await.body;
    assert_eq!(list.matches("<bdi>Editor</bdi>").count(), 2, "{list}");
    assert!(list.contains("\u{d7}3"), "{list}");
    let page = browser.get(&format!("/console/t/acme/clients/{other}")).await.body;
    assert!(!page.contains("Other registrations of its kind"), "{page}");
}
