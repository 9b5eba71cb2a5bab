//! Everything that a tenant gives out: to one client, one browser, one upstream.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method},
    response::{IntoResponse, Response},
    routing::any,
};
use reqwest::{RequestBuilder, StatusCode};
use sallyport::{
    access::{Action, Page},
    authorize::device::UserCode,
    clients::initial_token::{self, NewInitialToken},
    ids::{ClientId, GrantId},
    people::link::LinkPurpose,
    secret::{Entropy, Handle, HandleKind},
};
use serde_json::{Value, json};

use crate::{
    harness::{
        api,
        app::{TestApp, TestTenant},
        browser::{Page as Answer, TestBrowser},
        console::{Things, appoint, first_link},
        flow::{Flow, TestClient, Tokens, hidden, location, query},
        second::Waiting,
        web::{Web, limits},
    },
    people::links,
};

pub(super) const CALLBACK: &str = "https://a.example/cb";
pub(super) const LEGACY: &str = "2025-11-25";

/// What can be presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Refresh,
    Code,
    Verifier,
    ClientId,
    ClientSecret,
    ServerSecret,
    Registration,
    Initial,
    Session,
    Browser,
    Interaction,
    LoginCsrf,
    ConsentCsrf,
    AccountCsrf,
    DeviceCsrf,
    Link,
    LinkCsrf,
    DeviceCode,
    UserCode,
    Seen,
    Grant,
    Username,
    Password,
    Server,
    Resource,
    McpSession,
    Jwt,
    ConsoleCsrf,
    FirstLink,
    ApiToken,
    /// A login that waits for its second factor, in a browser of its own.
    Step,
    WaitingBrowser,
    SecondCsrf,
    Recovery,
    /// What a route of the console or of the admin API is about.
    Object(Page, Action),
}

impl Kind {
    /// What a thief would try in place of a handle: any other of the tenant's handles, and the upstream's token.
    pub(super) const HANDLES: [Self; 15] = [
        Self::Access,
        Self::Refresh,
        Self::Code,
        Self::ClientSecret,
        Self::ServerSecret,
        Self::Registration,
        Self::Initial,
        Self::Session,
        Self::Browser,
        Self::Interaction,
        Self::DeviceCode,
        Self::Link,
        Self::ApiToken,
        Self::Step,
        Self::Jwt,
    ];

    pub(super) fn is_handle(self) -> bool {
        Self::HANDLES.contains(&self)
    }
}

/// A tenant at which somebody has been through everything.
pub(super) struct Loot {
    pub(super) tenant: TestTenant,
    /// A server that only this tenant has.
    pub(super) only: String,
    pub(super) client: TestClient,
    pub(super) code: String,
    pub(super) tokens: Tokens,
    pub(super) session: String,
    pub(super) browser: String,
    pub(super) interaction: String,
    server_secret: String,
    registration: String,
    initial: String,
    verifier: String,
    csrf: [String; 5],
    /// By which another person sets a password.
    link: String,
    /// A device that was allowed.
    device_code: String,
    /// The code of one that waits, and that its person was asked.
    user_code: String,
    seen: String,
    grant: String,
    mcp_session: String,
    upstream: Upstream,
    pub(super) things: Things,
    api: String,
    first: String,
    waiting: Waiting,
}

impl Loot {
    pub(super) async fn of(app: &TestApp, slug: &str) -> Self {
        let mut tenant = app.tenant(slug).await;
        tenant.person = app.person(tenant.id, &format!("only-{slug}")).await;
        app.person(tenant.id, &format!("linked-{slug}")).await;
        let only = format!("only-{slug}");
        app.server(tenant.id, slug, &only, "http://127.0.0.1:9/mcp").await;
        let upstream = Upstream::start(slug);
        app.server(tenant.id, slug, "demo", &upstream.url).await;
        app.settings(&tenant, json!({ "registration": "initial_access_token" })).await;
        Self::fill(app, tenant, only, upstream).await
    }

    /// The same tenant, and all of it anew.
    pub(super) async fn again(self, app: &TestApp) -> Self {
        Self::fill(app, self.tenant, self.only, self.upstream).await
    }

