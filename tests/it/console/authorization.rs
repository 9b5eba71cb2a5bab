//! Who comes in.

use http::{Method, StatusCode};
use sallyport::{
    access::{self, Role},
    app::routes,
};

use crate::harness::{
    app::TestApp,
    browser::TestBrowser,
    console::{self, Things, appoint},
};

/// Each route of the console, as each role: what the table says, and nothing else.
#[tokio::test]
async fn every_rule_holds_for_every_role() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let admin = TestBrowser::new(&app);
    admin.log_in(&tenant, &tenant.person).await;
    for (name, role) in [("vera", Role::Auditor), ("mia", Role::Member)] {
        let person = app.person(tenant.id, name).await;
        appoint(&app, person.id, role.word()).await;
        let browser = TestBrowser::new(&app);
        browser.log_in(&tenant, &person).await;
        for route in routes::public() {
            let Some((page, action)) = console::rule(&route) else { continue };
            let things = Things::of(&app, &tenant, &admin.http).await;
            let (path, mut fields) = things.good(&route, "acme");
            let path = path.replace("/platform/", "/acme/");
            let may = access::may(&[role], page, action).is_ok();
            if may && page.is_at(false) && route.method == Method::POST {
                // What is made for the administrator's browser is none of this one's.
                let own = console::csrf(&browser.get(&path).await.body);
                fields.iter_mut().filter(|(name, _)| *name == "csrf").for_each(|(_, value)| value.clone_from(&own));
            }
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = if route.method == Method::GET {
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
                browser.get(&format!("{path}?{query}")).await
            } else {
                browser.post(&path, &fields).await
            };
            let expected = match (page.is_at(false), may) {
                (false, _) => StatusCode::NOT_FOUND,
                (true, true) => StatusCode::OK,
                (true, false) => StatusCode::FORBIDDEN,
            };
            assert_eq!(answer.status, expected, "{name} at {} {}: {}", route.method, route.path, answer.body);
        }
    }
}

#[tokio::test]
async fn whoever_is_not_logged_in_comes_back_after_the_login() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let browser = TestBrowser::new(&app);
    let asked = "/console/t/acme/clients?q=notes&sort=name";
    let login = browser.get(asked).await.location().to_owned();
    let page = browser.get(&login).await;
    let (csrf, to) = (page.hidden("csrf"), page.hidden("to"));
    let person = &tenant.person;
    let form = |to: &str| {
        [("username", &*person.username), ("password", &person.password), ("csrf", &csrf), ("to", to)]
            .map(|(name, value)| (name, value.to_owned()))
    };
    let post = async |to: &str| {
        let fields = form(to);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/t/acme/login", &fields).await.location().to_owned()
    };
    assert_eq!(post(&to).await, asked);
    // What nobody here wrote leads nowhere else.
    use base64::Engine as _;
    let forged = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode("https://evil.example/");
    let hash = to.split_once('.').unwrap().1;
    for to in [format!("{forged}.{hash}"), format!("{forged}."), forged.clone(), "//evil.example".to_owned()] {
        assert_eq!(post(&to).await, "/t/acme/account", "{to}");
    }
}

/// What cannot be undone needs a login that is not old, and comes back to the question.
#[tokio::test]
async fn grave_things_need_a_fresh_login() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &tenant.person).await;
    let things = Things::of(&app, &tenant, &browser.http).await;
    app.clock.advance(std::time::Duration::from_secs(16 * 60));
    for route in routes::public() {
        let Some((page, action)) = console::rule(&route).filter(|(page, _)| page.is_at(false)) else { continue };
        let rule = access::may(&[Role::Administrator], page, action).unwrap();
        let (path, fields) = things.good(&route, "acme");
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if route.method == Method::GET {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            let answer = browser.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, if rule.fresh { 303 } else { 200 }, "{path}");
        } else if rule.fresh {
            assert!(browser.post(&path, &fields).await.location().starts_with("/t/acme/login?again="), "{path}");
        }
    }
    // The login is asked for although somebody is logged in, and leads to the question.
    let path =
        format!("/console/t/acme/clients/{}/suspend", things.object(access::Page::Clients, access::Action::Suspend));
    let login = browser.get(&path).await.location().to_owned();
    let page = browser.get(&login).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("log in once more"), "{}", page.body);
    let fields = [
        ("username", &*tenant.person.username),
        ("password", &tenant.person.password),
        ("csrf", &page.hidden("csrf")),
        ("again", &page.hidden("again")),
    ];
    assert_eq!(browser.post("/t/acme/login", &fields).await.location(), path);
    assert_eq!(browser.get(&path).await.status, 200);
}

#[tokio::test]
async fn what_an_auditor_reads_is_in_the_log() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let person = app.person(tenant.id, "vera").await;
    appoint(&app, person.id, "auditor").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &person).await;
    assert_eq!(browser.get("/console/t/acme/clients").await.status, 200);
    let events = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    let read = events.iter().find(|event| event.kind == "auditor.read").expect("an event");
    assert_eq!(read.body["page"], "Clients");
    assert_eq!(read.body["action"], "list");
    assert_eq!(read.body["person"], person.id.to_string());
}
