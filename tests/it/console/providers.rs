//! Identity providers in the console.

mod tested;

use serde_json::{Value, json};

use crate::{
    console::clients::administrator,
    harness::{
        app::TestApp,
        browser::{Page, TestBrowser},
        console::{appoint, csrf},
    },
    people::providers::World,
};

const NEW: &str = "/console/t/acme/providers/-/new";
const SECRET: &str = "umbrella-stand-7";

/// A form as the page has it, with these fields.
pub(super) async fn send(browser: &TestBrowser, path: &str, fields: &[(&str, &str)]) -> Page {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    let token = csrf(&page.body);
    let version = page.body.contains("name=\"version\"").then(|| page.hidden("version"));
    let mut all = vec![("csrf", token.as_str())];
    all.extend(version.as_deref().map(|version| ("version", version)));
    browser.post(path, &[&all, fields].concat()).await
}

/// A world with two providers, and its administrator.
async fn world(settings: Value) -> (World, TestBrowser) {
    let world = World::start(settings).await;
    appoint(&world.app, world.acme.person.id, "administrator").await;
    let browser = TestBrowser::new(&world.app);
    browser.log_in(&world.acme, &world.acme.person).await;
    (world, browser)
}

/// What the log says of a provider: what was done, and all of it as text.
async fn log(app: &TestApp, tenant: sallyport::ids::TenantId, slug: &str) -> (Vec<String>, String) {
    let events = app.app.store.audit_recent(tenant, 100).await.unwrap();
    let object = format!("provider/{slug}");
    let own = events.iter().filter(|event| event.kind == "admin.changed" && event.body["object"] == object.as_str());
    let changes = own.map(|event| {
        assert!(event.body["actor"]["person"].is_string(), "{:?}", event.body);
        event.body["change"].as_str().unwrap().to_owned()
    });
    let mut changes: Vec<String> = changes.collect();
    changes.sort();
    (changes, format!("{:?}", events.iter().map(|event| &event.body).collect::<Vec<_>>()))
}

#[tokio::test]
async fn a_provider_is_made_shown_and_changed_and_its_secret_never_shown() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    assert!(browser.get("/console/t/acme/providers").await.body.contains("There is no identity provider yet"));
    let fields = [
        ("name", "Northwind"),
        ("slug", "northwind"),
        ("issuer", "https://login.example.com/realms/staff"),
        ("client_id", "sallyport-7"),
        ("auth_method", "client_secret_post"),
        ("client_secret", SECRET),
        ("accounts", "create"),
        ("email_domains", "example.com, example.org"),
        ("required_claims", "tid = 9188\r\nhd = \"quoted\""),
        ("roles", "groups = ops => administrator"),
        ("multi_factor", "mfa"),
        ("logout", "sessions"),
        ("scopes", "profile email groups"),
        ("ES256", "yes"),
        ("RS256", "yes"),
    ];
    let made = send(&browser, NEW, &fields).await;
    assert!(made.location().starts_with("/console/t/acme/providers/northwind?done=made"), "{}", made.location());
    let shown = browser.get(made.location()).await.body;
    for said in [
        "https://login.example.com/realms/staff",
        "sallyport-7",
        &format!("{}/t/acme/login/with/northwind/callback", app.base),
        &format!("{}/t/acme/login/with/northwind/logout", app.base),
        "class=\"state good\">Set<",
        "client_secret_post",
        "Made at the first login",
        "<code>example.org</code>",
        "<code>tid = 9188</code>",
        "<code>groups</code>",
        "<code>mfa</code>",
        "Nobody has come by it yet",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let settings: Value =
        sqlx::query_scalar("select settings from identity_provider").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(settings["required_claims"], json!({ "tid": "9188", "hd": "\"quoted\"" }));
    assert_eq!((&settings["algorithms"], &settings["logout"]), (&json!(["ES256", "RS256"]), &json!("sessions")));

    // A form that is sent as it came changes nothing but what was typed; the secret stays.
    let sealed = "select encode(sealed, 'hex') from identity_provider";
    let sealed = async || sqlx::query_scalar::<_, String>(sealed).fetch_one(&app.db.owner).await.unwrap();
    let before = sealed().await;
    let path = "/console/t/acme/providers/northwind/edit";
    let form = browser.get(path).await.body;
    assert!(form.contains("type=\"password\" name=\"client_secret\" autocomplete=\"new-password\""), "{form}");
    let kept: Vec<_> =
        fields.into_iter().filter(|(name, _)| !["client_secret", "slug", "issuer", "name"].contains(name)).collect();
    let saved = send(&browser, path, &[&kept[..], &[("name", "Southwind")]].concat()).await;
    assert!(saved.location().contains("done=saved"), "{}", saved.body);
    assert_eq!(sealed().await, before);
    let anew = [&kept[..], &[("name", "Southwind"), ("client_secret", "hat-stand-8")]].concat();
    assert!(send(&browser, path, &anew).await.location().contains("done=saved"));
    assert_ne!(sealed().await, before);
    let (changes, log) = log(&app, tenant.id, "northwind").await;
    assert_eq!(changes, ["changed", "changed", "created"]);
    assert!(log.contains("Southwind") && log.contains("client_secret"), "{log}");
    let pages = [
        shown,
        form,
        browser.get("/console/t/acme/providers/northwind").await.body,
        browser.get("/console/t/acme/providers?q=south").await.body,
        browser.get("/console/t/acme/audit").await.body,
        log,
    ];
    for page in &pages {
        assert!(!page.contains(SECRET) && !page.contains("hat-stand"), "{page}");
    }
    assert!(pages[3].contains("Southwind"), "{}", pages[3]);
    // No file of `apply` takes away what it did not make.
    let marked: i64 = sqlx::query_scalar("select count(*) from applied").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(marked, 0);
}

