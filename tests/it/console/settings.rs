//! The tenant's settings and keys in the console.

use crate::{
    console::{clients::administrator, providers::send},
    harness::{app::TestApp, console::csrf},
};

#[tokio::test]
async fn settings_are_edited_and_two_editors_are_told() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let path = "/console/t/acme/settings/edit";
    let page = browser.get(path).await;
    let (token, seen) = (csrf(&page.body), page.hidden("seen"));
    let post = async |seen: &str, name: &str, rule: &str, days: &str| {
        let fields =
            [("csrf", &*token), ("seen", seen), ("name", name), ("registration", rule), ("unused_client_days", days)];
        browser.post(path, &fields).await
    };
    for (name, rule, days) in
        [("", "open", ""), ("Acme", "sometimes", ""), ("Acme", "open", "0"), ("Acme", "open", "many")]
    {
        assert_eq!(post(&seen, name, rule, days).await.status, 400, "{name} {rule} {days}");
    }
    let done = post(&seen, "Acme & sons", "approval", "30").await;
    let shown = browser.get(done.location()).await.body;
    assert!(shown.contains("it waits for an administrator") && shown.contains("30 days"), "{shown}");
    let late = post(&seen, "Late", "open", "").await;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("changed by somebody else"), "{}", late.body);
    // At once, on the pages of people, too.
    let login = app.browser().get(app.url("/t/acme/login")).send().await.unwrap().text().await.unwrap();
    assert!(login.contains("Acme &#38; sons") || login.contains("Acme &amp; sons"), "{login}");
}

/// What the form has, `apply` has, too, under the same checks; and a form without a field leaves it as it is.
#[tokio::test]
async fn how_programs_come_and_what_they_may_is_edited() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let path = "/console/t/acme/settings/edit";
    let post = async |fields: &[(&str, &str)]| {
        let page = browser.get(path).await;
        let (token, seen) = (csrf(&page.body), page.hidden("seen"));
        let own = [("csrf", &*token), ("seen", &*seen), ("name", "Acme"), ("registration", "open")];
        browser.post(path, &[&own[..], fields].concat()).await
    };
    for (wrong, says) in [
        (("documents", "listed"), "from which hosts"),
        (("documents", "maybe"), "Hosts of documents"),
        (("redirect_schemes", "javascript"), "More schemes of redirect addresses holds something wrong"),
        (("allowed_origins", "https://a.example/path"), "Web pages that may call must hold"),
        (("software_statements", "{"), "Who vouches for software"),
        (("audience", "anybody"), "Say whom programs that sign"),
        (("registration", "software_statement"), "more than once"),
    ] {
        let page = post(&[wrong]).await;
        assert_eq!(page.status, 400, "{wrong:?}");
        assert!(page.body.contains(says), "{wrong:?}: {}", page.body);
    }
    // All that is wrong at once, each beside its field.
    let page = post(&[("unused_client_days", "many"), ("session_hours", "0"), ("software_statements", "{nope")]).await;
    assert_eq!(
        (page.status.as_u16(), page.body.matches("<strong class=\"wrong\">").count()),
        (400, 3),
        "{}",
        page.body
    );
    assert!(page.body.contains("cannot be read from line 1, character 2 on"), "{}", page.body);
    let listed = post(&[("documents", "listed"), ("hosts", "claude.ai\r\n Not a host")]).await;
    assert!(listed.status == 400 && listed.body.contains("claude.ai\r\n Not a host"), "{}", listed.body);
    let done = post(&[
        ("documents", "listed"),
        ("hosts", "claude.ai\r\n*.example.com\r\n"),
        ("redirect_schemes", "myeditor"),
        ("devices", "no"),
        ("audience", "issuer"),
        ("full_scopes", "Old program"),
        ("allowed_origins", "https://inspector.example"),
    ])
    .await;
    let shown = browser.get(done.location()).await.body;
    for word in [
        "*.example.com",
        "myeditor",
        "May not ask",
        "For the issuer only",
        "Old program (no client is called so)",
        "https://inspector.example",
    ] {
        assert!(shown.contains(word), "{word} is not in {shown}");
    }
    // A form that says nothing of these.
    let done = post(&[("unused_client_days", "9")]).await;
    assert!(browser.get(done.location()).await.body.contains("myeditor"));
    let settings: serde_json::Value = sqlx::query_scalar("select settings from tenant where id = $1")
        .bind(tenant.id.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    assert_eq!(settings["metadata_documents"], serde_json::json!(["claude.ai", "*.example.com"]));
    assert_eq!(settings["device_flow"], false);
    let events = app.app.store.audit_recent(tenant.id, 20).await.unwrap();
    let fields = |event: &sallyport::store::audit::EventRow| event.body["fields"].to_string();
    assert!(events.iter().any(|event| fields(event).contains("myeditor")), "before and after are in the log");
}

#[tokio::test]
async fn keys_are_rotated() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let token = csrf(&browser.get("/console/t/acme/keys/rotate").await.body);
    let done = browser.post("/console/t/acme/keys/rotate", &[("csrf", &token)]).await;
    let shown = browser.get(done.location()).await.body;
    assert_eq!(shown.matches("Published, signs soon").count(), 2, "{shown}");
    let again = browser.post("/console/t/acme/keys/rotate", &[("csrf", &token)]).await;
    assert!(again.location().contains("done=nothing"), "{}", again.location());
}

/// Nobody is locked out by accident: without a provider that is in use, passwords are taken.
#[tokio::test]
async fn passwords_are_refused_only_where_there_is_another_way() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let path = "/console/t/acme/settings/edit";
    let refuse = async || {
        let page = browser.get(path).await;
        let (token, seen) = (csrf(&page.body), page.hidden("seen"));
        let own = [("csrf", &*token), ("seen", &*seen), ("name", "Acme"), ("registration", "open")];
        browser.post(path, &[&own[..], &[("passwords", "refused")]].concat()).await
    };
    let page = refuse().await;
    assert!(page.status == 400 && page.body.contains("obody could log in without a password"), "{}", page.body);
    let new = "/console/t/acme/providers/-/new";
    let fields = [
        ("name", "Staff"),
        ("slug", "staff"),
        ("issuer", "https://login.example.com/realms/staff"),
        ("client_id", "sallyport"),
        ("auth_method", "client_secret_post"),
        ("client_secret", "not a real one"),
        ("accounts", "create"),
        ("logout", "sessions"),
        ("scopes", "profile"),
        ("ES256", "yes"),
    ];
    assert_eq!(send(&browser, new, &fields).await.status, 303);
    let done = refuse().await;
    let shown = browser.get(done.location()).await.body;
    assert!(shown.contains("Are not taken"), "{shown}");
    let login = app.browser().get(app.url("/t/acme/login")).send().await.unwrap().text().await.unwrap();
    assert!(!login.contains("name=\"password\"") && login.contains("Staff"), "{login}");
}
