//! Login through identity providers, over real HTTP and TLS: the provider is a web server of the test, which answers what it is told.

use sallyport::{
    config::Config,
    ids::ProviderId,
    people::{self, Username},
    store::providers::{self, ProviderRow},
};
use serde_json::{Value, json};

use super::events::events;
use crate::{
    harness::{
        app::{TestApp, TestTenant},
        browser::{Page, TestBrowser},
        publisher::Page as Published,
    },
    token::outside::issuer::{Issuer, Signer},
};

const TOKEN: &str = "/realms/a/token";

pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) acme: TestTenant,
    pub(crate) issuer: Issuer,
}

/// A login on its way, as the provider sees it.
pub(crate) struct Way {
    pub(crate) state: String,
    pub(crate) nonce: String,
}

impl World {
    /// Two providers, `idp` and `other`, which differ in nothing but their names.
    pub(crate) async fn start(settings: Value) -> Self {
        Self::start_with(settings, |_| {}).await
    }

    /// The same, with more of the configuration changed.
    pub(crate) async fn start_with(settings: Value, change: impl FnOnce(&mut Config)) -> Self {
        let issuer = Issuer::start();
        let mut app = TestApp::start_with(|config| {
            issuer.publisher.allow(config);
            config.authorization.burst = 60_000;
            change(config);
        })
        .await;
        app.base = app.app.config.public_url.as_str().to_owned();
        let acme = app.tenant("acme").await;
        let this = Self { app, acme, issuer };
        this.describe(true);
        let mut tx = this.app.app.store.tenant_tx(this.acme.id).await.unwrap();
        for slug in ["idp", "other"] {
            let row = ProviderRow {
                id: ProviderId::new(&this.app.clock, &this.app.app.entropy).unwrap(),
                slug: slug.into(),
                name: format!("The <b>{slug}</b>"),
                issuer: this.issuer.name.clone(),
                client_id: "sallyport".into(),
                auth_method: "none".into(),
                secret: None,
                settings: settings.clone(),
                status: "active".into(),
                version: 1,
            };
            providers::insert(&mut tx, &row, this.app.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        this
    }

    pub(crate) fn describe(&self, names_itself: bool) {
        self.issuer.publish_metadata(&json!({
            "authorization_endpoint": self.issuer.publisher.url("/realms/a/authorize"),
            "token_endpoint": self.issuer.publisher.url(TOKEN),
            "authorization_response_iss_parameter_supported": names_itself,
        }));
    }

    pub(crate) async fn begin(&self, browser: &TestBrowser) -> Way {
        let csrf = browser.get("/t/acme/login").await.hidden("csrf");
        self.sent(&browser.post("/t/acme/login/with/idp", &[("csrf", &csrf)]).await)
    }

    /// A browser that is sent to the provider.
    pub(crate) fn sent(&self, sent: &Page) -> Way {
        let url = url::Url::parse(sent.location()).unwrap();
        assert!(url.as_str().starts_with(&self.issuer.publisher.url("/realms/a/authorize?")), "{url}");
        let of = |name: &str| url.query_pairs().find(|(own, _)| own == name).unwrap().1.into_owned();
        assert_eq!((of("code_challenge_method"), of("response_type")), ("S256".into(), "code".into()));
        assert_eq!(of("redirect_uri"), format!("{}/t/acme/login/with/idp/callback", self.app.base));
        assert_eq!(of("scope"), "openid profile email");
        Way { state: of("state"), nonce: of("nonce") }
    }

    /// The claims of a good ID token.
    pub(crate) fn claims(&self, way: &Way, more: Value) -> Value {
        let now = self.app.clock.unix();
        let mut claims = json!({
            "iss": self.issuer.name, "aud": "sallyport", "sub": "subject-1", "nonce": way.nonce, "iat": now, "exp": now + 300, "auth_time": now,
            "preferred_username": "grace", "name": "Grace Hopper", "email": "grace@example.com", "email_verified": true,
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    pub(crate) fn answer(&self, id_token: &str) {
        let body = json!({ "access_token": "of no use here", "token_type": "Bearer", "id_token": id_token });
        self.issuer.publisher.put(TOKEN, Published::Json(body));
    }

    pub(crate) async fn back(&self, browser: &TestBrowser, way: &Way) -> Page {
        let path = format!("/t/acme/login/with/idp/callback?state={}&code=c&iss={}", way.state, self.issuer.name);
        browser.get(&path).await
    }

    /// All of it, with these claims.
    pub(crate) async fn log_in(&self, browser: &TestBrowser, more: Value) -> Page {
        let way = self.begin(browser).await;
        let id_token = self.issuer.token_by(&self.issuer.signer, &json!({ "typ": "JWT" }), &self.claims(&way, more));
        self.answer(&id_token);
        self.back(browser, &way).await
    }

    async fn people(&self) -> Vec<String> {
        let names = "select username from person where tenant = $1 order by username";
        sqlx::query_scalar(names).bind(self.acme.id.0).fetch_all(&self.app.db.owner).await.unwrap()
    }
}

#[track_caller]
fn refused(page: &Page, status: u16, said: &str) {
    assert!(page.status == status && page.body.contains(said), "{} {}", page.status, page.body);
    assert!(page.cookie("__Host-sp-t-acme").is_none());
}

#[tokio::test]
async fn whoever_comes_for_the_first_time_gets_an_account_and_comes_back_to_it() {
    let world = World::start(json!({ "accounts": "create" })).await;
    let browser = TestBrowser::new(&world.app);
    let page = browser.get("/t/acme/login").await;
    assert!(page.body.contains("action=\"/t/acme/login/with/idp\"") && !page.body.contains("<b>idp"), "{}", page.body);
    let before = world.people().await;
    assert_eq!(world.log_in(&browser, json!({})).await.location(), "/t/acme/account");
    assert!(browser.is_logged_in(&world.acme).await);
    assert_eq!(world.people().await.len(), before.len() + 1);

    // The same subject is the same person, whatever else the provider says now.
    let again = TestBrowser::new(&world.app);
    let renamed = json!({ "preferred_username": "hopper", "email": "hopper@example.com" });
    assert_eq!(world.log_in(&again, renamed).await.location(), "/t/acme/account");
    assert_eq!(world.people().await.len(), before.len() + 1);
    let events = events(&world.app, world.acme.id).await;
    assert_eq!(events.iter().filter(|event| event.kind == "identity.linked").count(), 1);
    let logins = events.iter().filter(|event| event.kind == "login.succeeded" && event.body["provider"].is_string());
    assert_eq!(logins.count(), 2);
    let log = format!("{:?}", events.iter().map(|event| &event.body).collect::<Vec<_>>());
    assert!(!log.contains("subject-1") && !log.contains("grace"), "{log}");

    // Nobody comes in as a person who was shut out.
    let mut tx = world.app.app.store.tenant_tx(world.acme.id).await.unwrap();
    let grace = Username::parse("grace").unwrap();
    let ticket = people::disable(&mut tx, &world.app.recorder(), &grace).await.unwrap();
    tx.commit().await.unwrap();
    world.app.app.node.settle(ticket).await.unwrap();
    refused(&world.log_in(&TestBrowser::new(&world.app), json!({})).await, 403, "may not log in");
}

#[tokio::test]
async fn nobody_comes_into_an_account_by_its_name_or_address() {
    let world = World::start(json!({ "accounts": "create", "email_domains": ["example.com"] })).await;
    world.app.person(world.acme.id, "grace").await;
    let before = world.people().await;
    let browser = TestBrowser::new(&world.app);
    world.log_in(&browser, json!({})).await.location();
    let mut after = world.people().await;
    after.retain(|name| !before.contains(name));
    assert_eq!(after, ["grace@idp"]);
    let third = world.log_in(&TestBrowser::new(&world.app), json!({ "sub": "subject-2" })).await;
    refused(&third, 403, "no account here");
    let elsewhere = json!({ "sub": "subject-3", "preferred_username": "x", "email": "x@example.org" });
    refused(&world.log_in(&TestBrowser::new(&world.app), elsewhere).await, 403, "no account here");
}

#[tokio::test]
async fn whom_nobody_knows_is_refused_unless_accounts_are_made() {
    let world = World::start(json!({})).await;
    let before = world.people().await;
    refused(&world.log_in(&TestBrowser::new(&world.app), json!({})).await, 403, "no account here");
    assert_eq!(world.people().await, before);
}

#[tokio::test]
async fn claims_give_roles_for_as_long_as_the_login_lasts() {
    let rule = json!({ "claim": "groups", "value": "ops", "role": "administrator" });
    let world = World::start(json!({ "accounts": "create", "roles": [rule] })).await;
    let browser = TestBrowser::new(&world.app);
    world.log_in(&browser, json!({ "groups": ["ops"] })).await.location();
    assert_eq!(browser.get("/console/t/acme/clients").await.status, 200);
    let browser = TestBrowser::new(&world.app);
    world.log_in(&browser, json!({ "groups": [] })).await.location();
    assert_eq!(browser.get("/console/t/acme/clients").await.status, 403);
}

#[tokio::test]
async fn an_id_token_that_is_not_good_logs_nobody_in() {
    let world = World::start(json!({ "accounts": "create", "required_claims": { "tid": "t1" } })).await;
    let before = world.people().await;
    let good = json!({ "tid": "t1" });
    let now = world.app.clock.unix();
    for (bad, status) in [
        (json!({ "nonce": "another" }), 400),
        (json!({ "nonce": null }), 400),
        (json!({ "aud": "another" }), 400),
        (json!({ "aud": ["sallyport", "another"] }), 400),
        (json!({ "azp": "another" }), 400),
        (json!({ "iss": "https://another.example" }), 400),
        (json!({ "exp": now }), 400),
        (json!({ "exp": null }), 400),
        (json!({ "iat": now - 700 }), 400),
        (json!({ "iat": now + 120 }), 400),
        (json!({ "sub": null }), 400),
        (json!({ "sub": "" }), 403),
        (json!({ "tid": "t2" }), 403),
        (json!({ "tid": null }), 403),
    ] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        let page = world.log_in(&TestBrowser::new(&world.app), claims).await;
        assert!(
            page.status == status && page.cookie("__Host-sp-t-acme").is_none(),
            "{bad}: {} {}",
            page.status,
            page.body
        );
    }
    let signer = &world.issuer.signer;
    let imposter = Signer::es256(&signer.kid);
    for (by, header) in [
        (&imposter, json!({ "typ": "JWT" })),
        (signer, json!({ "typ": "JWT", "alg": "none" })),
        (signer, json!({ "typ": "JWT", "alg": "HS256" })),
        (signer, json!({ "typ": "JWT", "crit": ["exp"] })),
        (signer, json!({ "typ": "JWT", "kid": "unknown" })),
    ] {
        let browser = TestBrowser::new(&world.app);
        let way = world.begin(&browser).await;
        world.answer(&world.issuer.token_by(by, &header, &world.claims(&way, good.clone())));
        let page = world.back(&browser, &way).await;
        assert!([400, 503].contains(&page.status.as_u16()) && page.cookie("__Host-sp-t-acme").is_none(), "{header}");
    }
    assert_eq!(world.people().await, before);
    assert_eq!(world.log_in(&TestBrowser::new(&world.app), good).await.location(), "/t/acme/account");
}

#[tokio::test]
async fn an_answer_belongs_to_one_browser_one_provider_and_one_time() {
    let world = World::start(json!({ "accounts": "create" })).await;
    let (ours, theirs) = (TestBrowser::new(&world.app), TestBrowser::new(&world.app));
    let way = world.begin(&ours).await;
    world.begin(&theirs).await;
    let token = world.issuer.token_by(&world.issuer.signer, &json!({ "typ": "JWT" }), &world.claims(&way, json!({})));
    world.answer(&token);
    // Nobody is logged in by another's answer, and it is not used up by that.
    refused(&world.back(&theirs, &way).await, 400, "belongs to the browser");
    let elsewhere = format!("/t/acme/login/with/other/callback?state={}&code=c&iss={}", way.state, world.issuer.name);
    refused(&ours.get(&elsewhere).await, 400, "belongs to the browser");
    assert_eq!(world.issuer.publisher.hits(TOKEN), 0, "no code goes anywhere");
    assert_eq!(world.back(&ours, &way).await.location(), "/t/acme/account");
    refused(&world.back(&ours, &way).await, 400, "belongs to the browser");
    assert_eq!(world.issuer.publisher.hits(TOKEN), 1);
    let ours = TestBrowser::new(&world.app);
    let late = world.begin(&ours).await;
    world.app.clock.advance(std::time::Duration::from_secs(660));
    refused(&world.back(&ours, &late).await, 400, "belongs to the browser");
}

#[tokio::test]
async fn whoever_answers_for_another_issuer_gets_no_code() {
    let world = World::start(json!({ "accounts": "create" })).await;
    let browser = TestBrowser::new(&world.app);
    for rest in
        ["code=c", "code=c&iss=https://another.example", "error=access_denied", "error=x&iss=https://another.example"]
    {
        let way = world.begin(&browser).await;
        let page = browser.get(&format!("/t/acme/login/with/idp/callback?state={}&{rest}", way.state)).await;
        refused(&page, 400, "cannot be believed");
    }
    let way = world.begin(&browser).await;
    let said =
        format!("state={}&iss={}&error=%3Cscript%3E&error_description=%3Cscript%3E", way.state, world.issuer.name);
    let page = browser.get(&format!("/t/acme/login/with/idp/callback?{said}")).await;
    refused(&page, 403, "did not let you in");
    assert!(!page.body.contains("script"), "{}", page.body);
    assert_eq!(world.issuer.publisher.hits(TOKEN), 0);
    let way = world.begin(&browser).await;
    let twice = format!("state={}&state={}&code=c", way.state, way.state);
    refused(&browser.get(&format!("/t/acme/login/with/idp/callback?{twice}")).await, 400, "more than once");
}

#[tokio::test]
async fn nothing_of_a_login_under_way_can_be_opened_with_the_database() {
    let world = World::start(json!({})).await;
    let way = world.begin(&TestBrowser::new(&world.app)).await;
    let row = "select encode(hash, 'escape') || encode(box, 'escape') from login_attempt";
    let row: String = sqlx::query_scalar(row).fetch_one(&world.app.db.owner).await.unwrap();
    assert!(!row.contains(&way.nonce) && !row.contains(&way.state));
}