#[tokio::test]
async fn what_cannot_be_a_provider_is_said_on_the_form_and_nothing_is_lost_but_the_secret() {
    let (world, browser) = world(json!({})).await;
    let good = [
        ("name", "Kept as typed"),
        ("slug", "new"),
        ("issuer", "https://login.example.com"),
        ("client_id", "c"),
        ("auth_method", "client_secret_basic"),
        ("client_secret", SECRET),
        ("ES256", "yes"),
    ];
    let own = world.app.url("/t/acme").replace("http:", "https:");
    for (name, value, words) in [
        ("issuer", "http://login.example.com", "https address"),
        ("issuer", &*own, "installation"),
        ("issuer", "", "Issuer"),
        ("slug", "No Slug", "A name in an address is"),
        ("slug", "idp", "There is a provider idp already"),
        ("client_id", "", "Client id is required"),
        ("auth_method", "none", "sends none"),
        ("client_secret", "", "Client secret is required with this auth_method"),
        ("ES256", "", "at least one algorithm"),
        ("roles", "groups = ops => root", "one of administrator, auditor"),
        ("roles", "<script>", "&#60;script&#62;"),
        ("required_claims", "tid", "CLAIM = VALUE"),
        ("email_domains", "\u{7f}", "cannot be seen"),
        ("accounts", "everybody", "how accounts come"),
        ("email_domains", "x", "no domain"),
        ("scopes", "\"bad\"", "no scope"),
        ("username_claim", "x y", "name of a claim"),
    ] {
        let mut fields: Vec<_> = good.into_iter().filter(|(own, _)| *own != name).collect();
        fields.push((name, value));
        let refused = send(&browser, NEW, &fields).await;
        assert_eq!(refused.status, 400, "{name} {value}: {}", refused.body);
        assert!(refused.body.contains(words), "{name} {value}: {}", refused.body);
        assert!(name == "name" || refused.body.contains("value=\"Kept as typed\""), "{}", refused.body);
        let retyped = refused.body.contains("Type it again");
        assert_eq!(retyped, name != "client_secret", "{}", refused.body);
        assert!(!refused.body.contains(SECRET) && !refused.body.contains("<script>"), "{}", refused.body);
    }
    // All of it at once.
    let all = [("email_domains", "x"), ("scopes", "\"bad\""), ("roles", "root"), ("slug", "No Slug"), ("name", "n")];
    let page = send(&browser, NEW, &all).await.body;
    // With issuer, client id and the algorithms, which are not there.
    assert_eq!(page.matches("<strong class=\"wrong\">").count(), 7, "{page}");
    let made: i64 =
        sqlx::query_scalar("select count(*) from identity_provider").fetch_one(&world.app.db.owner).await.unwrap();
    assert_eq!(made, 2);
}

