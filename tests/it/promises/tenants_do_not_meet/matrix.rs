//! For each route, a good request of one tenant in which one thing is another tenant's: it is answered as if that thing were
//! made up. A route that is added fails this until somebody says what it takes.

use http::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use sallyport::{
    access::Page,
    app::routes::{self, Route},
};
use serde_json::{Map, Value, json};

use super::loot::{CALLBACK, Kind, LEGACY, Loot, made_up};
use crate::harness::{
    api,
    app::TestApp,
    console::{self, Things},
    device::GRANT,
    flow::Flow,
};

/// Where something is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path(&'static str),
    Query(&'static str),
    Form(&'static str),
    Json(&'static str),
    Header(&'static str),
    /// `t`, `b` or `l`.
    Cookie(&'static str),
    Bearer,
    /// In quotes.
    IfMatch,
    BasicUser,
    BasicPassword,
}

use Place::*;

/// A good request.
struct Plan {
    /// What it presents: the answer depends on each.
    presents: Vec<(Place, Kind)>,
    /// Presented, and nothing depends on it here.
    idle: Vec<(Place, Kind)>,
    /// What everybody knows.
    rest: Vec<(Place, &'static str)>,
    /// What else is in the body.
    body: Option<Value>,
    /// How it is answered.
    good: u16,
}

fn plan(good: u16, presents: &[(Place, Kind)]) -> Plan {
    Plan { presents: presents.to_vec(), idle: Vec::new(), rest: Vec::new(), body: None, good }
}

impl Plan {
    fn idle(mut self, idle: &[(Place, Kind)]) -> Self {
        self.idle = idle.to_vec();
        self
    }

    fn with(mut self, rest: &[(Place, &'static str)]) -> Self {
        self.rest = rest.to_vec();
        self
    }
}

const SESSION: (Place, Kind) = (Cookie("t"), Kind::Session);
const BROWSER: (Place, Kind) = (Cookie("b"), Kind::Browser);
const STEP: (Place, Kind) = (Cookie("l"), Kind::Step);
const WAITING: (Place, Kind) = (Cookie("b"), Kind::WaitingBrowser);
const ID: (Place, Kind) = (BasicUser, Kind::ClientId);
const SECRET: (Place, Kind) = (BasicPassword, Kind::ClientSecret);

/// The good requests of a route.
fn plans(route: &Route) -> Vec<Plan> {
    let interaction = (Query("interaction"), Kind::Interaction);
    if let Some((page, action)) = console::rule(route) {
        // Only the platform has them: tests/it/console/tenants.rs.
        if page == Page::Tenants {
            return Vec::new();
        }
        let asked = route.method == Method::GET;
        let mut own = vec![SESSION];
        match Things::parameter(page, action, asked) {
            Some(name) => own.push((if asked { Query(name) } else { Form(name) }, Kind::Object(page, action))),
            None if route.path.contains("{object}") => own.push((Path("object"), Kind::Object(page, action))),
            None => {}
        }
        if asked {
            return vec![plan(200, &own).idle(&[BROWSER])];
        }
        own.extend([BROWSER, (Form("csrf"), Kind::ConsoleCsrf)]);
        let rest: Vec<_> = Things::fields(page, action).iter().map(|(name, value)| (Form(name), *value)).collect();
        return vec![plan(Things::done(page, action), &own).with(&rest)];
    }
    if let Some((page, action)) = api::rule(route) {
        // Only the platform has them: tests/it/api/tenants.rs.
        if page == Page::Tenants {
            return Vec::new();
        }
        let (body, seen, done) = api::sample(route);
        let mut own = vec![(Bearer, Kind::ApiToken)];
        let object = Kind::Object(page, action);
        match api::at(route) {
            api::At::Path => own.push((Path("id"), object)),
            api::At::Member(name) => own.push((Json(name), object)),
            api::At::Seen => own.push((IfMatch, object)),
            api::At::Tenant | api::At::Nowhere => {}
        }
        let seen: Vec<_> = seen.map(|seen| (IfMatch, seen)).into_iter().collect();
        return vec![Plan { body, ..plan(done, &own).with(&seen) }];
    }
    match (route.method.as_str(), route.path) {
        ("GET", path)
            if path.ends_with("/t/{tenant}") || path.contains("/.well-known/o") && !path.contains("{server}") =>
        {
            vec![plan(200, &[])]
        }
        ("GET", "/.well-known/oauth-protected-resource/t/{tenant}/mcp/{server}") => {
            vec![plan(200, &[(Path("server"), Kind::Server)])]
        }
        ("GET", "/t/{tenant}/jwks.json" | "/static/{file}" | "/api/admin/v1/openapi.json") => vec![plan(200, &[])],
        ("POST", "/t/{tenant}/register") => {
            vec![plan(201, &[(Bearer, Kind::Initial)]).with(&[(Json("client_name"), "Notes")])]
        }
        ("GET", "/t/{tenant}/register/{client_id}") => {
            vec![plan(200, &[(Path("client_id"), Kind::ClientId), (Bearer, Kind::Registration)])]
        }
        ("DELETE", "/t/{tenant}/register/{client_id}") => {
            vec![plan(204, &[(Path("client_id"), Kind::ClientId), (Bearer, Kind::Registration)])]
        }
        ("PUT", "/t/{tenant}/register/{client_id}") => {
            let own = [
                (Path("client_id"), Kind::ClientId),
                (Bearer, Kind::Registration),
                (Json("client_id"), Kind::ClientId),
            ];
            vec![plan(200, &own).with(&[(Json("client_name"), "Other")])]
        }
        ("GET", "/t/{tenant}/login") => vec![plan(303, &[interaction, SESSION, BROWSER])],
        ("POST", "/t/{tenant}/login") => {
            let own = [
                BROWSER,
                (Form("csrf"), Kind::LoginCsrf),
                (Form("interaction"), Kind::Interaction),
                (Form("username"), Kind::Username),
                (Form("password"), Kind::Password),
            ];
            vec![plan(303, &own)]
        }
        ("GET", "/console/first") => vec![plan(200, &[(Query("link"), Kind::FirstLink)])],
        ("POST", "/console/first") => {
            let place = [(Form("name"), "First"), (Form("slug"), "first"), (Form("username"), "ada")];
            let typed = [(Form("password"), "seven green umbrellas"), (Form("repeat"), "seven green umbrellas")];
            vec![plan(303, &[(Form("link"), Kind::FirstLink)]).with(&[&place[..], &typed[..]].concat())]
        }
        // Nobody's provider: with one, tests/it/people/providers.rs.
        ("POST", "/t/{tenant}/login/with/{provider}") => {
            vec![plan(404, &[BROWSER, (Form("csrf"), Kind::LoginCsrf)])]
        }
        ("POST", "/t/{tenant}/login/with/{provider}/logout") => {
            vec![plan(404, &[]).with(&[(Form("logout_token"), "e30.e30.AAAA")])]
        }
        ("GET", "/t/{tenant}/login/with/{provider}/callback") => vec![plan(404, &[]).idle(&[BROWSER])],
        ("GET", "/t/{tenant}/link") => vec![plan(200, &[(Query("link"), Kind::Link)]).idle(&[BROWSER])],
        ("POST", "/t/{tenant}/link") => {
            let own = [BROWSER, (Form("csrf"), Kind::LinkCsrf), (Form("link"), Kind::Link)];
            let typed = [(Form("password"), "seven green umbrellas"), (Form("repeat"), "seven green umbrellas")];
            vec![plan(200, &own).with(&typed)]
        }
        ("GET", "/t/{tenant}/logout" | "/t/{tenant}/account") => vec![plan(200, &[SESSION]).idle(&[BROWSER])],
        (
            "GET",
            "/t/{tenant}/account/security"
            | "/t/{tenant}/account/history"
            | "/t/{tenant}/account/totp"
            | "/t/{tenant}/account/password",
        ) => {
            vec![plan(200, &[SESSION]).idle(&[BROWSER])]
        }
        ("POST", "/t/{tenant}/account/totp") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(400, &own).with(&[(Form("pending"), "AAAA"), (Form("code"), "123456")])]
        }
        // There is no name for passkeys: with one, tests/it/people/passkeys.rs.
        ("GET", "/t/{tenant}/account/passkey") => vec![plan(303, &[SESSION]).idle(&[BROWSER])],
        ("POST", "/t/{tenant}/account/passkey") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(303, &own).with(&[(Form("credential"), "{}")])]
        }
        ("POST", "/t/{tenant}/account/passkey/remove") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(303, &own).idle(&[(Form("passkey"), Kind::Grant)])]
        }
        ("POST", "/t/{tenant}/login/passkey") => {
            let own = [BROWSER, (Form("csrf"), Kind::LoginCsrf), (Form("interaction"), Kind::Interaction)];
            vec![plan(403, &own).with(&[(Form("credential"), "{}")])]
        }
        ("POST", "/t/{tenant}/account/totp/remove" | "/t/{tenant}/account/recovery") => {
            vec![plan(303, &[SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)])]
        }
        // There is no identity provider: with one, tests/it/people/identities.rs.
        ("POST", "/t/{tenant}/account/identity") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(404, &own).with(&[(Form("provider"), "idp")])]
        }
        ("POST", "/t/{tenant}/account/identity/remove") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(303, &own).with(&[(Form("provider"), "idp")])]
        }
        ("POST", "/t/{tenant}/account/password") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            let typed = [(Form("current"), "x"), (Form("password"), "one of them"), (Form("repeat"), "another one")];
            vec![plan(400, &own).with(&typed)]
        }
        ("POST", "/t/{tenant}/account/sessions/end") => {
            // A login that is not one's own is not on the page that comes next: all is said.
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(303, &own).idle(&[(Form("session"), Kind::Grant)])]
        }
        ("GET", "/t/{tenant}/login/second") => vec![plan(200, &[STEP]).idle(&[WAITING])],
        ("POST", "/t/{tenant}/login/second") => {
            let own = [STEP, WAITING, (Form("csrf"), Kind::SecondCsrf), (Form("recovery"), Kind::Recovery)];
            vec![plan(303, &own)]
        }
        ("POST", "/t/{tenant}/logout") => {
            // Whoever has no session is logged out already.
            vec![plan(303, &[BROWSER, (Form("csrf"), Kind::AccountCsrf)]).idle(&[SESSION])]
        }
        ("POST", "/t/{tenant}/account/revoke") => {
            // A grant that is not one's own is not on the page that comes next: all is said.
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::AccountCsrf)];
            vec![plan(303, &own).idle(&[(Form("grant"), Kind::Grant)])]
        }
        ("GET", "/t/{tenant}/authorize") => {
            let rest = [
                (Query("response_type"), "code"),
                (Query("code_challenge"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
                (Query("code_challenge_method"), "S256"),
                (Query("redirect_uri"), CALLBACK),
            ];
            let own = [(Query("client_id"), Kind::ClientId), (Query("resource"), Kind::Resource)];
            vec![plan(303, &own).idle(&[SESSION, BROWSER]).with(&rest)]
        }
        ("GET", "/t/{tenant}/consent") => vec![plan(200, &[interaction, SESSION, BROWSER])],
        ("POST", "/t/{tenant}/consent") => {
            let own = [SESSION, BROWSER, (Form("interaction"), Kind::Interaction), (Form("csrf"), Kind::ConsentCsrf)];
            vec![plan(303, &own).with(&[(Form("decision"), "approve"), (Form("scope"), "mcp:read")])]
        }
        ("POST", "/t/{tenant}/token") => {
            let resource = (Form("resource"), Kind::Resource);
            let code = [ID, SECRET, (Form("code"), Kind::Code), (Form("code_verifier"), Kind::Verifier), resource];
            let refresh = [ID, SECRET, (Form("refresh_token"), Kind::Refresh), resource];
            let redeem = [(Form("grant_type"), "authorization_code"), (Form("redirect_uri"), CALLBACK)];
            let device = [ID, SECRET, (Form("device_code"), Kind::DeviceCode), resource];
            vec![
                plan(200, &code).with(&redeem),
                plan(200, &refresh).with(&[(Form("grant_type"), "refresh_token")]),
                plan(200, &device).with(&[(Form("grant_type"), GRANT)]),
            ]
        }
        ("POST", "/t/{tenant}/device_authorization") => {
            vec![plan(200, &[ID, SECRET, (Form("resource"), Kind::Resource)])]
        }
        ("GET", "/t/{tenant}/device") => {
            let own = [(Query("user_code"), Kind::UserCode), (Query("seen"), Kind::Seen), SESSION];
            vec![plan(200, &own).idle(&[BROWSER])]
        }
        ("POST", "/t/{tenant}/device") => {
            let own = [SESSION, BROWSER, (Form("csrf"), Kind::DeviceCsrf), (Form("user_code"), Kind::UserCode)];
            vec![plan(303, &own)]
        }
        ("POST", "/t/{tenant}/device/decision") => {
            let own = [
                SESSION,
                BROWSER,
                (Form("csrf"), Kind::DeviceCsrf),
                (Form("user_code"), Kind::UserCode),
                (Form("seen"), Kind::Seen),
            ];
            vec![plan(200, &own).with(&[(Form("decision"), "approve"), (Form("scope"), "mcp:read")])]
        }
        // RFC 7009 §2.2: an unknown token is as good as a revoked one.
        ("POST", "/t/{tenant}/revoke") => {
            let revoke = |kind| plan(200, &[ID, SECRET]).idle(&[(Form("token"), kind)]);
            vec![revoke(Kind::Access), revoke(Kind::Refresh)]
        }
        ("POST", "/t/{tenant}/introspect") => {
            let own = [(BasicUser, Kind::Server), (BasicPassword, Kind::ServerSecret), (Form("token"), Kind::Access)];
            vec![plan(200, &own), plan(200, &own).with(&[(Header("accept"), "application/jwt")])]
        }
        ("POST" | "GET" | "DELETE", "/t/{tenant}/mcp/{server}") => {
            let own =
                [(Path("server"), Kind::Server), (Bearer, Kind::Access), (Header("mcp-session-id"), Kind::McpSession)];
            let good = if route.method == Method::POST { 200 } else { 405 };
            let rest =
                [(Header("mcp-protocol-version"), LEGACY), (Header("accept"), "application/json, text/event-stream")];
            vec![plan(good, &own).with(&rest)]
        }
        ("OPTIONS", "/t/{tenant}/mcp/{server}") => vec![plan(204, &[(Path("server"), Kind::Server)])],
        (method, path) => panic!("{method} {path} is new: say what it takes"),
    }
}