    async fn fill(app: &TestApp, tenant: TestTenant, only: String, upstream: Upstream) -> Self {
        appoint(app, tenant.person.id, "administrator").await;
        let browser = TestBrowser::new(app);
        let login = browser.get(&format!("/t/{}/login", tenant.slug)).await;
        let person = &tenant.person;
        let fields = [("username", &*person.username), ("password", &person.password), ("csrf", &login.hidden("csrf"))];
        let entered = browser.post(&format!("/t/{}/login", tenant.slug), &fields).await;
        let own = |page: &Answer, place: &str| {
            page.cookie(&format!("__Host-sp-{place}-{}", tenant.slug)).expect("a cookie").to_owned()
        };
        let (browser_cookie, session) = (own(&login, "b"), own(&entered, "t"));

        let initial = initial_token(app, &tenant).await;
        let (client, registration) = register(app, &tenant, &initial).await;
        let flow = Flow { http: browser.http, ..Flow::new(app, &tenant) };
        let mut parameters = flow.parameters(&client);
        parameters.push(("prompt", "consent".to_owned()));
        let mut codes = Vec::new();
        for _ in 0..2 {
            let html = flow.consent_page(&parameters).await;
            let sent = flow.decide(&html, "approve", &["mcp:read"]).await;
            codes.push(query(&location(&sent), "code").unwrap());
        }
        let tokens = Tokens::read(&flow.redeem(&client, &codes.remove(0)).await.json().await.unwrap());
        let consent = flow.consent_page(&parameters).await;
        let account = flow.get(&format!("/t/{}/account", tenant.slug)).await.text().await.unwrap();
        flow.give_device_grant(&client).await;
        let (allowed, waiting) = (flow.device(&client).await, flow.device(&client).await);
        let page = flow.ask(&allowed).await;
        assert_eq!(flow.answer(&page, "approve", &["mcp:read"]).await.status(), StatusCode::OK);
        let asked = flow.ask(&waiting).await;
        let linked = format!("linked-{}", tenant.slug);
        let link = links::make(app, &tenant, &linked, LinkPurpose::Reset).await;
        let link_page = flow.page(flow.get(&format!("/t/{}/link?link={link}", tenant.slug)).await).await.1;
        let things = Things::of(app, &tenant, &flow.http).await;
        let verifier = flow.verifier.clone();
        drop(flow);
        let server_secret = app.server_secret(tenant.id, tenant.server.id).await;
        let mut loot = Self {
            server_secret,
            only,
            code: codes.remove(0),
            session,
            browser: browser_cookie,
            interaction: hidden(&consent, "interaction"),
            registration,
            initial,
            verifier,
            csrf: [
                login.hidden("csrf"),
                hidden(&consent, "csrf"),
                hidden(&account, "csrf"),
                hidden(&asked, "csrf"),
                hidden(&link_page, "csrf"),
            ],
            link,
            device_code: allowed.code,
            user_code: waiting.user_code,
            seen: hidden(&asked, "seen"),
            grant: hidden(&account, "grant"),
            mcp_session: String::new(),
            upstream,
            things,
            api: api::token(app, tenant.id, &tenant.person.username, &api::all_rights()).await,
            first: first_link(app).await,
            waiting: Waiting::of(app, &tenant).await,
            tokens,
            client,
            tenant,
        };
        let answer = loot.initialize(app).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        loot.mcp_session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        loot
    }

