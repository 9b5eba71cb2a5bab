//! The tenant's settings and keys in the console.

use crate::{
    console::clients::administrator,
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
        let fields = [("csrf", &*token), ("seen", seen), ("name", name), ("registration", rule), ("days", days)];
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
