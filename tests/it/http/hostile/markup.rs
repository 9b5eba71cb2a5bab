//! Markup in whatever a client, an upstream, a provider, a person or a request says (stored and reflected HTML): it is on the
//! pages, and it is text.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json, Router,
    routing::{any, post},
};
use http::Method;
use sallyport::app::routes;
use serde_json::{Value, json};

use super::{
    ask::{Ask, location},
    html::{Node, read},
    props::Props,
    world::World,
};
use crate::{
    harness::{
        browser::{Page, TestBrowser},
        device::GRANT,
        flow::{Flow, TestClient},
        web::{Web, limits},
    },
    http::generated::draw::Body,
};

/// What stands in for whatever somebody would like to run, with a name by which it is found again.
fn evil(name: &str) -> String {
    format!("zq{name}\"'><zq-x zq-y=\"1\" onload=q()></title></textarea><script>q()</script>&lt;i&gt;")
}

/// The same within the length of a username.
fn short(name: &str) -> String {
    format!("zq{name}\"'><zq-x zq-y=\"1\"></title><script>q()</script>&lt;")
}

/// With characters that turn the text round, or are not seen.
fn turned(name: &str) -> String {
    format!("{}\u{202e}\u{2066}\u{200b}\u{feff}", evil(name))
}

/// An address with as much of it as an address can have.
fn address(name: &str) -> String {
    format!("https://a.example/zq{name}?\"'><zq-x&lt;#<script>")
}

/// Attributes that hold what others said, and nothing else does.
const HOLD: [&str; 10] =
    ["value", "href", "action", "aria-label", "title", "name", "id", "for", "aria-describedby", "data-options"];

/// What is wrong with a page, and the names of what it shows of others'.
fn look(page: &Page) -> Result<BTreeSet<String>, String> {
    let is_page = page.headers.get("content-type").is_some_and(|kind| kind == "text/html; charset=utf-8");
    if !is_page {
        return Ok(BTreeSet::new());
    }
    let mut seen = BTreeSet::new();
    let mut note = |text: &str| {
        let names =
            text.split("zq").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next());
        seen.extend(names.flatten().filter(|name| !name.is_empty()).map(str::to_owned));
    };
    let nodes = read(&page.body)?;
    for (at, node) in nodes.iter().enumerate() {
        match node {
            Node::Text(text) => {
                let odd =
                    |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}');
                // What somebody typed stands in its field as it was typed.
                let typed = at > 0 && matches!(&nodes[at - 1], Node::Tag(name, _) if name == "textarea");
                if text.contains(odd) && !typed {
                    return Err(format!("text that is turned round: {text:.200}"));
                }
                let inside = at > 0 && matches!(&nodes[at - 1], Node::Tag(name, _) if name == "script");
                if inside && !text.is_empty() {
                    return Err(format!("a script of its own: {text:.200}"));
                }
                note(text);
            }
            Node::End => {}
            Node::Tag(name, attributes) => {
                for (attribute, value) in attributes {
                    let others = value.contains("zq");
                    if others && !HOLD.contains(&attribute.as_str()) {
                        return Err(format!("{attribute} of <{name}>: {value:.200}"));
                    }
                    let leads = ["href", "action", "formaction", "src"].contains(&attribute.as_str());
                    let own = ["/", "?", "#", "data:image/svg+xml,%3Csvg ", "otpauth://totp/"];
                    let own = own.iter().any(|own| value.starts_with(own)) && !value.starts_with("//");
                    let to_client =
                        value.starts_with("https://a.example/cb?") || value.starts_with("http://localhost:");
                    if leads && !own && !to_client {
                        return Err(format!("{attribute} of <{name}> leads to {value:.200}"));
                    }
                    note(value);
                }
            }
        }
    }
    Ok(seen)
}

/// What was shown, by name, with the first page that did; and what was wrong.
#[derive(Default)]
struct Gallery {
    shown: BTreeMap<String, String>,
    wrong: BTreeMap<String, String>,
    routes: BTreeSet<String>,
}

impl Gallery {
    fn hang(&mut self, what: &str, page: &Page) {
        match look(page) {
            Ok(seen) => {
                for name in seen {
                    self.shown.entry(name).or_insert_with(|| what.to_owned());
                }
            }
            Err(why) => {
                self.wrong.entry(why).or_insert_with(|| what.to_owned());
            }
        }
        if page.status.is_server_error() {
            self.wrong.insert(format!("{what}: {}", page.status), String::new());
        }
    }

    fn done(self, expected: &[&str]) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        let missing: Vec<_> = expected.iter().filter(|name| !self.shown.contains_key(**name)).collect();
        assert!(missing.is_empty(), "nowhere to be seen: {missing:?}; seen: {:#?}", self.shown);
    }
}