    fn initialize(&self, app: &TestApp) -> RequestBuilder {
        let params = json!({
            "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let request = app.http().post(&self.tenant.server.resource).bearer_auth(&self.tokens.access);
        request.header("accept", "application/json, text/event-stream").json(&body)
    }

    /// The tenant's own.
    pub(super) fn of_kind(&self, kind: Kind) -> String {
        let [login, consent, account, device, linked] = &self.csrf;
        match kind {
            Kind::Access => &self.tokens.access,
            Kind::Refresh => &self.tokens.refresh,
            Kind::Code => &self.code,
            Kind::Verifier => &self.verifier,
            Kind::ClientId => &self.client.id,
            Kind::ClientSecret => self.client.secret.as_ref().unwrap(),
            Kind::ServerSecret => &self.server_secret,
            Kind::Registration => &self.registration,
            Kind::Initial => &self.initial,
            Kind::Session => &self.session,
            Kind::Browser => &self.browser,
            Kind::Interaction => &self.interaction,
            Kind::LoginCsrf => login,
            Kind::ConsentCsrf => consent,
            Kind::AccountCsrf => account,
            Kind::DeviceCsrf => device,
            Kind::LinkCsrf => linked,
            Kind::Link => &self.link,
            Kind::DeviceCode => &self.device_code,
            Kind::UserCode => &self.user_code,
            Kind::Seen => &self.seen,
            Kind::Grant => &self.grant,
            Kind::Username => &self.tenant.person.username,
            Kind::Password => &self.tenant.person.password,
            Kind::Server => &self.only,
            Kind::Resource => &self.tenant.server.resource,
            Kind::McpSession => &self.mcp_session,
            Kind::Jwt => return self.upstream.jwt(),
            Kind::ConsoleCsrf => &self.things.csrf,
            Kind::FirstLink => &self.first,
            Kind::ApiToken => &self.api,
            Kind::Step => &self.waiting.step,
            Kind::WaitingBrowser => &self.waiting.browser,
            Kind::SecondCsrf => &self.waiting.csrf,
            Kind::Recovery => &self.waiting.recovery,
            Kind::Object(page, action) => return self.things.object(page, action),
        }
        .clone()
    }

    /// How often the tenant's upstream was asked.
    pub(super) fn upstream_asked(&self) -> usize {
        self.upstream.seen.lock().unwrap().len()
    }
}

/// What nobody ever gave out, of the same shape.
pub(super) fn made_up(app: &TestApp, kind: Kind) -> String {
    let entropy = Entropy::system();
    let handle = |kind| Handle::generate(kind, &entropy).unwrap().expose().to_owned();
    match kind {
        Kind::Access => handle(HandleKind::AccessToken),
        Kind::Refresh => handle(HandleKind::RefreshToken),
        Kind::Code => handle(HandleKind::Code),
        Kind::ClientSecret => handle(HandleKind::ClientSecret),
        Kind::ServerSecret => handle(HandleKind::ServerSecret),
        Kind::Registration => handle(HandleKind::RegistrationToken),
        Kind::Initial => handle(HandleKind::InitialAccessToken),
        Kind::Session => handle(HandleKind::Session),
        Kind::Browser | Kind::WaitingBrowser => handle(HandleKind::Browser),
        Kind::Step => handle(HandleKind::LoginStep),
        Kind::Recovery => "BCDF-GHJK-LMNP".to_owned(),
        Kind::Interaction => handle(HandleKind::Interaction),
        Kind::DeviceCode => handle(HandleKind::DeviceCode),
        Kind::Link | Kind::FirstLink => handle(HandleKind::PersonLink),
        Kind::ApiToken => handle(HandleKind::ApiToken),
        Kind::UserCode => UserCode::generate(&entropy).unwrap().show(),
        Kind::Verifier
        | Kind::LoginCsrf
        | Kind::ConsentCsrf
        | Kind::AccountCsrf
        | Kind::DeviceCsrf
        | Kind::LinkCsrf
        | Kind::ConsoleCsrf
        | Kind::SecondCsrf
        | Kind::Seen => entropy.text::<32>().unwrap(),
        Kind::McpSession => entropy.text::<48>().unwrap(),
        Kind::ClientId => ClientId::new(&app.clock, &entropy).unwrap().to_string(),
        Kind::Grant => GrantId::new(&app.clock, &entropy).unwrap().to_string(),
        Kind::Username => "zq-person".to_owned(),
        Kind::Password => "the password of zq-person".to_owned(),
        Kind::Server => "zq-server".to_owned(),
        Kind::Resource => app.url("/t/zq-tenant/mcp/zq-server"),
        Kind::Jwt => "e30.e30.AAAA".to_owned(),
        Kind::Object(Page::Clients, _) | Kind::Object(Page::Grants, Action::RevokeAll) => made_up(app, Kind::ClientId),
        Kind::Object(Page::Servers | Page::Providers, _) => made_up(app, Kind::Server),
        Kind::Object(Page::Settings, _) => made_up(app, Kind::Seen),
        Kind::Object(..) => made_up(app, Kind::Grant),
    }
}

async fn initial_token(app: &TestApp, tenant: &TestTenant) -> String {
    let new = NewInitialToken { uses: 100, life: time::Duration::HOUR, note: String::new() };
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let (token, _) = initial_token::create(&mut tx, &app.recorder(), &app.app.keyring, new).await.unwrap();
    tx.commit().await.unwrap();
    token.expose().to_owned()
}

async fn register(app: &TestApp, tenant: &TestTenant, initial: &str) -> (TestClient, String) {
    let body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic" });
    let request = app.http().post(format!("{}/register", tenant.issuer)).bearer_auth(initial).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    let client =
        TestClient { id: text("client_id"), secret: Some(text("client_secret")), redirect_uri: CALLBACK.to_owned() };
    (client, text("registration_access_token"))
}

/// An upstream with sessions that keeps the tokens it sees.
struct Upstream {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
    _web: Web,
}

impl Upstream {
    fn start(name: &str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (session, keeping) = (format!("session-at-{name}"), seen.clone());
        let answer = move |method: Method, headers: HeaderMap, body: Bytes| {
            keeping.lock().unwrap().push(headers["authorization"].to_str().unwrap()[7..].to_owned());
            std::future::ready(reply(&method, &body, &session))
        };
        let web = Web::serve(Router::new().route("/mcp", any(answer)), &limits(), std::time::Duration::ZERO);
        Self { url: web.url("/mcp"), seen, _web: web }
    }

    fn jwt(&self) -> String {
        self.seen.lock().unwrap().last().expect("the upstream was asked").clone()
    }
}

fn reply(method: &Method, body: &[u8], session: &str) -> Response {
    if *method != Method::POST {
        return axum::http::StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let asked: Value = serde_json::from_slice(body).unwrap();
    let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "protocolVersion": LEGACY, "tools": [] } });
    ([("mcp-session-id", session.to_owned())], axum::Json(answer)).into_response()
}
