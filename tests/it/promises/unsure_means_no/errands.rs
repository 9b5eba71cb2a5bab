//! For every route, something that somebody wants done.

mod security;

use std::{
    fmt,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, StatusCode};
use sallyport::{
    access,
    app::routes::{self, Guard, Route},
    people::link::LinkPurpose,
};
use serde_json::{Value, json};

use super::{forms::Answer, node::Node};
use crate::{
    gateway::world::{LEGACY, MODERN, modern_body},
    harness::{
        api,
        app::{TestApp, TestTenant},
        browser::{Page, TestBrowser},
        console::{self, Things, appoint, first_link},
        device::{self, TestDevice},
        flow::{Flow, TestClient, Tokens, hidden, location, query},
        second::Waiting,
    },
    people::links,
};

const CALLBACK: &str = "https://client.example/callback";

type Make = Box<dyn Fn(RequestBuilder) -> RequestBuilder>;

/// One request, and what it is answered with if all is well.
pub(super) struct Errand {
    pub(super) what: &'static str,
    pub(super) guard: Guard,
    pub(super) done: u16,
    method: Method,
    path: String,
    make: Make,
}

impl fmt::Display for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.what, self.method, self.path.split('?').next().unwrap())
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Errand {
    pub(super) async fn run(&self, node: &Node) -> Answer {
        Answer::of((self.make)(node.request(&self.method, &self.path))).await
    }

    /// Fails unless it is done now, or soon: the writer of events tries again after a while, and nothing is forwarded before.
    pub(super) async fn is_done(&self, node: &Node, when: &str) {
        let patience = Instant::now() + Duration::from_secs(20);
        let mut answer = self.run(node).await;
        while matches!(self.guard, Guard::Bearer | Guard::Server) && answer.status == 503 && Instant::now() < patience {
            answer.assert_refused(self.guard, &format!("{self} {when}"));
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = self.run(node).await;
        }
        assert_eq!(answer.status, self.done, "{self} {when}: {:?} {}", answer.headers, answer.body);
    }

    /// The stylesheet, the script and the description of the API are part of the program.
    pub(super) fn needs_the_store(&self) -> bool {
        !self.path.starts_with("/static/") && !self.path.ends_with("/openapi.json")
    }

    /// Where there is nothing yet, no tenant can be broken; and the platform goes on without any.
    pub(super) fn needs_a_tenant(&self) -> bool {
        let without = ["/console/first", "/console/t/platform/"];
        let without = without.iter().any(|path| self.path.starts_with(path));
        self.needs_the_store() && !without && !matches!(self.guard, Guard::Api(access::Page::Tenants, _))
    }

    /// What is published is the same at any time.
    pub(super) fn goes_by_time(&self) -> bool {
        !matches!(self.guard, Guard::Public | Guard::Preflight)
    }

    /// Whether it can be run again and again.
    pub(super) fn changes_nothing(&self) -> bool {
        self.method == Method::GET || self.guard == Guard::Bearer
    }
}

/// An errand for every route, in an order in which all can be done: what comes last ends what the others need.
pub(super) async fn errands(app: &TestApp, tenant: &TestTenant) -> Vec<Errand> {
    let props = Props::of(app, tenant).await;
    let mut errands: Vec<Errand> = routes::public().iter().flat_map(|route| props.errands(route)).collect();
    let ends = |errand: &Errand| {
        [
            "remove",
            "revoke",
            "take a grant back",
            "log out",
            "change the password",
            "use a recovery code",
            "set a password",
            "make the first tenant",
        ]
        .contains(&errand.what)
    };
    // Through the API the settings are saved as they are; after the console they are others. Where there is a tenant, the first link ends.
    errands.sort_by_key(|errand| {
        let makes = errand.method == Method::POST
            && ["/tenants/-/new", "/v1/tenants"].iter().any(|end| errand.path.ends_with(end));
        (makes, ends(errand), errand.path.ends_with("/settings/edit"))
    });
    errands
}