/// A request of a route, as far as it is built.
struct Draft<'a> {
    app: &'a TestApp,
    route: &'a Route,
    own: &'a Loot,
    plan: &'a Plan,
}

impl Draft<'_> {
    /// The good request but for what is presented at one place.
    fn request(&self, changed: Option<(Place, &str)>) -> RequestBuilder {
        let slug = &self.own.tenant.slug;
        let mut path = self.route.path.replace("{tenant}", slug).replace("{file}", "sallyport.css");
        let (mut query, mut form, mut members) = (Vec::new(), Vec::new(), Map::new());
        let (mut cookies, mut headers, mut basic, mut bearer) = (Vec::new(), Vec::new(), (None, None), None);
        let presented = self.plan.presents.iter().chain(&self.plan.idle).map(|(place, kind)| {
            let own = || if *kind == Kind::Server { "demo".to_owned() } else { self.own.of_kind(*kind) };
            let value = changed.filter(|(at, _)| at == place).map_or_else(own, |(_, value)| value.to_owned());
            (*place, value)
        });
        let rest = self.plan.rest.iter().map(|(place, value)| (*place, (*value).to_owned()));
        for (place, value) in presented.chain(rest) {
            match place {
                Path(name) => path = path.replace(&format!("{{{name}}}"), &value),
                Query(name) => query.push((name, value)),
                Form(name) => form.push((name, value)),
                Json(name) => drop(members.insert(name.to_owned(), value.into())),
                Header(name) => headers.push((name, value)),
                Cookie(place) => cookies.push(format!("__Host-sp-{place}-{slug}={value}")),
                Bearer => bearer = Some(value),
                IfMatch => headers.push(("if-match", format!("\"{value}\""))),
                BasicUser => basic.0 = Some(value),
                BasicPassword => basic.1 = Some(value),
            }
        }
        let mut url = reqwest::Url::parse(&self.app.url(&path)).unwrap();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.app.http().request(self.route.method.clone(), url).header("origin", &self.app.base);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if let (Some(user), password) = basic {
            request = request.basic_auth(user, password);
        }
        if let Some(body) = &self.plan.body {
            let mut body = api::fresh(&self.own.things, body);
            body.as_object_mut().unwrap().append(&mut members);
            request = request.json(&body);
        } else if !members.is_empty() {
            members.insert("redirect_uris".to_owned(), json!([CALLBACK]));
            request = request.json(&members);
        } else if self.route.path.contains("/mcp/") && self.route.method == Method::POST {
            request = request.json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
        } else if !form.is_empty() {
            request = request.form(&form);
        }
        request
    }

    /// The answer, without what differs each time.
    async fn answer(&self, changed: Option<(Place, &str)>) -> Answer {
        let answer = self.request(changed).send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.text().await.unwrap();
        let id = headers["x-request-id"].to_str().unwrap().to_owned();
        let scrub = |text: &str| {
            let text = changed.map_or(text.to_owned(), |(_, value)| text.replace(value, "PRESENTED"));
            without_fields(&without_handles(&text.replace(&id, "REQUEST")))
        };
        Answer {
            status,
            headers: known(&headers).map(|(name, value)| format!("{name}: {}", scrub(value))).collect(),
            body: scrub(&body),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    headers: Vec<String>,
    body: String,
}

fn known(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let told = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    told.filter(|(name, _)| !["date", "x-request-id", "content-length"].contains(name))
}

/// The text with each handle of ours cut to its kind. A handle is random text, and may itself have `sp_` in it.
fn without_handles(text: &str) -> String {
    let mut pieces = text.split("sp_");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    let mut inside = false;
    for piece in pieces {
        let tail = piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !inside {
            out.push_str("sp_");
            out.push_str(piece.get(..2).unwrap_or(piece));
        }
        out.push_str(tail);
        inside = tail.is_empty();
    }
    out
}

/// The text without the tokens of its forms, and without the key of a new authenticator.
fn without_fields(text: &str) -> String {
    const KEY: (&str, &str) = ("<ol class=\"steps\">", "</ol>");
    let text = &match (text.find(KEY.0), text.find(KEY.1)) {
        (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to..]),
        _ => text.to_owned(),
    };
    const FIELD: &str = "name=\"csrf\" value=\"";
    let mut pieces = text.split(FIELD);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str(FIELD);
        out.push_str(piece.find('"').map_or("", |end| &piece[end..]));
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_another_tenants_is_answered_like_what_nobody_gave_out() {
    let app = TestApp::start_with(|config| {
        config.registration.burst = 10_000;
        config.registration.per_minute = 60_000;
        config.login.throttle.per_account = 1000;
    })
    .await;
    let theirs = Loot::of(&app, "acme").await;
    let mut own = Loot::of(&app, "other").await;
    let asked = theirs.upstream_asked();
    let (mut tried, mut used) = (0, false);
    for route in routes::public() {
        for plan in plans(&route) {
            // What a good request used up must be there for the next.
            if std::mem::replace(&mut used, route.method != Method::GET) {
                own = own.again(&app).await;
            }
            let draft = Draft { app: &app, route: &route, own: &own, plan: &plan };
            let mut refusals = Vec::new();
            for (at, kind) in plan.presents.iter().chain(&plan.idle).copied() {
                let others = Kind::HANDLES.into_iter().filter(|other| kind.is_handle() && *other != kind);
                for presented in std::iter::once(kind).chain(others) {
                    let (stolen, nobodys) = (theirs.of_kind(presented), made_up(&app, presented));
                    let (stolen, nobodys) =
                        (draft.answer(Some((at, &stolen))).await, draft.answer(Some((at, &nobodys))).await);
                    assert_eq!(stolen, nobodys, "{} {}: {presented:?} at {at:?}", route.method, route.path);
                    assert!(!stolen.status.is_server_error(), "{} {}: {stolen:?}", route.method, route.path);
                    refusals.push((at, stolen));
                    tried += 1;
                }
            }
            let good = draft.answer(None).await;
            assert_eq!(good.status.as_u16(), plan.good, "{} {}: {}", route.method, route.path, good.body);
            for (at, refused) in refusals {
                let idle = plan.idle.iter().any(|(place, _)| *place == at);
                assert!(idle || refused != good, "{} {}: nothing depends on {at:?}", route.method, route.path);
            }
        }
    }
    assert!(tried > 200, "{tried}");
    assert_eq!(theirs.upstream_asked(), asked, "nothing reached the other tenant's upstream");
    untouched(&app, &theirs).await;
}

/// All that was stolen is what it was.
async fn untouched(app: &TestApp, loot: &Loot) {
    let flow = Flow { verifier: loot.of_kind(Kind::Verifier), ..Flow::new(app, &loot.tenant) };
    assert!(flow.accepts(&loot.tokens.access).await);
    let cookies = format!("__Host-sp-t-acme={}; __Host-sp-b-acme={}", loot.session, loot.browser);
    for page in ["account".to_owned(), format!("consent?interaction={}", loot.interaction)] {
        let request = app.http().get(format!("{}/{page}", loot.tenant.issuer)).header("cookie", &cookies);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{page}");
    }
    let registration = format!("{}/register/{}", loot.tenant.issuer, loot.client.id);
    let request = app.http().get(registration).bearer_auth(loot.of_kind(Kind::Registration));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let uses: i32 = sqlx::query_scalar("select max(uses_left) from initial_access_token where tenant = $1")
        .bind(loot.tenant.id.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    assert_eq!(uses, 99);
    assert_eq!(flow.redeem(&loot.client, &loot.code).await.status(), StatusCode::OK);
    assert_eq!(flow.refresh(&loot.client, &loot.tokens.refresh).await.status(), StatusCode::OK);
}
