//! Wrong codes: how many, and for whom that counts.

use std::time::Duration;

use reqwest::{StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use crate::harness::{
    app::TestApp,
    browser::TestBrowser,
    device::TestDevice,
    flow::{Flow, hidden, location, oauth_error},
};

const WRONG: &str = "BBBB-BBBB";

#[tokio::test]
async fn a_wrong_code_is_said_to_be_wrong_and_the_right_one_still_works() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    for (typed, words) in [("", "eight letters"), ("hello", "eight letters"), (WRONG, "No device is waiting")] {
        let response = flow.enter(typed).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let html = response.text().await.unwrap();
        assert!(html.contains(words) && html.contains("role=\"alert\""), "{typed}: {html}");
    }
    let html = flow.enter("<script>alert(1)</script>").await.text().await.unwrap();
    assert!(!html.contains("<script"), "{html}");
    flow.allow(&device).await;
}

/// Ten wrong ones in a quarter of an hour, durably; neither a right one in between nor another process begins it anew.
#[tokio::test]
async fn ten_wrong_codes_are_enough_for_a_person() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    for _ in 0..9 {
        assert_eq!(flow.enter(WRONG).await.status(), StatusCode::BAD_REQUEST);
    }
    let own = flow.device(&client).await;
    assert_eq!(flow.enter(&own.user_code).await.status(), StatusCode::SEE_OTHER, "a right code is no failure");
    assert_eq!(flow.enter("not a code").await.status(), StatusCode::BAD_REQUEST, "what cannot be right is no guess");
    assert_eq!(flow.enter(WRONG).await.status(), StatusCode::BAD_REQUEST);
    for code in [WRONG, &own.user_code] {
        let response = flow.enter(code).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "900");
        assert!(response.text().await.unwrap().contains("not looked at"));
    }
    // Another person at the same address goes on; so does this one after a while.
    app.clock.advance(Duration::from_secs(901));
    let fresh = flow.device(&client).await;
    flow.allow(&fresh).await;
}

/// Whoever has many accounts has one network.
#[tokio::test]
async fn an_address_has_its_own_limit() {
    let app = TestApp::start_with(|config| config.login.throttle.per_address = 5).await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    for _ in 0..5 {
        assert_eq!(flow.enter(WRONG).await.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(flow.enter(WRONG).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let grace = app.person(tenant.id, "grace").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &grace).await;
    let csrf = hidden(&browser.get("/t/acme/device").await.body, "csrf");
    let page = browser.post("/t/acme/device", &[("csrf", &csrf), ("user_code", WRONG)]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

/// An answer is no way round the field: without having been asked, a login decides nothing and learns nothing.
#[tokio::test]
async fn nobody_answers_what_they_were_not_asked() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (flow, elsewhere) = (Flow::new(&app, &tenant), Flow::new(&app, &other));
    let client = flow.device_client().await;
    let (mine, theirs) = (flow.device(&client).await, flow.device(&client).await);
    let page = flow.ask(&mine).await;
    let [csrf, seen] = ["csrf", "seen"].map(|name| hidden(&page, name));
    for (code, seen) in [(theirs.user_code.as_str(), seen.as_str()), (&theirs.user_code, ""), (WRONG, &seen), ("", "")]
    {
        let form = [
            ("csrf", csrf.as_str()),
            ("user_code", code),
            ("seen", seen),
            ("decision", "approve"),
            ("scope", "mcp:read"),
        ];
        assert_eq!(flow.post("/t/acme/device/decision", &form).await.status(), StatusCode::BAD_REQUEST);
        let path = format!("/t/acme/device?user_code={code}&seen={seen}");
        let html = flow.get(&path).await.text().await.unwrap();
        assert!(!html.contains("decision"), "{html}");
    }
    assert_eq!(oauth_error(flow.poll(&client, &theirs).await).await.1, "authorization_pending");

    // At another tenant it is a code like any other that is not there, and what was shown here proves nothing.
    assert_eq!(elsewhere.enter(&mine.user_code).await.status(), StatusCode::BAD_REQUEST);
    let way = location(&flow.enter(&mine.user_code).await).replace("/acme/", "/other/");
    assert!(!elsewhere.device_page(&way).await.contains("decision"));
}

/// A dump has neither code in any form that could be presented, and what is typed reaches no event and no log row.
#[tokio::test]
async fn no_row_has_a_code_in_clear() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device: TestDevice = flow.device(&client).await;
    flow.allow(&device).await;
    assert_eq!(flow.poll(&client, &device).await.status(), StatusCode::OK);
    let rows: Vec<Value> = sqlx::query_scalar(
        "select to_jsonb(d) from device_authorization d union all select to_jsonb(e) from audit_event e",
    )
    .fetch_all(&app.db.owner)
    .await
    .unwrap();
    let text = serde_json::to_string(&rows).unwrap();
    let letters = device.user_code.replace('-', "");
    for secret in [&device.code, &device.user_code, &letters, &device.code[6..]] {
        assert!(!text.contains(secret), "{secret}");
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&hex), "{secret}");
    }
}
