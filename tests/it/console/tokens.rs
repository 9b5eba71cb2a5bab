//! Tokens of the admin API, and initial access tokens, in the console.

use serde_json::json;

use crate::{
    console::clients::administrator,
    harness::{
        api::http,
        app::TestApp,
        browser::TestBrowser,
        console::{appoint, csrf},
    },
};

/// The text on the page that shows a token.
fn token(page: &str, kind: &str) -> String {
    let (_, rest) = page.split_once(&format!(">{kind}")).expect("a token");
    format!("{kind}{}", rest.split('<').next().unwrap())
}

#[tokio::test]
async fn a_token_of_the_admin_api_is_made_used_and_taken_back() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let list = "/console/t/acme/tokens";
    let empty = browser.get(list).await.body;
    assert!(empty.contains("No program acts for anybody"), "{empty}");
    let path = "/console/t/acme/tokens/-/new";
    let page = browser.get(path).await.body;
    let csrf_of_new = csrf(&page);
    // What the API has, and no more.
    assert!(page.contains("value=\"clients:suspend\"") && page.contains("value=\"*:read\""), "{page}");
    assert!(!page.contains("value=\"servers:probe\"") && !page.contains("value=\"tokens:create\""), "{page}");
    let post = async |name: &str, days: &str, rights: &[&str]| {
        let mut fields = vec![("csrf", &*csrf_of_new), ("name", name), ("days", days)];
        fields.extend(rights.iter().map(|right| ("right", *right)));
        browser.post(path, &fields).await
    };
    for (name, days, rights) in [
        ("", "30", &["clients:list"][..]),
        ("Report", "30", &[]),
        ("Report", "0", &["clients:list"]),
        ("Report", "366", &["clients:list"]),
        ("Report", "soon", &["clients:list"]),
        ("Report", "30", &["*:*"]),
        ("Report", "30", &["clients:list", "tokens:create"]),
    ] {
        let wrong = post(name, days, rights).await;
        assert_eq!(wrong.status, 400, "{name} {days} {rights:?}");
        // What was ticked stays ticked.
        let kept =
            rights.first().is_none_or(|right| *right == "*:*") || wrong.body.contains("value=\"clients:list\" checked");
        assert!(kept, "{}", wrong.body);
    }
    let made = post("Nightly <report>", "30", &["clients:list", "people:read"]).await;
    assert_eq!(made.status, 400, "people:read is no right of the form");
    let made = post("Nightly <report>", "30", &["clients:list", "people:list"]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(made.headers["cache-control"], "no-store");
    let handle = token(&made.body, "sp_ap_");
    let program = http(&handle);
    let api = |rest: &str| app.url(&format!("/api/admin/v1/tenants/acme/{rest}"));
    assert_eq!(program.get(api("clients")).send().await.unwrap().status(), 200);
    assert_eq!(program.get(api("grants")).send().await.unwrap().status(), 403);
    // It is shown nowhere else.
    let shown = browser.get(list).await.body;
    assert!(shown.contains("Nightly &#60;report&#62;") && shown.contains("Can be used"), "{shown}");
    assert!(shown.contains("<code>people:list</code>") && !shown.contains(&handle), "{shown}");
    let href = shown.split("href=\"/console/t/acme/tokens/0").nth(1).unwrap().split('"').next().unwrap();
    let one = format!("{list}/0{href}");
    let page = browser.get(&one).await.body;
    assert!(page.contains("just now") && !page.contains(&handle), "{page}");
    let ask = browser.get(&format!("{one}/revoke")).await.body;
    let done = browser.post(&format!("{one}/revoke"), &[("csrf", &csrf(&ask))]).await;
    let page = browser.get(done.location()).await.body;
    assert!(page.contains("Taken back. It is refused everywhere") && !page.contains("Danger zone"), "{page}");
    assert_eq!(program.get(api("clients")).send().await.unwrap().status(), 401);
    let again = browser.post(&format!("{one}/revoke"), &[("csrf", &csrf(&ask))]).await;
    assert_eq!(again.status, 409);
    let live = browser.get(&format!("{list}?state=live")).await.body;
    assert!(live.contains("Nothing here fits"), "{live}");
    assert!(browser.get(&format!("{list}?q=people:&state=ended&sort=-used")).await.body.contains("Nightly"));
    // Who did it is in the log.
    let events = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    for kind in ["api_token.made", "api_token.revoked"] {
        let event = events.iter().find(|event| event.kind == kind).expect(kind);
        assert_eq!(event.body["actor"], json!({ "kind": "person", "person": tenant.person.id.to_string() }));
    }
}

/// It acts for its maker, so it goes with what that person may do.
#[tokio::test]
async fn a_token_is_as_good_as_its_person() {
    let app = TestApp::start().await;
    let (tenant, _) = administrator(&app).await;
    let vera = app.person(tenant.id, "vera").await;
    appoint(&app, vera.id, "administrator").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &vera).await;
    let path = "/console/t/acme/tokens/-/new";
    let csrf = csrf(&browser.get(path).await.body);
    let made = browser.post(path, &[("csrf", &csrf), ("name", "hers"), ("days", "1"), ("right", "*:read")]).await;
    let program = http(&token(&made.body, "sp_ap_"));
    let url = app.url("/api/admin/v1/tenants/acme/clients");
    assert_eq!(program.get(&url).send().await.unwrap().status(), 200);
    let lose = "update person set roles = '{person}' where id = $1";
    sqlx::query(lose).bind(vera.id.0).execute(&app.db.owner).await.unwrap();
    assert_eq!(program.get(&url).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn an_initial_access_token_is_made_used_and_taken_back() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    app.settings(&tenant, json!({ "registration": "initial_access_token" })).await;
    let list = "/console/t/acme/clients/-/tokens";
    let empty = browser.get(list).await.body;
    assert!(empty.contains("There is none.") && empty.contains("only if it shows one of these"), "{empty}");
    let path = "/console/t/acme/clients/-/tokens/new";
    let page = csrf(&browser.get(path).await.body);
    let post = async |name: &str, uses: &str, hours: &str| {
        browser.post(path, &[("csrf", &page), ("name", name), ("uses", uses), ("hours", hours)]).await
    };
    for (name, uses, hours) in
        [("", "1", "1"), ("a", "0", "1"), ("a", "many", "1"), ("a", "1", "0"), ("a", "1", "9000"), ("a", "1", "-1")]
    {
        assert_eq!(post(name, uses, hours).await.status, 400, "{name} {uses} {hours}");
    }
    let made = post("Build farm", "2", "24").await;
    assert_eq!((made.status.as_u16(), &made.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let handle = token(&made.body, "sp_ia_");
    let register = async || {
        let body = json!({ "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "none" });
        let request = app.http().post(format!("{}/register", tenant.issuer)).bearer_auth(&handle).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(register().await, 201);
    let shown = browser.get(list).await.body;
    assert!(shown.contains("Build farm") && shown.contains("<td class=\"number\">1</td>"), "{shown}");
    assert!(!shown.contains(&handle), "{shown}");
    let way = shown.split("/clients/-/tokens/").find(|rest| rest.contains("/revoke\"")).unwrap();
    let way = format!("{list}/{}", way.split('"').next().unwrap());
    let ask = browser.get(&way).await.body;
    let done = browser.post(&way, &[("csrf", &csrf(&ask))]).await;
    assert!(browser.get(done.location()).await.body.contains("Taken back."));
    assert_eq!(register().await, 401);
    assert_eq!(browser.post(&way, &[("csrf", &csrf(&ask))]).await.status, 404);
}
