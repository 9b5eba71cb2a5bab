//! What good requests of each route look like, and what they present.

use sallyport::{
    access::Page,
    app::routes::{Guard, Route},
    people::link::LinkPurpose,
};
use serde_json::{Value, json};

use super::draw::{Body, Good};
use crate::{
    harness::{
        api::{self, At},
        app::{TestApp, TestTenant},
        browser::TestBrowser,
        console::{self, Things, appoint, first_link},
        device::GRANT,
        flow::{Flow, TestClient, Tokens, hidden, location, query},
        introspect::{ENVELOPE, JWT},
        second::Waiting,
    },
    people::links,
};

/// A device that waits for an answer.
struct Asked {
    user_code: String,
    seen: String,
}

/// What good requests present.
pub(in crate::http) struct Scene {
    pub(in crate::http) client: TestClient,
    tokens: Tokens,
    code: String,
    verifier: String,
    challenge: String,
    registered: Value,
    pub(in crate::http) cookies: String,
    interaction: String,
    csrf: [String; 6],
    /// By which somebody else sets a password.
    link: String,
    device: Asked,
    server_secret: String,
    resource: String,
    password: String,
    waiting: Waiting,
    pub(in crate::http) things: Things,
    api: String,
    /// Of an administrator of the platform.
    root: String,
    first: String,
}

