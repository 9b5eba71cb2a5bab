//! Administrators of the platform, and the tenants that they look after.

use http::StatusCode;
use sallyport::{
    access::{Page, Role},
    app::routes::{self, Guard},
    people::platform,
};
use serde_json::json;

use crate::harness::{
    app::{TestApp, TestPerson},
    browser::TestBrowser,
    console::{self, Things, appoint, csrf},
    flow::Flow,
};

const TENANTS: &str = "/console/t/platform/tenants";

/// Somebody who looks after the platform, and is logged in.
async fn root(app: &TestApp, role: &str) -> (TestPerson, TestBrowser) {
    let recorder = app.recorder();
    let tx = app.app.store.platform_tx().await.unwrap();
    let (tx, place) = platform::place(tx, (&recorder, &app.app.keyring)).await.unwrap();
    tx.commit().await.unwrap();
    let person = app.person(place.id, role).await;
    appoint(app, person.id, role).await;
    let browser = TestBrowser::new(app);
    log_in(&browser, "platform", &person.username, &person.password).await;
    (person, browser)
}

async fn log_in(browser: &TestBrowser, slug: &str, username: &str, password: &str) {
    let page = browser.get(&format!("/t/{slug}/login")).await;
    let fields = [("username", username), ("password", password), ("csrf", &page.hidden("csrf"))];
    assert_eq!(browser.post(&format!("/t/{slug}/login"), &fields).await.status, 303);
}

/// Asks, and says yes.
async fn act(browser: &TestBrowser, path: &str, more: &[(&str, &str)]) -> crate::harness::browser::Page {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    let token = csrf(&page.body);
    browser.post(path, &[&[("csrf", &*token)][..], more].concat()).await
}

fn link(page: &str) -> String {
    let at = page.find("/link?link=").expect("a link");
    let start = page[..at].rfind("/t/").unwrap();
    page[start..].split('<').next().unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_tenant_is_made_and_its_administrator_comes_in_by_the_link() {
    let app = TestApp::start().await;
    let (_, browser) = root(&app, "administrator").await;
    let empty = browser.get("/console/t/platform").await.body;
    assert!(empty.contains("There is no tenant yet"), "{empty}");
    let made = [("name", "Northwind"), ("slug", "northwind"), ("username", "dana")];
    let answer = act(&browser, &format!("{TENANTS}/-/new"), &made).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let address = link(&answer.body);

    let dana = TestBrowser::new(&app);
    let page = dana.get(&address).await;
    let handle = address.split_once("link=").unwrap().1;
    let password = "seven green umbrellas";
    let fields = [("csrf", &*page.hidden("csrf")), ("link", handle), ("password", password), ("repeat", password)];
    assert_eq!(dana.post("/t/northwind/link", &fields).await.status, 200);
    log_in(&dana, "northwind", "dana", password).await;
    assert_eq!(dana.get("/console/t/northwind").await.status, 200);
    assert_eq!(dana.get("/console/t/northwind/tenants").await.status, 404, "that is the platform's");

    let list = browser.get(TENANTS).await.body;
    assert!(list.contains("Northwind") && !list.contains("dana"), "numbers, and no names: {list}");
    // The same name again, one that cannot be, and that of the platform: nothing is lost that was typed.
    for (slug, status) in [("northwind", 409), ("platform", 409), ("N!", 400)] {
        let again =
            act(&browser, &format!("{TENANTS}/-/new"), &[("name", "Other"), ("slug", slug), ("username", "eve")]).await;
        assert_eq!(again.status.as_u16(), status, "{slug}: {}", again.body);
        assert!(again.body.contains("value=\"Other\"") && again.body.contains("value=\"eve\""), "{}", again.body);
    }
    let event = "select body -> 'actor' ->> 'kind' from audit_event e join tenant t on t.id = e.tenant
        where t.slug = 'northwind' and kind = 'link.made'";
    let actor: String = sqlx::query_scalar(event).fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(actor, "platform");
    let seen = dana.get("/console/t/northwind/audit?q=link").await.body;
    assert!(seen.contains("an administrator of the platform"), "{seen}");
}

#[tokio::test]
async fn a_tenant_stops_at_once_works_again_and_goes() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (_, browser) = root(&app, "administrator").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    assert!(flow.accepts(&tokens.access).await);
    let page = format!("{TENANTS}/acme");

    assert_eq!(browser.get(&format!("{page}/remove")).await.status, 200, "it can be asked, and is refused");
    assert_eq!(act(&browser, &format!("{page}/remove"), &[("slug", "acme")]).await.status, 409, "it works still");
    let done = act(&browser, &format!("{page}/disable"), &[]).await;
    assert!(done.location().starts_with(&format!("{page}?done=disabled")), "{}", done.location());
    assert_eq!(flow.get("/t/acme/account").await.status(), StatusCode::NOT_FOUND);
    let call = app.http().post(&tenant.server.resource).bearer_auth(&tokens.access).send().await.unwrap();
    assert_eq!(call.status(), StatusCode::NOT_FOUND, "no token of it is taken");
    assert_eq!(act(&browser, &format!("{page}/disable"), &[]).await.status, 409, "somebody was quicker");
    assert_eq!(act(&browser, &format!("{page}/link"), &[("username", "ada")]).await.status, 409);

    act(&browser, &format!("{page}/enable"), &[]).await;
    assert!(flow.accepts(&tokens.access).await, "as it was");
    act(&browser, &format!("{page}/disable"), &[]).await;
    assert_eq!(act(&browser, &format!("{page}/remove"), &[("slug", "other")]).await.status, 400);
    assert_eq!(act(&browser, &format!("{page}/remove"), &[("slug", "acme")]).await.status, 303);
    assert!(!browser.get(TENANTS).await.body.contains("tenants/acme"));
    assert!(browser.get(&format!("{TENANTS}?status=removed")).await.body.contains("tenants/acme"));
    assert!(browser.get(&page).await.body.contains("never used again"));
    let events = "select array_agg(body ->> 'change' order by body ->> 'change') from platform_event
        where kind = 'tenant.changed' and body -> 'actor' ->> 'kind' = 'platform'";
    let changes: Vec<String> = sqlx::query_scalar(events).fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(changes, ["disabled", "disabled", "enabled", "removed"]);
}