/// An upstream that offers what nobody should run.
fn upstream() -> Web {
    let answer = async |Json(asked): Json<Value>| {
        let result = match asked["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {}, "prompts": {}, "resources": {} },
                "serverInfo": { "name": turned("upstream_name"), "title": evil("upstream_title"), "version": evil("version") },
                "instructions": evil("instructions"),
            }),
            "tools/list" => json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": [
                { "name": turned("tool"), "title": evil("tool_title"), "description": evil("tool_description"),
                  "inputSchema": { "type": "object", "description": evil("schema") },
                  "annotations": { "readOnlyHint": true, "title": evil("annotation") } },
                { "name": "plain", "inputSchema": { "type": "object" } },
            ] }),
            "prompts/list" => json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "prompts": [
                { "name": turned("prompt"), "description": evil("prompt_description") },
            ] }),
            "resources/templates/list" => json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "resourceTemplates": [{ "uriTemplate": format!("{}{{id}}", address("template")), "name": evil("t") }] }),
            "resources/list" => json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "resources": [
                { "uri": address("resource"), "name": evil("resource_name") },
            ] }),
            _ => json!({ "resultType": "complete" }),
        };
        Json(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))
    };
    Web::serve(
        Router::new().route("/mcp", post(answer)).fallback(any(async || ())),
        &limits(),
        std::time::Duration::ZERO,
    )
}

/// A client that says all that one can say of itself.
fn metadata(prefix: &str) -> Value {
    let name = |rest: &str| format!("{prefix}_{rest}");
    json!({
        "client_name": turned(&name("client_name")),
        "client_uri": address(&name("client_uri")),
        "logo_uri": address(&name("logo_uri")),
        "policy_uri": address(&name("policy_uri")),
        "tos_uri": address(&name("tos_uri")),
        "contacts": [evil(&name("contact"))],
        "software_id": evil(&name("software_id")),
        "software_version": evil(&name("software_version")),
        "grant_types": ["authorization_code", "refresh_token", GRANT],
        "redirect_uris": ["https://a.example/cb"],
        "token_endpoint_auth_method": "none",
    })
}