/// A token of the platform that was used before: its first use is noted.
async fn root(app: &TestApp, things: &Things) -> String {
    let token = api::token(app, things.root.0, &things.root.1, &api::all_rights()).await;
    let asked = app.http().get(app.url("/api/admin/v1/tenants")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    token
}

impl Scene {
    pub(in crate::http) async fn of(app: &TestApp, tenant: &TestTenant) -> Self {
        let body = json!({ "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["authorization_code", "refresh_token", GRANT] });
        let request = app.http().post(format!("{}/register", tenant.issuer)).json(&body);
        let registered: Value = request.send().await.unwrap().json().await.unwrap();
        let text = |member: &str| registered[member].as_str().unwrap().to_owned();
        let client = TestClient {
            id: text("client_id"),
            secret: Some(text("client_secret")),
            redirect_uri: "https://a.example/cb".to_owned(),
        };
        appoint(app, tenant.person.id, "administrator").await;
        let browser = TestBrowser::new(app);
        let login = browser.get("/t/acme/login").await;
        let fields = [("username", "ada"), ("password", &tenant.person.password), ("csrf", &login.hidden("csrf"))];
        let entered = browser.post("/t/acme/login", &fields).await;
        let cookie =
            |page: &crate::harness::browser::Page, name: &str| format!("{name}={}", page.cookie(name).unwrap());
        let cookies = [cookie(&login, "__Host-sp-b-acme"), cookie(&entered, "__Host-sp-t-acme")].join("; ");
        let flow = Flow { http: browser.http, ..Flow::new(app, tenant) };
        let mut parameters = flow.parameters(&client);
        parameters.push(("prompt", "consent".to_owned()));
        let mut codes = Vec::new();
        for _ in 0..2 {
            let html = flow.consent_page(&parameters).await;
            let sent = flow.decide(&html, "approve", &["mcp:read", "mcp:write"]).await;
            codes.push(query(&location(&sent), "code").unwrap());
        }
        let redeemed = flow.redeem(&client, &codes.remove(0)).await;
        let tokens = Tokens::read(&redeemed.json().await.unwrap());
        let consent = flow.consent_page(&parameters).await;
        let account = flow.get("/t/acme/account").await.text().await.unwrap();
        let typed = flow.device_page(&flow.device_path()).await;
        let waiting = flow.device(&client).await;
        let asked = flow.ask(&waiting).await;
        // Another one each time: scenes of one tenant follow one another.
        let linked = format!("linked-{}", sallyport::secret::hex(&*app.app.entropy.bytes::<8>().unwrap()));
        app.person(tenant.id, &linked).await;
        let link = links::make(app, tenant, &linked, LinkPurpose::Reset).await;
        let linked = flow.page(flow.get(&format!("/t/acme/link?link={link}")).await).await.1;
        let things = Things::of(app, tenant, &flow.http).await;
        let device = Asked { user_code: hidden(&asked, "user_code"), seen: hidden(&asked, "seen") };
        Self {
            code: codes.remove(0),
            tokens,
            verifier: flow.verifier.clone(),
            challenge: flow.challenge(),
            cookies: format!("{cookies}; {}", things.platform.0),
            interaction: hidden(&consent, "interaction"),
            csrf: [
                login.hidden("csrf"),
                hidden(&consent, "csrf"),
                hidden(&account, "csrf"),
                hidden(&typed, "csrf"),
                hidden(&asked, "csrf"),
                hidden(&linked, "csrf"),
            ],
            link,
            device,
            server_secret: app.server_secret(tenant.id, tenant.server.id).await,
            resource: tenant.server.resource.clone(),
            password: tenant.person.password.clone(),
            waiting: Waiting::of(app, tenant).await,
            root: root(app, &things).await,
            things,
            api: api::token(app, tenant.id, &tenant.person.username, &api::all_rights()).await,
            first: first_link(app).await,
            registered,
            client,
        }
    }

    fn basic(&self) -> (&'static str, String) {
        basic(&self.client.id, self.client.secret.as_ref().unwrap())
    }

    /// A route's good requests. Whoever adds a route says here how it is asked.
    pub(in crate::http) fn good(&self, route: &Route) -> Vec<Good> {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let [login, consent, account, typed, device, linked] = &self.csrf;
        let page = |query: &[(&str, &str)], form: Option<&[(&str, &str)]>| Good {
            query: own(query),
            body: form.map_or(Body::None, |pairs| Body::Form(own(pairs))),
            headers: vec![("cookie", self.cookies.clone())],
            object: String::new(),
        };
        let client = |form: &[(&str, &str)]| Good {
            body: Body::Form(own(form)),
            headers: vec![self.basic()],
            ..Good::default()
        };
        let interaction = [("interaction", &*self.interaction)];
        let (id, resource, code, verifier) = (&*self.client.id, &*self.resource, &*self.code, &*self.verifier);
        let callback = &*self.client.redirect_uri;
        let asked = [
            ("response_type", "code"),
            ("client_id", id),
            ("redirect_uri", callback),
            ("code_challenge", &*self.challenge),
            ("code_challenge_method", "S256"),
            ("resource", resource),
            ("state", "s"),
            ("scope", "mcp:read"),
        ];
        if matches!(route.guard, Guard::Console(..)) {
            let (page_of, action) = console::rule(route).expect("a rule");
            let (_, fields) = self.things.good(route, "acme");
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let good = if route.method == "GET" { page(&fields, None) } else { page(&[], Some(&fields)) };
            let object =
                if route.path.contains("{object}") { self.things.object(page_of, action) } else { String::new() };
            return vec![Good { object, ..good }];
        }
        if let Some((page_of, action)) = api::rule(route) {
            let api::Good { seen, body, .. } = api::good(route, &self.things, "acme");
            let token = if page_of == Page::Tenants { &self.root } else { &self.api };
            let mut headers = vec![("authorization", format!("Bearer {token}"))];
            headers.extend(seen.map(|seen| ("if-match", seen)));
            return vec![Good {
                body: body.map_or(Body::None, |body| Body::Json(body.to_string())),
                headers,
                object: if [At::Path, At::Tenant].contains(&api::at(route)) {
                    self.things.object(page_of, action)
                } else {
                    String::new()
                },
                ..Good::default()
            }];
        }
        match (route.method.as_str(), route.path) {
            ("GET", _) if route.guard == Guard::Public => vec![Good::default()],
            ("POST", "/t/{tenant}/register") => vec![registration(&self.registered, None)],
            (_, "/t/{tenant}/register/{client_id}") => {
                let token = self.registered["registration_access_token"].as_str();
                vec![registration(&self.registered, token)]
            }
            ("GET", "/t/{tenant}/login" | "/t/{tenant}/consent") => vec![page(&interaction, None)],
            ("GET", "/t/{tenant}/logout" | "/t/{tenant}/account") => vec![page(&[], None)],
            (
                "GET",
                "/t/{tenant}/account/security"
                | "/t/{tenant}/account/history"
                | "/t/{tenant}/account/totp"
                | "/t/{tenant}/account/password",
            ) => {
                vec![page(&[], None)]
            }
            ("POST", "/t/{tenant}/account/totp") => {
                let own = &self.waiting.enrolling;
                let form = [("csrf", &*own.csrf), ("pending", &*own.pending), ("code", &*own.code)];
                vec![Good { headers: vec![("cookie", own.cookies.clone())], ..page(&[], Some(&form)) }]
            }
            // The installation has no name that passkeys could be for; with one, tests/it/people/passkeys.rs.
            ("GET", "/t/{tenant}/account/passkey") => vec![page(&[], None)],
            ("POST", "/t/{tenant}/account/passkey") => {
                vec![page(&[], Some(&[("csrf", account), ("credential", "{}"), ("name", "Mine")]))]
            }
            ("POST", "/t/{tenant}/account/passkey/remove") => {
                let passkey = ("passkey", "00000000-0000-7000-8000-000000000000");
                vec![page(&[], Some(&[("csrf", account), passkey]))]
            }
            ("POST", "/t/{tenant}/login/passkey") => {
                vec![page(&[], Some(&[("csrf", login), ("credential", "{}"), interaction[0]]))]
            }
            ("POST", "/t/{tenant}/account/totp/remove" | "/t/{tenant}/account/recovery") => {
                vec![page(&[], Some(&[("csrf", account)]))]
            }
            ("POST", "/t/{tenant}/account/identity" | "/t/{tenant}/account/identity/remove") => {
                vec![page(&[], Some(&[("csrf", account), ("provider", "idp")]))]
            }
            ("POST", "/t/{tenant}/account/password") => {
                let own = &*self.password;
                vec![page(&[], Some(&[("csrf", account), ("current", own), ("password", own), ("repeat", own)]))]
            }
            ("POST", "/t/{tenant}/account/sessions/end") => {
                let session = ("session", "00000000-0000-7000-8000-000000000000");
                vec![page(&[], Some(&[("csrf", account), session]))]
            }
            ("GET" | "POST", "/t/{tenant}/login/second") => {
                let form = [("csrf", &*self.waiting.csrf), ("recovery", &*self.waiting.recovery)];
                let form = (route.method == "POST").then_some(&form[..]);
                vec![Good { headers: vec![("cookie", self.waiting.cookies("acme"))], ..page(&[], form) }]
            }
            ("POST", "/t/{tenant}/login") => {
                let form = [("username", "ada"), ("password", &*self.password), ("csrf", login), interaction[0]];
                vec![page(&[], Some(&form))]
            }
            ("POST", "/t/{tenant}/login/with/{provider}") => {
                vec![page(&[], Some(&[("csrf", login), interaction[0]]))]
            }
            ("POST", "/t/{tenant}/login/with/{provider}/logout") => {
                let form = Body::Form(own(&[("logout_token", "e30.e30.AAAA")]));
                vec![Good { body: form, ..Good::default() }]
            }
            ("GET", "/t/{tenant}/login/with/{provider}/callback") => {
                vec![page(&[("state", "sp_os_x"), ("code", "c"), ("iss", "https://idp.example")], None)]
            }
            ("GET", "/t/{tenant}/link") => vec![page(&[("link", &*self.link)], None)],
            ("POST", "/t/{tenant}/link") => {
                let typed = [("password", "a password of some length"), ("repeat", "a password of some length")];
                vec![page(&[], Some(&[&[("csrf", &**linked), ("link", &*self.link)], &typed[..]].concat()))]
            }
            ("GET", "/console/first") => vec![page(&[("link", &*self.first)], None)],
            ("POST", "/console/first") => {
                let place = [("link", &*self.first), ("name", "First"), ("slug", "first"), ("username", "ada")];
                let typed = [("password", "seven green umbrellas"), ("repeat", "seven green umbrellas")];
                vec![page(&[], Some(&[&place[..], &typed[..]].concat()))]
            }
            ("POST", "/t/{tenant}/logout") => vec![page(&[], Some(&[("csrf", account)]))],
            ("POST", "/t/{tenant}/account/revoke") => {
                let grant = ("grant", "00000000-0000-7000-8000-000000000000");
                vec![page(&[], Some(&[("csrf", account), grant]))]
            }
            ("GET", "/t/{tenant}/authorize") => vec![page(&asked, None)],
            ("POST", "/t/{tenant}/consent") => {
                let form = [("csrf", &**consent), interaction[0], ("decision", "approve"), ("scope", "mcp:read")];
                vec![page(&[], Some(&form))]
            }
            ("POST", "/t/{tenant}/token") => vec![
                client(&[
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("code_verifier", verifier),
                    ("resource", resource),
                ]),
                client(&[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", &*self.tokens.refresh),
                    ("scope", "mcp:read"),
                ]),
                client(&[("grant_type", "client_credentials"), ("resource", resource)]),
                client(&[("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "x")]),
            ],
            ("POST", "/t/{tenant}/revoke") => {
                vec![client(&[("token", "sp_rt_x"), ("token_type_hint", "refresh_token")])]
            }
            ("POST", "/t/{tenant}/device_authorization") => {
                vec![client(&[("resource", resource), ("scope", "mcp:read")])]
            }
            ("GET", "/t/{tenant}/device") => vec![page(&[("user_code", &*self.device.user_code)], None)],
            ("POST", "/t/{tenant}/device") => {
                vec![page(&[], Some(&[("csrf", typed), ("user_code", &*self.device.user_code)]))]
            }
            ("POST", "/t/{tenant}/device/decision") => {
                let Asked { user_code, seen } = &self.device;
                let code = [("user_code", &**user_code), ("seen", seen), ("csrf", device)];
                let approve = [&code[..], &[("decision", "approve"), ("scope", "mcp:read")]].concat();
                vec![page(&[], Some(&approve))]
            }
            ("POST", "/t/{tenant}/introspect") => {
                let ask = |accept: &str| Good {
                    body: Body::Form(own(&[("token", &*self.tokens.access)])),
                    headers: vec![basic("demo", &self.server_secret), ("accept", accept.to_owned())],
                    ..Good::default()
                };
                vec![ask("application/json"), ask(ENVELOPE), ask(JWT)]
            }
            (_, "/t/{tenant}/mcp/{server}") => self.calls(),
            (method, path) => panic!("{method} {path} is new: say how it is asked"),
        }
    }

    /// Messages of both eras.
    fn calls(&self) -> Vec<Good> {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
        let modern = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a", "arguments": {}, "_meta": meta } });
        let legacy = json!({ "jsonrpc": "2.0", "id": "b", "method": "tools/list", "params": {} });
        let begin = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } } });
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let headers = |more: &[(&'static str, &str)]| {
            let all = [("accept", "application/json, text/event-stream")].into_iter().chain(more.iter().copied());
            let all = all.map(|(name, value)| (name, value.to_owned()));
            all.chain([("authorization", format!("Bearer {}", self.tokens.access))]).collect()
        };
        let call = |body: Value, more: &[(&'static str, &str)]| Good {
            body: Body::Json(body.to_string()),
            headers: headers(more),
            ..Good::default()
        };
        vec![
            call(modern, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "a")]),
            call(legacy, &[("mcp-protocol-version", "2025-11-25")]),
            call(begin, &[]),
            call(told, &[("mcp-protocol-version", "2025-11-25")]),
        ]
    }
}

fn basic(name: &str, secret: &str) -> (&'static str, String) {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{secret}"));
    ("authorization", format!("Basic {pair}"))
}

fn registration(registered: &Value, token: Option<&str>) -> Good {
    let mut body = json!({
        "client_name": "Notes", "redirect_uris": ["https://a.example/cb", "http://127.0.0.1/cb"], "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "none", "logo_uri": "https://a.example/l", "contacts": ["a@a.example"], "scope": "mcp:read",
    });
    if token.is_some() {
        body["client_id"] = registered["client_id"].clone();
    }
    let bearer = token.map(|token| ("authorization", format!("Bearer {token}")));
    Good { body: Body::Json(body.to_string()), headers: bearer.into_iter().collect(), ..Good::default() }
}