/// It is tested before people see it.
#[tokio::test]
async fn a_new_provider_need_not_be_in_use() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let form = browser.get(NEW).await.body;
    assert!(form.contains("<option value=\"no\" selected>Not yet"), "{form}");
    let fields = [
        ("name", "Northwind"),
        ("slug", "northwind"),
        ("issuer", "https://login.example.com"),
        ("client_id", "c"),
        ("auth_method", "none"),
        ("ES256", "yes"),
        ("in_use", "no"),
    ];
    let made = send(&browser, NEW, &fields).await;
    let shown = browser.get(made.location()).await.body;
    let (test, enable) = (shown.find("northwind/probe\"").unwrap(), shown.find("northwind/enable\"").unwrap());
    assert!(test < enable, "{shown}");
    let login = async || TestBrowser::new(&app).get("/t/acme/login").await.body;
    assert!(!login().await.contains("Northwind"));
    send(&browser, "/console/t/acme/providers/northwind/enable", &[]).await;
    assert!(login().await.contains("Northwind"));
}

#[tokio::test]
async fn two_who_edit_the_same_provider_are_told() {
    let (world, browser) = world(json!({})).await;
    let path = "/console/t/acme/providers/idp/edit";
    let page = browser.get(path).await;
    let (token, version) = (csrf(&page.body), page.hidden("version"));
    let edit = async |name: &str| {
        let fields = [
            ("csrf", &*token),
            ("version", &version),
            ("name", name),
            ("client_id", "c"),
            ("auth_method", "none"),
            ("ES256", "yes"),
        ];
        browser.post(path, &fields).await
    };
    assert!(edit("Mine").await.location().contains("done=saved"));
    let late = edit("Theirs").await;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("changed by somebody else") && late.body.contains("Theirs"), "{}", late.body);
    let late = browser.post("/console/t/acme/providers/idp/remove", &[("csrf", &token), ("version", &version)]).await;
    assert_eq!(late.status, 409);
    let name = "select name from identity_provider where slug = 'idp'";
    let name: String = sqlx::query_scalar(name).fetch_one(&world.app.db.owner).await.unwrap();
    assert_eq!(name, "Mine");
}

#[tokio::test]
async fn a_disabled_provider_lets_nobody_in_and_logs_out_whoever_came_by_it() {
    let (world, browser) = world(json!({ "accounts": "create" })).await;
    let (grace, under_way) = (TestBrowser::new(&world.app), TestBrowser::new(&world.app));
    world.log_in(&grace, json!({})).await.location();
    let way = world.begin(&under_way).await;
    let path = "/console/t/acme/providers/idp/disable";
    let asked = browser.get(path).await.body;
    assert!(asked.contains("People who log in by it</dt><dd>1<"), "{asked}");
    let to = send(&browser, path, &[]).await.location().to_owned();
    assert!(browser.get(&to).await.body.contains("Ended 1 login."));
    assert!(!grace.is_logged_in(&world.acme).await);
    assert!(browser.is_logged_in(&world.acme).await, "whoever came by a password stays");
    assert!(!TestBrowser::new(&world.app).get("/t/acme/login").await.body.contains("with/idp\""));
    assert_eq!(world.back(&under_way, &way).await.status, 404);
    let list = browser.get("/console/t/acme/providers?status=disabled").await.body;
    assert!(list.contains("providers/idp\"") && !list.contains("providers/other\""), "{list}");

    // A change of what is disabled lets nobody in.
    let fields = [
        ("name", "Idp"),
        ("client_id", "sallyport"),
        ("auth_method", "none"),
        ("accounts", "create"),
        ("scopes", "profile email"),
        ("ES256", "yes"),
    ];
    let saved = send(&browser, "/console/t/acme/providers/idp/edit", &fields).await;
    assert!(saved.location().contains("done=saved"), "{}", saved.body);
    assert!(!TestBrowser::new(&world.app).get("/t/acme/login").await.body.contains("with/idp\""));
    send(&browser, "/console/t/acme/providers/idp/enable", &[]).await.location();
    assert!(!grace.is_logged_in(&world.acme).await, "nothing that ended comes back");
    assert_eq!(world.log_in(&grace, json!({ "scope": "x" })).await.location(), "/t/acme/account");
    let shown = browser.get("/console/t/acme/providers/idp").await.body;
    assert!(shown.contains("<bdi>grace</bdi>"), "{shown}");

    let to = send(&browser, "/console/t/acme/providers/idp/remove", &[]).await.location().to_owned();
    let list = browser.get(&to).await.body;
    assert!(list.contains("Removed.") && !list.contains("providers/idp\""), "{list}");
    assert!(!grace.is_logged_in(&world.acme).await);
    assert_eq!(browser.get("/console/t/acme/providers/idp").await.status, 404);
    let (changes, _) = log(&world.app, world.acme.id, "idp").await;
    assert_eq!(changes, ["changed", "disabled", "enabled", "removed"]);
    let ended = "select count(*) from audit_event where kind = 'session.ended'";
    assert_eq!(sqlx::query_scalar::<_, i64>(ended).fetch_one(&world.app.db.owner).await.unwrap(), 2);
}