async fn register(world: &World, body: &Value) -> (TestClient, Value) {
    let answer = world.app().http().post(format!("{}/register", world.acme().issuer)).json(body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let id = answer["client_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    (TestClient { id, secret: None, redirect_uri: "https://a.example/cb".to_owned() }, answer)
}

/// As a page, from its text.
fn page(body: String) -> Page {
    let kind = ("content-type".parse().unwrap(), "text/html; charset=utf-8".parse().unwrap());
    Page { status: http::StatusCode::OK, headers: http::HeaderMap::from_iter([kind]), body }
}

/// An authorization request for the server with the odd tools, with what a client may write into one.
fn parameters(flow: &Flow<'_>, client: &TestClient) -> Vec<(&'static str, String)> {
    let mut parameters = flow.parameters(client);
    parameters.retain(|(name, _)| !["state", "resource"].contains(name));
    let resource = format!("{}/mcp/notes", flow.tenant.issuer);
    parameters.extend([("state", evil("state")), ("login_hint", evil("login_hint")), ("resource", resource)]);
    parameters
}

/// Everything that a client says of itself, where people decide and see what they decided.
async fn clients(world: &World, gallery: &mut Gallery) {
    let (registered, answer) = register(world, &metadata("dcr")).await;
    let published = TestClient {
        id: world.idp.issuer.publisher.client("/zq-app", &metadata("cimd")),
        secret: None,
        redirect_uri: "https://a.example/cb".to_owned(),
    };
    for (client, what) in [(&registered, "a registered client"), (&published, "a published client")] {
        let flow = Flow::new(world.app(), world.acme());
        let parameters = parameters(&flow, client);
        let (_, login) = flow.page(flow.authorize(&parameters).await).await;
        gallery.hang(&format!("{what}, login"), &page(login.clone()));
        let consent = flow.page(flow.log_in(&login).await).await.1;
        gallery.hang(&format!("{what}, consent"), &page(consent.clone()));
        flow.decide(&consent, "approve", &["mcp:read"]).await;
        gallery.hang(&format!("{what}, account"), &page(flow.get("/t/acme/account").await.text().await.unwrap()));
        // A device of it, that says what it is.
        let url = format!("{}/device_authorization", world.acme().issuer);
        let form = [("client_id", client.id.as_str()), ("resource", &world.acme().server.resource)];
        let agent: String = evil("user_agent");
        let asked = world.app().http().post(url).header("user-agent", agent).form(&form).send().await.unwrap();
        let asked: Value = asked.json().await.unwrap();
        let typed = asked["user_code"].as_str().unwrap_or_else(|| panic!("{asked}"));
        let typed = flow.page(flow.get(&format!("/t/acme/device?user_code={typed}")).await).await.1;
        gallery.hang(&format!("{what}, device code"), &page(typed.clone()));
        let code = asked["user_code"].as_str().unwrap();
        let fields = [("csrf", crate::harness::flow::hidden(&typed, "csrf")), ("user_code", code.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let device = flow.page(flow.post("/t/acme/device", &fields).await).await.1;
        gallery.hang(&format!("{what}, device"), &page(device));
    }
    // It has another name than when it was allowed.
    let mut changed = metadata("changed");
    changed["client_id"] = registered.id.clone().into();
    let token = answer["registration_access_token"].as_str().unwrap();
    let url = answer["registration_client_uri"].as_str().unwrap();
    let answer = world.app().http().put(url).bearer_auth(token).json(&changed).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let flow = Flow::new(world.app(), world.acme());
    let consent = flow.consent_page(&parameters(&flow, &registered)).await;
    assert!(consent.contains("it called itself"), "{consent}");
    gallery.hang("a client that changed, consent", &page(consent));
    // And one that was refused for what it said.
    for member in ["redirect_uris", "client_name", "scope", "grant_types", "token_endpoint_auth_method"] {
        let mut body = metadata("refused");
        body[member] = json!([evil("refused")]);
        let url = format!("{}/register", world.acme().issuer);
        let answer = Page::of(world.app().http().post(url).json(&body)).await;
        assert!(answer.headers["content-type"] == "application/json", "{}", answer.body);
    }
}

/// Somebody who comes from a provider with a name.
async fn visitor(world: &World, gallery: &mut Gallery) {
    let browser = TestBrowser::new(world.app());
    let claims = json!({
        "sub": evil("sub"), "name": turned("claim_name"), "preferred_username": short("claimed"), "email": short("mail"),
        "given_name": evil("given"), "picture": address("picture"), "groups": [evil("group")],
    });
    let into = world.idp.log_in(&browser, claims).await;
    assert_eq!(location(&into), Some("/t/acme/account"), "{}", into.body);
    for path in ["account", "account/security", "account/password", "account/totp", "account/passkey", "device"] {
        gallery.hang(&format!("a visitor's {path}"), &browser.get(&format!("/t/acme/{path}")).await);
    }
    for said in ["error", "code", "state", "iss", "error_description"] {
        let mut url = url::Url::parse(&world.app().url("/t/acme/login/with/idp/callback")).unwrap();
        url.query_pairs_mut().append_pair(said, &evil("said"));
        gallery.hang("a provider's answer", &Page::of(browser.http.get(url)).await);
    }
}

/// Each field of each form, one after the other and then all of them, in the address and in the body; what can be kept is kept.
async fn fields(world: &World, props: &Props, gallery: &mut Gallery) {
    for ask in props.all(world).into_iter().filter(Ask::is_browsers) {
        let kept = ["csrf", "link", "interaction", "seen", "version", "upstream", "credential"];
        let ours: Vec<String> = ask.form().iter().map(|(name, _)| name.clone()).collect();
        for name in ask.good.query.iter().map(|(name, _)| name) {
            gallery.hang(&format!("{ask} {name}"), &ask.clone().with_query(name, &evil("asked")).send(world).await);
        }
        for name in [
            "q",
            "done",
            "sort",
            "status",
            "page",
            "after",
            "kind",
            "n",
            "ms",
            "to",
            "user_code",
            "interaction",
            "link",
        ] {
            let bent = if ask.changes() { ask.clone().with_field("csrf", None) } else { ask.clone() };
            gallery.hang(&format!("{ask} {name}"), &bent.with_query(name, &turned("query")).send(world).await);
        }
        for name in ours.iter().filter(|name| *name != "csrf") {
            for value in [evil(&format!("field_{}", name.split(' ').next().unwrap())), short("kept")] {
                gallery.hang(&format!("{ask} {name}"), &ask.clone().with_field(name, Some(&value)).send(world).await);
            }
        }
        let mut all = ask.clone();
        if let Body::Form(fields) = &mut all.good.body {
            for (name, value) in fields.iter_mut().filter(|(name, _)| !kept.contains(&name.as_str())) {
                *value = short(&format!("all_{}", name.split(' ').next().unwrap()));
            }
            gallery.hang(&format!("{ask}, all of it"), &all.send(world).await);
        }
        // Pages that nobody wants to see.
        let nowhere = ask.path.replacen(ask.place(), "%22%3E%3Czq-x%3E", 1);
        gallery.hang(&format!("{ask} nowhere"), &Ask { path: nowhere, ..ask.clone() }.send(world).await);
        if !ask.good.object.is_empty() {
            let path = ask.path.replace(&ask.good.object, "zqobject%22%3E%3Czq-x%3E");
            gallery.hang(&format!("{ask} of nothing"), &Ask { path, ..ask.clone() }.send(world).await);
        }
    }
}

/// Every page that an administrator comes to by links, a few of each kind.
async fn walk(world: &World, cookies: &str, gallery: &mut Gallery) {
    const EACH: usize = 24;
    let table: Vec<_> = routes::public().into_iter().filter(|route| route.method == Method::GET).collect();
    let kind = |path: &str| {
        let path = path.split(['?', '#']).next().unwrap();
        let fits = |route: &str| {
            let (own, given): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
            own.len() == given.len() && own.iter().zip(&given).all(|(own, given)| own.starts_with('{') || own == given)
        };
        table
            .iter()
            .filter(|route| fits(route.path))
            .map(|route| route.path)
            .min_by_key(|path| path.matches('{').count())
    };
    let mut waiting = vec!["/console/t/acme".to_owned(), "/t/acme/account".to_owned()];
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::<&str, usize>::new());
    while let Some(path) = waiting.pop() {
        let Some(route) = kind(&path).filter(|route| !route.starts_with("/static/")) else { continue };
        let count = counts.entry(route).or_default();
        if *count == EACH || !seen.insert(path.clone()) {
            continue;
        }
        *count += 1;
        let page = Page::of(world.app().http().get(world.app().url(&path)).header("cookie", cookies)).await;
        gallery.hang(&path, &page);
        gallery.routes.insert(route.to_owned());
        for tag in crate::http::pages::tags::tags(&page.body).iter().filter(|tag| tag.name == "a") {
            waiting.insert(0, tag.get("href").unwrap_or_default().replace("&#38;", "&"));
        }
        if let Some(to) = location(&page) {
            waiting.insert(0, to.to_owned());
        }
    }
}

#[tokio::test]
async fn what_others_say_is_text() {
    let world = World::start().await;
    let mut gallery = Gallery::default();
    let web = upstream();
    world.app().server(world.acme().id, "acme", "notes", &web.url("/mcp")).await;
    let props = Props::of(&world).await;
    let cookies = props.scene.cookies.clone();

    // What the upstream offers, and what an administrator takes of it.
    let console = |path: &str| world.app().url(&format!("/console/t/acme/servers/notes/{path}"));
    let send = async |path: &str, fields: &[(String, String)]| {
        let request =
            world.app().http().post(console(path)).header("cookie", &cookies).header("origin", &world.app().base);
        Page::of(request.form(fields)).await
    };
    let csrf = ("csrf".to_owned(), props.scene.things.csrf.clone());
    let offered = send("probe", std::slice::from_ref(&csrf)).await;
    gallery.hang("what a server offers", &offered);
    assert!(offered.body.contains("zqtool"), "{}", offered.body);
    let names = [("tool", turned("tool")), ("prompt", turned("prompt")), ("resource", address("resource"))];
    let mut taken: Vec<(String, String)> =
        names.iter().map(|(kind, name)| (format!("{kind} {name}"), "mcp:read".to_owned())).collect();
    taken.extend([csrf, ("version".to_owned(), offered.hidden("version"))]);
    let done = send("catalogue", &taken).await;
    assert_eq!(done.status, 303, "{}", done.body);

    clients(&world, &mut gallery).await;
    visitor(&world, &mut gallery).await;
    fields(&world, &props, &mut gallery).await;
    // A passkey that was given a name.
    let keys = props.all(&world).into_iter().find(|ask| ask.route.ends_with("/account/passkey")).unwrap();
    let keys = Ask { path: "/t/acme/account/security".to_owned(), ..keys }.send(&world).await;
    assert!(keys.body.contains("zqfield_name"), "{}", keys.body);
    gallery.hang("a passkey with a name", &keys);
    // What was kept is looked at by somebody who has just come.
    let props = Props::of(&world).await;
    for ask in props.all(&world).into_iter().filter(|ask| ask.is_browsers() && !ask.changes()) {
        gallery.hang(&ask.to_string(), &ask.send(&world).await);
        gallery.routes.insert(ask.route.to_owned());
    }
    walk(&world, &props.scene.cookies, &mut gallery).await;
    for route in routes::public().into_iter().filter(|route| route.method == Method::GET) {
        let pages = matches!(route.guard, routes::Guard::Browser | routes::Guard::Console(..));
        assert!(!pages || gallery.routes.contains(route.path), "{} was not looked at", route.path);
    }
    gallery.done(&[
        "dcr_client_name",
        "cimd_client_name",
        "cimd_client_uri",
        "changed_client_name",
        "changed_client_uri",
        "changed_logo_uri",
        "changed_policy_uri",
        "changed_tos_uri",
        "changed_contact",
        "login_hint",
        "user_agent",
        "tool",
        "prompt",
        "resource",
        "template",
        "claim_name",
        "claimed",
        "all_reason",
        "field_name",
        "field_username",
        "query",
    ]);
}