/// What clients and browsers hold.
struct Props {
    base: String,
    client: TestClient,
    code: String,
    verifier: String,
    challenge: String,
    tokens: Tokens,
    /// Of another family: revoked as an errand.
    doomed: Tokens,
    /// Of another grant: taken back as an errand.
    grant: String,
    registered: TestClient,
    registration: String,
    username: String,
    password: String,
    resource: String,
    server_secret: String,
    /// Cookies and forms of somebody who is logged in.
    cookies: String,
    account_csrf: String,
    consent_csrf: String,
    /// Two requests that wait for an answer.
    interactions: [String; 2],
    /// Devices that wait for an answer, for their tokens, and for somebody who types a code.
    devices: [TestDevice; 3],
    device_csrf: String,
    /// That the first one was asked about.
    seen: String,
    /// By which somebody else sets a password, and its form.
    link: (String, String),
    /// Cookie and form of a browser in which nobody is.
    stranger: (String, String),
    /// Cookies and form of somebody who leaves.
    leaving: (String, String),
    things: Things,
    /// What is changed through the admin API: the console has used up the others.
    others: Things,
    /// A token of the admin API, and one of an administrator of the platform.
    api: String,
    root: String,
    first: String,
    waiting: Waiting,
}

impl Props {
    async fn of(app: &TestApp, tenant: &TestTenant) -> Self {
        let mut flow = Flow::new(app, tenant);
        appoint(app, tenant.person.id, "administrator").await;
        let (browser, cookies) = logged_in(app, tenant).await;
        flow.http = browser.http;
        let client = flow.client_with(&[CALLBACK], true).await;
        let other = flow.client_with(&[CALLBACK], true).await;
        let [code, first, second] =
            [code(&flow, &client).await, code(&flow, &client).await, code(&flow, &client).await];
        let redeem = async |client: &TestClient, code: &str| {
            Tokens::read(&flow.redeem(client, code).await.json().await.unwrap())
        };
        let (tokens, doomed) = (redeem(&client, &first).await, redeem(&client, &second).await);
        redeem(&other, &self::code(&flow, &other).await).await;
        let grant = "select id::text from access_grant where client = $1";
        let grant = sqlx::query_scalar(grant).bind(&other.id).fetch_one(&app.db.owner).await.unwrap();
        let mut interactions = Vec::new();
        let mut consent_csrf = String::new();
        for _ in 0..2 {
            let html = flow.consent_page(&parameters(&flow, &client)).await;
            interactions.push(hidden(&html, "interaction"));
            consent_csrf = hidden(&html, "csrf");
        }
        flow.give_device_grant(&client).await;
        let devices = [flow.device(&client).await, flow.device(&client).await, flow.device(&client).await];
        flow.allow(&devices[1]).await;
        let asked = flow.ask(&devices[0]).await;
        let account = flow.page(flow.get("/t/acme/account").await).await.1;
        // Another one each time: scenes of one tenant follow one another.
        let linked = format!("linked-{}", sallyport::secret::hex(&*app.app.entropy.bytes::<8>().unwrap()));
        app.person(tenant.id, &linked).await;
        let link = links::make(app, tenant, &linked, LinkPurpose::Reset).await;
        let linked = flow.page(flow.get(&format!("/t/acme/link?link={link}")).await).await.1;
        let (registered, registration) = register(&flow).await;
        let stranger = TestBrowser::new(app).get("/t/acme/login").await;
        let things = Things::of(app, tenant, &flow.http).await;
        let others = Things::of(app, tenant, &flow.http).await;
        let (leaving, leaving_cookies) = logged_in(app, tenant).await;
        Self {
            base: app.base.clone(),
            code,
            challenge: flow.challenge(),
            tokens,
            doomed,
            grant,
            registered,
            registration,
            username: tenant.person.username.clone(),
            password: tenant.person.password.clone(),
            resource: tenant.server.resource.clone(),
            server_secret: app.server_secret(tenant.id, tenant.server.id).await,
            cookies: format!("{cookies}; {}", things.platform.0),
            account_csrf: hidden(&account, "csrf"),
            consent_csrf,
            interactions: interactions.try_into().unwrap(),
            devices,
            device_csrf: hidden(&asked, "csrf"),
            seen: hidden(&asked, "seen"),
            link: (link, hidden(&linked, "csrf")),
            stranger: (cookie(&stranger, "b"), stranger.hidden("csrf")),
            leaving: (leaving_cookies, leaving.get("/t/acme/account").await.hidden("csrf")),
            verifier: flow.verifier,
            root: api::token(app, others.root.0, &others.root.1, &api::all_rights()).await,
            things,
            others,
            api: api::token(app, tenant.id, &tenant.person.username, &api::all_rights()).await,
            first: first_link(app).await,
            waiting: Waiting::of(app, tenant).await,
            client,
        }
    }