#[tokio::test]
async fn two_who_rename_a_tenant_find_out() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let (_, browser) = root(&app, "administrator").await;
    let path = format!("{TENANTS}/acme/edit");
    let page = browser.get(&path).await;
    let (token, seen) = (csrf(&page.body), page.hidden("seen"));
    let save = async |name: &str| browser.post(&path, &[("csrf", &*token), ("seen", &seen), ("name", name)]).await;
    assert_eq!(save("").await.status, 400);
    assert_eq!(save("First").await.status, 303);
    let second = save("Second").await;
    assert_eq!(second.status, 409, "{}", second.body);
    assert!(second.body.contains("value=\"Second\""), "{}", second.body);
    assert!(browser.get(TENANTS).await.body.contains("First"));
}

/// A link for whoever is an administrator there, or new; for nobody else, whose names stay theirs.
#[tokio::test]
async fn links_are_for_administrators() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    app.person(tenant.id, "mia").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let (_, browser) = root(&app, "administrator").await;
    let path = format!("{TENANTS}/acme/link");
    let ask = async |name: &str| act(&browser, &path, &[("username", name)]).await;
    assert!(ask("ada").await.body.contains("/t/acme/link?link=sp_pl_"));
    assert_eq!(ask("mia").await.status, 409);
    assert_eq!(ask("").await.status, 400);
    assert!(ask("new").await.body.contains("/t/acme/link?link=sp_pl_"));
    let roles = "select roles from person where tenant = $1 and username = 'new'";
    let roles: Vec<String> = sqlx::query_scalar(roles).bind(tenant.id.0).fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(roles, ["person", "administrator"]);
}

/// Each page of the tenants, as each role of the platform; what cannot be undone, after a fresh login alone.
#[tokio::test]
async fn every_rule_holds_at_the_platform() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let admin = TestBrowser::new(&app);
    admin.log_in(&tenant, &tenant.person).await;
    let things = Things::of(&app, &tenant, &admin.http).await;
    let (_, auditor) = root(&app, "auditor").await;
    let (_, stale) = root(&app, "administrator").await;
    app.clock.advance(std::time::Duration::from_secs(16 * 60));
    for route in routes::public() {
        let Some((page, action)) = console::rule(&route) else { continue };
        let (path, fields) = things.good(&route, "platform");
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let rule = sallyport::access::may(&[Role::Administrator], page, action).unwrap();
        if route.method == http::Method::GET {
            let at = format!("{} {path}", route.method);
            let seen = auditor.get(&path).await.status.as_u16();
            let may = sallyport::access::may(&[Role::Auditor], page, action).is_ok();
            // People and events are those of the platform, and none of them is asked for here.
            let there = page.is_at(true) && (page == Page::Tenants || !route.path.contains("{object}"));
            let expected = if !there {
                404
            } else if may {
                200
            } else {
                403
            };
            assert!(seen == expected || !there && seen == 403, "{at}: {seen}");
            if page == Page::Tenants {
                assert_eq!(stale.get(&path).await.status, if rule.fresh { 303 } else { 200 }, "{at}");
            }
        } else if page == Page::Tenants && rule.fresh {
            assert!(stale.post(&path, &fields).await.location().starts_with("/t/platform/login?again="), "{path}");
        }
    }
}

/// Its people log in; nothing of OAuth is there, and no file of `apply` describes it.
#[tokio::test]
async fn the_platform_gives_nobody_anything() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (person, browser) = root(&app, "administrator").await;
    for route in routes::public() {
        let is_of_people = |path: &str| {
            let first = path.trim_start_matches("/t/{tenant}/").split('/').next().unwrap();
            ["login", "logout", "link", "account"].contains(&first)
        };
        let path = route.path;
        if !path.contains("/t/{tenant}") || path.starts_with("/console/") || is_of_people(path) {
            continue;
        }
        let path = path.replace("{tenant}", "platform").replace("{server}", "demo").replace("{client_id}", "c_x");
        let answer = app.http().request(route.method.clone(), app.url(&path)).send().await.unwrap();
        let (status, at) = (answer.status().as_u16(), format!("{} {path}", route.method));
        // A preflight says nothing of what is there.
        assert!([400, 401, 404].contains(&status) || route.guard == Guard::Preflight, "{at}: {status}");
        if route.method == http::Method::GET {
            assert_eq!(status, 404, "{at}");
        }
    }
    // Neither console lets in who belongs to the other.
    assert!(browser.get("/console/t/acme").await.location().starts_with("/t/acme/login"));
    let own = TestBrowser::new(&app);
    appoint(&app, tenant.person.id, "administrator").await;
    own.log_in(&tenant, &tenant.person).await;
    assert!(own.get(TENANTS).await.location().starts_with("/t/platform/login"));
    let account = browser.get("/t/platform/account").await.body;
    assert!(account.contains(&person.username) && account.contains("/console/t/platform"), "{account}");
    let body = json!({ "client_name": "x", "redirect_uris": ["https://a.example/cb"] });
    let registered = app.http().post(app.url("/t/platform/register")).json(&body).send().await.unwrap();
    assert_eq!(registered.status(), StatusCode::NOT_FOUND);
}