#[tokio::test]
async fn a_login_that_waits_for_a_second_factor_ends_with_its_provider() {
    let (world, browser) = world(json!({ "accounts": "create" })).await;
    world.app.settings(&world.acme, json!({ "login": { "second_factor": "everybody" } })).await;
    let waiting = TestBrowser::new(&world.app);
    assert!(world.log_in(&waiting, json!({})).await.location().contains("/login/second"));
    let steps = async || -> i64 {
        sqlx::query_scalar("select count(*) from login_step").fetch_one(&world.app.db.owner).await.unwrap()
    };
    assert_eq!(steps().await, 1);
    // Whoever does it needs none of theirs.
    world.app.settings(&world.acme, json!({})).await;
    send(&browser, "/console/t/acme/providers/idp/disable", &[]).await.location();
    assert_eq!(steps().await, 0);
}

#[tokio::test]
async fn whoever_would_shut_everybody_out_is_warned() {
    let (world, browser) = world(json!({})).await;
    send(&browser, "/console/t/acme/providers/other/disable", &[]).await.location();
    let warned =
        async || browser.get("/console/t/acme/providers/idp/disable").await.body.contains("Nobody could log in");
    assert!(!warned().await);
    world.app.settings(&world.acme, json!({ "login": { "passwords": false } })).await;
    assert!(warned().await);
    for act in ["disable", "remove"] {
        let refused = send(&browser, &format!("/console/t/acme/providers/idp/{act}"), &[]).await;
        assert!(refused.status == 400 && refused.body.contains("Let passwords be taken first"), "{}", refused.body);
    }
    // With another one, or with passwords, it can go.
    send(&browser, "/console/t/acme/providers/other/enable", &[]).await.location();
    send(&browser, "/console/t/acme/providers/idp/disable", &[]).await.location();
}

/// What it said of somebody before counts no more where it would not say it now.
#[tokio::test]
async fn whoever_came_by_rules_that_are_changed_comes_anew() {
    let rule = json!({ "claim": "groups", "value": "ops", "role": "administrator" });
    let (world, browser) = world(json!({ "accounts": "create", "roles": [rule] })).await;
    let path = "/console/t/acme/providers/idp/edit";
    let page = browser.get(path).await.body;
    assert!(page.contains("groups = ops"), "{page}");
    let fields = |name: &'static str, roles: &'static str| {
        let same = [("client_id", "sallyport"), ("auth_method", "none"), ("accounts", "create"), ("logout", "grants")];
        let more = [("scopes", "profile email"), ("ES256", "yes"), ("EdDSA", "yes"), ("RS256", "yes"), ("name", name)];
        [&same[..], &more[..], &[("roles", roles)]].concat()
    };
    send(&browser, path, &fields("Ops", "groups = ops => administrator")).await.location();
    let ops = TestBrowser::new(&world.app);
    world.log_in(&ops, json!({ "groups": ["ops"] })).await.location();
    send(&browser, path, &fields("Staff", "groups = ops => administrator")).await.location();
    assert_eq!(ops.get("/console/t/acme/clients").await.status, 200, "another name is no other rule");
    send(&browser, path, &fields("Staff", "")).await.location();
    assert!(!ops.is_logged_in(&world.acme).await);
    assert!(browser.is_logged_in(&world.acme).await, "who did not come by it stays");
}