    /// What is done at a route. A new route needs an errand here.
    fn errands(&self, route: &Route) -> Vec<Errand> {
        let path = route.path.replace("{tenant}", "acme").replace("{server}", "demo");
        let path = path.replace("{client_id}", &self.registered.id).replace("{provider}", "nobody");
        let one = |what: &'static str, done: StatusCode, path: String, make: Make| Errand {
            what,
            guard: route.guard,
            done: done.as_u16(),
            method: route.method.clone(),
            path,
            make,
        };
        let plain = |what, path: String| one(what, StatusCode::OK, path, Box::new(|request| request));
        if matches!(route.guard, Guard::Console(..)) {
            let (path, fields) = self.things.good(route, "acme");
            return vec![if route.method == Method::GET {
                let query = url_query(&fields);
                one("look at the console", StatusCode::OK, format!("{path}{query}"), with_cookies(&self.cookies))
            } else {
                let (page, action) = console::rule(route).expect("a rule");
                let done = StatusCode::from_u16(Things::done(page, action)).unwrap();
                one("change something", done, path, self.form(&self.cookies, fields))
            }];
        }
        if matches!(route.guard, Guard::Api(..)) {
            let api::Good { path, seen, body, done } = api::good(route, &self.others, "acme");
            let token = match route.guard {
                Guard::Api(access::Page::Tenants, _) => self.root.clone(),
                _ => self.api.clone(),
            };
            let make: Make = Box::new(move |request| {
                let request = request.bearer_auth(&token);
                let request = match &seen {
                    Some(seen) => request.header("if-match", seen),
                    None => request,
                };
                if let Some(body) = &body { request.json(body) } else { request }
            });
            let what = if route.method == Method::GET { "read through the API" } else { "change through the API" };
            return vec![one(what, StatusCode::from_u16(done).unwrap(), path, make)];
        }
        match (route.method.as_str(), route.path) {
            ("GET", "/static/{file}") => {
                vec![
                    plain("the stylesheet", sallyport::http::pages::stylesheet_path().to_owned()),
                    plain("the script", sallyport::http::pages::script_path().to_owned()),
                ]
            }
            ("GET", _) if route.guard == Guard::Public => vec![plain("discover", path)],
            ("POST", "/t/{tenant}/register") => {
                vec![one("register", StatusCode::CREATED, path, json_body(json!({ "redirect_uris": [CALLBACK] })))]
            }
            (method, "/t/{tenant}/register/{client_id}") => self.management(method, path, &one),
            ("GET", "/t/{tenant}/login") => vec![plain("see the login page", path)],
            ("POST", "/t/{tenant}/login") => {
                let form = vec![
                    ("username", self.username.clone()),
                    ("password", self.password.clone()),
                    ("csrf", self.stranger.1.clone()),
                ];
                vec![one("log in", StatusCode::SEE_OTHER, path, self.form(&self.stranger.0, form))]
            }
            ("GET", "/console/first") => {
                vec![one(
                    "see the first link",
                    StatusCode::OK,
                    format!("{path}?link={}", self.first),
                    Box::new(|request| request),
                )]
            }
            ("POST", "/console/first") => {
                // Another one each time: there may be rounds before.
                let slug: String = self.first.bytes().skip(6).take(8).map(|byte| format!("{byte:02x}")).collect();
                let place = [("name", "First"), ("slug", &*slug), ("username", "ada"), ("link", &*self.first)];
                let typed = [("password", "seven green umbrellas"), ("repeat", "seven green umbrellas")];
                let form = place.into_iter().chain(typed).map(|(name, value)| (name, value.to_owned())).collect();
                vec![one("make the first tenant", StatusCode::SEE_OTHER, path, self.form("", form))]
            }
            ("POST", "/t/{tenant}/login/with/{provider}") => {
                let form = vec![("csrf", self.stranger.1.clone())];
                vec![one("ask for a provider", StatusCode::NOT_FOUND, path, self.form(&self.stranger.0, form))]
            }
            ("POST", "/t/{tenant}/login/with/{provider}/logout") => {
                let make: Make = Box::new(|request| request.form(&[("logout_token", "e30.e30.AAAA")]));
                vec![one("say that somebody is logged out", StatusCode::NOT_FOUND, path, make)]
            }
            ("GET", "/t/{tenant}/login/with/{provider}/callback") => {
                vec![one("come from a provider", StatusCode::NOT_FOUND, path, with_cookies(&self.cookies))]
            }
            ("GET", "/t/{tenant}/link") => {
                let path = format!("{path}?link={}", self.link.0);
                vec![one("see a link", StatusCode::OK, path, with_cookies(&self.cookies))]
            }
            ("POST", "/t/{tenant}/link") => {
                let password = || "seven green umbrellas".to_owned();
                let form = vec![
                    ("csrf", self.link.1.clone()),
                    ("link", self.link.0.clone()),
                    ("password", password()),
                    ("repeat", password()),
                ];
                vec![one("set a password", StatusCode::OK, path, self.form(&self.cookies, form))]
            }
            (
                "GET",
                "/t/{tenant}/account/security"
                | "/t/{tenant}/account/history"
                | "/t/{tenant}/account/totp"
                | "/t/{tenant}/account/password",
            ) => {
                vec![one("see how one logs in", StatusCode::OK, path, with_cookies(&self.cookies))]
            }
            (_, of)
                if of.starts_with("/t/{tenant}/account/") && of != "/t/{tenant}/account/revoke"
                    || of.starts_with("/t/{tenant}/login/") && !of.contains("with") =>
            {
                self.security(route, path, &one)
            }
            ("GET", "/t/{tenant}/logout" | "/t/{tenant}/account") => {
                vec![one("see the account", StatusCode::OK, path, with_cookies(&self.cookies))]
            }
            ("POST", "/t/{tenant}/logout") => {
                let form = vec![("csrf", self.leaving.1.clone())];
                vec![one("log out", StatusCode::SEE_OTHER, path, self.form(&self.leaving.0, form))]
            }
            ("POST", "/t/{tenant}/account/revoke") => {
                let form = vec![("csrf", self.account_csrf.clone()), ("grant", self.grant.clone())];
                vec![one("take a grant back", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))]
            }
            ("GET", "/t/{tenant}/authorize") => {
                let parameters = [
                    ("response_type", "code"),
                    ("client_id", &self.client.id),
                    ("redirect_uri", CALLBACK),
                    ("code_challenge", &self.challenge),
                    ("code_challenge_method", "S256"),
                    ("resource", &self.resource),
                ];
                let url = reqwest::Url::parse_with_params(&format!("http://x{path}"), parameters).unwrap();
                let path = format!("{path}?{}", url.query().unwrap());
                vec![one("ask for a code", StatusCode::SEE_OTHER, path, with_cookies(&self.cookies))]
            }
            ("GET", "/t/{tenant}/consent") => {
                let path = format!("{path}?interaction={}", self.interactions[0]);
                vec![one("be asked", StatusCode::OK, path, with_cookies(&self.cookies))]
            }
            ("POST", "/t/{tenant}/consent") => {
                let form = vec![
                    ("csrf", self.consent_csrf.clone()),
                    ("interaction", self.interactions[1].clone()),
                    ("decision", "approve".to_owned()),
                    ("scope", "mcp:read".to_owned()),
                ];
                vec![one("approve", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))]
            }
            ("POST", "/t/{tenant}/token") => {
                let code =
                    [("grant_type", "authorization_code"), ("code", &self.code), ("code_verifier", &self.verifier)];
                let refresh = [("grant_type", "refresh_token"), ("refresh_token", &self.tokens.refresh)];
                let poll = [("grant_type", device::GRANT), ("device_code", &self.devices[1].code)];
                vec![
                    one("poll", StatusCode::OK, path.clone(), self.as_client(&poll)),
                    one("redeem a code", StatusCode::OK, path.clone(), self.as_client(&code)),
                    one("refresh", StatusCode::OK, path, self.as_client(&refresh)),
                ]
            }
            ("POST", "/t/{tenant}/revoke") => {
                vec![one("revoke", StatusCode::OK, path, self.as_client(&[("token", &self.doomed.refresh)]))]
            }
            ("POST", "/t/{tenant}/introspect") => {
                let ask = |accept: &'static str| -> Make {
                    let (secret, form) = (self.server_secret.clone(), [("token", self.tokens.access.clone())]);
                    Box::new(move |request| {
                        request.basic_auth("demo", Some(&secret)).header("accept", accept).form(&form)
                    })
                };
                vec![
                    one("ask about a token", StatusCode::OK, path.clone(), ask("application/json")),
                    one("swap a token", StatusCode::OK, path, ask("application/jwt")),
                ]
            }
            ("POST", "/t/{tenant}/device_authorization") => {
                let form = [("resource", self.resource.as_str())];
                vec![one("ask for a device", StatusCode::OK, path, self.as_client(&form))]
            }
            (method, path_of) if path_of.starts_with("/t/{tenant}/device") => self.device_pages(method, path, &one),
            (method, "/t/{tenant}/mcp/{server}") => self.calls(method, path, &one),
            new => panic!("a new route, and no errand for it: {new:?}"),
        }
    }

    fn device_pages(
        &self,
        method: &str,
        path: String,
        one: &impl Fn(&'static str, StatusCode, String, Make) -> Errand,
    ) -> Vec<Errand> {
        let csrf = ("csrf", self.device_csrf.clone());
        if method == "GET" {
            let path = format!("{path}?user_code={}&seen={}", self.devices[0].user_code, self.seen);
            return vec![one("be asked for a device", StatusCode::OK, path, with_cookies(&self.cookies))];
        }
        if path.ends_with("/device") {
            let form = vec![csrf, ("user_code", self.devices[2].user_code.clone())];
            return vec![one("type a code", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))];
        }
        let form = vec![
            csrf,
            ("user_code", self.devices[0].user_code.clone()),
            ("seen", self.seen.clone()),
            ("decision", "approve".to_owned()),
            ("scope", "mcp:read".to_owned()),
        ];
        vec![one("allow a device", StatusCode::OK, path, self.form(&self.cookies, form))]
    }

    fn management(
        &self,
        method: &str,
        path: String,
        one: &impl Fn(&'static str, StatusCode, String, Make) -> Errand,
    ) -> Vec<Errand> {
        let (what, done) = match method {
            "GET" => ("read", StatusCode::OK),
            "PUT" => ("replace", StatusCode::OK),
            _ => ("remove", StatusCode::NO_CONTENT),
        };
        let (token, replaces) = (self.registration.clone(), method == "PUT");
        let body = json!({ "client_id": self.registered.id, "redirect_uris": [CALLBACK] });
        vec![one(
            what,
            done,
            path,
            Box::new(move |request| {
                let request = request.bearer_auth(&token);
                if replaces { request.json(&body) } else { request }
            }),
        )]
    }

    fn calls(
        &self,
        method: &str,
        path: String,
        one: &impl Fn(&'static str, StatusCode, String, Make) -> Errand,
    ) -> Vec<Errand> {
        let access = self.tokens.access.clone();
        let legacy = Box::new(move |request: RequestBuilder| {
            let request = request.bearer_auth(&access).header("mcp-protocol-version", LEGACY);
            request.header("accept", "text/event-stream")
        });
        let access = self.tokens.access.clone();
        let origin = self.base.clone();
        match method {
            "POST" => vec![one(
                "call a tool",
                StatusCode::OK,
                path,
                Box::new(move |request| {
                    let request = request.bearer_auth(&access).header("mcp-protocol-version", MODERN);
                    let request = request.header("mcp-method", "tools/call").header("mcp-name", "echo");
                    let request = request.header("accept", "application/json, text/event-stream");
                    request.json(&modern_body("tools/call", json!({"name": "echo", "arguments": {}})))
                }),
            )],
            "GET" => vec![one("listen", StatusCode::ACCEPTED, path, legacy)],
            "DELETE" => vec![one("end a session", StatusCode::ACCEPTED, path, legacy)],
            _ => vec![one(
                "ask before a call",
                StatusCode::NO_CONTENT,
                path,
                Box::new(move |request| {
                    request.header("origin", &origin).header("access-control-request-method", "POST")
                }),
            )],
        }
    }

    /// A form as a browser with these cookies posts it.
    fn form(&self, cookies: &str, form: Vec<(&'static str, String)>) -> Make {
        let (origin, cookies) = (self.base.clone(), cookies.to_owned());
        Box::new(move |request| request.header("origin", &origin).header("cookie", &cookies).form(&form))
    }

    fn as_client(&self, form: &[(&'static str, &str)]) -> Make {
        let (id, secret) = (self.client.id.clone(), self.client.secret.clone());
        let form: Vec<(&str, String)> = form.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Box::new(move |request| request.basic_auth(&id, secret.as_deref()).form(&form))
    }
}

fn url_query(fields: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields);
    format!("?{}", query.finish())
}

fn with_cookies(cookies: &str) -> Make {
    let cookies = cookies.to_owned();
    Box::new(move |request| request.header("cookie", &cookies))
}

fn json_body(body: Value) -> Make {
    Box::new(move |request| request.json(&body))
}

fn cookie(page: &Page, place: &str) -> String {
    let name = format!("__Host-sp-{place}-acme");
    format!("{name}={}", page.cookie(&name).expect("a cookie"))
}

async fn logged_in(app: &TestApp, tenant: &TestTenant) -> (TestBrowser, String) {
    let browser = TestBrowser::new(app);
    let page = browser.get("/t/acme/login").await;
    let fields = [
        ("username", tenant.person.username.as_str()),
        ("password", &tenant.person.password),
        ("csrf", &page.hidden("csrf")),
    ];
    let entered = browser.post("/t/acme/login", &fields).await;
    (browser, format!("{}; {}", cookie(&page, "b"), cookie(&entered, "t")))
}

fn parameters(flow: &Flow<'_>, client: &TestClient) -> Vec<(&'static str, String)> {
    let mut parameters = flow.parameters(client);
    parameters.push(("prompt", "consent".to_owned()));
    parameters
}

async fn code(flow: &Flow<'_>, client: &TestClient) -> String {
    let html = flow.consent_page(&parameters(flow, client)).await;
    query(&location(&flow.decide(&html, "approve", &["mcp:read", "mcp:write"]).await), "code").unwrap()
}

async fn register(flow: &Flow<'_>) -> (TestClient, String) {
    let url = format!("{}/register", flow.tenant.issuer);
    let request = flow.http.post(url).json(&json!({ "redirect_uris": [CALLBACK] }));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    (
        TestClient { id: text("client_id"), secret: None, redirect_uri: CALLBACK.to_owned() },
        text("registration_access_token"),
    )
}
