//! The probe: what servers say that they offer becomes a catalogue to accept.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Method, StatusCode};
use sallyport::{
    apply::{self, Prune, Tools, proposal},
    dev::demo::{self, DemoConfig},
    mcp::Era,
    policy::ItemKind,
    tenants::{Server, Tenant},
    upstream::probe::{Offer, ProbeError, probe},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::app::TestApp;

/// An application whose tenant `acme` has one server, `s`.
struct World {
    app: TestApp,
    tenant: Arc<Tenant>,
    server: Arc<Server>,
}

impl World {
    async fn new(upstream: &str, lines: &str) -> Self {
        let app = TestApp::start().await;
        let (tenant, server) = applied(&app, upstream, lines).await;
        Self { app, tenant, server }
    }

    async fn apply(&mut self, upstream: &str, lines: &str) {
        (self.tenant, self.server) = applied(&self.app, upstream, lines).await;
    }

    async fn probe(&self) -> Result<Offer, ProbeError> {
        probe(&self.app.app.upstreams, &self.tenant, &self.server, &self.app.clock).await
    }
}

/// Applies tenant `acme` with a server `s` that has these lines.
async fn applied(test: &TestApp, upstream: &str, lines: &str) -> (Arc<Tenant>, Arc<Server>) {
    let text = format!(
        "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n[[tenant.server]]\nslug = \"s\"\nupstream = \"{upstream}\"\n{lines}\n"
    );
    let (app, recorder) = (&test.app, test.recorder());
    let tools = Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
    let document = super::read(&text, std::path::Path::new("/")).unwrap();
    if let (_, Some(ticket)) = apply::run(tools, &document, Prune::Nothing).await.unwrap() {
        app.node.settle(ticket).await.unwrap();
    }
    let tenant = app.tenant("acme").await.unwrap().unwrap();
    let server = tenant.servers["s"].clone();
    (tenant, server)
}

/// Kind, name, read-only.
fn said(offer: &Offer) -> Vec<(ItemKind, &str, bool)> {
    offer.items.iter().map(|item| (item.kind, item.name.as_str(), item.read_only)).collect()
}

/// The demo upstream, which verifies the JWT, as server `s` of `acme`.
async fn demo(era: &str) -> (World, String, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{}", listener.local_addr().unwrap(), demo::PATH);
    let world = World::new(&url, &format!("era = \"{era}\"")).await;
    let config = DemoConfig {
        issuer: world.tenant.issuer.clone(),
        jwks_url: format!("{}/jwks.json", world.tenant.issuer),
        audience: url.clone(),
    };
    let stop = CancellationToken::new();
    tokio::spawn(demo::serve(listener, config, world.app.clock.clone(), stop.clone()));
    (world, url, stop.drop_guard())
}

#[tokio::test]
async fn a_server_that_verifies_the_jwt_answers_in_either_era() {
    for (setting, era) in [("auto", Era::Modern), ("modern", Era::Modern), ("legacy", Era::Legacy)] {
        let (world, _, _stop) = demo(setting).await;
        let offer = world.probe().await.unwrap();
        assert_eq!(offer.era, era, "{setting}");
        let said = said(&offer);
        for item in [
            (ItemKind::Tool, "whoami", true),
            (ItemKind::Tool, "note_clear", false),
            (ItemKind::Prompt, "review_notes", true),
            (ItemKind::Resource, "sallyport://about", true),
        ] {
            assert!(said.contains(&item), "{setting}: {item:?} is not in {said:?}");
        }
    }
}

#[tokio::test]
async fn a_proposal_can_be_pasted_and_then_proposes_itself() {
    let (mut world, url, _stop) = demo("auto").await;
    let offer = world.probe().await.unwrap();
    let text = proposal("acme", &world.server, &offer);
    assert!(
        text.starts_with("# Server acme/s speaks 2026-07-28 and says that it offers 6 tools, 1 prompt and "),
        "{text}"
    );
    assert!(text.contains("    { tool = \"whoami\", scope = \"mcp:read\", read_only = true },\n"), "{text}");
    assert!(text.contains("    { tool = \"note_clear\", scope = \"mcp:write\", read_only = false },\n"), "{text}");
    world.apply(&url, &text).await;
    assert_eq!(world.server.policy.items().len(), offer.items.len());

    let again = proposal("acme", &world.server, &world.probe().await.unwrap());
    let mut lines = [text, again].map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.iter_mut().for_each(|lines| lines.sort());
    let [first, second] = lines;
    assert_eq!(first, second);
}

#[tokio::test]
async fn what_was_accepted_stays_as_it_was_accepted() {
    let (mut world, url, _stop) = demo("auto").await;
    let accepted = "catalogue = [{ tool = \"note_add\", scope = \"mcp:read\", read_only = true }, \
                    { tool = \"gone\", scope = \"mcp:read\", read_only = true }, \
                    { resource = \"note://*\", scope = \"mcp:write\", read_only = true }]";
    world.apply(&url, accepted).await;
    let text = proposal("acme", &world.server, &world.probe().await.unwrap());
    for line in [
        "{ tool = \"note_add\", scope = \"mcp:read\", read_only = true },  # the server does not say that it is read-only\n",
        "{ tool = \"whoami\", scope = \"mcp:read\", read_only = true },  # new\n",
        "{ resource = \"note://*\", scope = \"mcp:write\", read_only = true },\n",
        "# Accepted, and not offered any more: tool \"gone\"\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("note://all"), "the accepted beginning covers it: {text}");
}

/// A legacy server that insists on its session, answers in streams that stay open, and has odd names.
#[derive(Clone, Default)]
struct Odd(Arc<Mutex<Vec<(String, HeaderMap)>>>);

const ODD_NAMES: [&str; 3] = ["a\", scope = \"mcp:read\" }, #", "ü \\ '", "]]"];

async fn odd(State(odd): State<Odd>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = message["method"].as_str().unwrap_or(method.as_str()).to_owned();
    odd.0.lock().unwrap().push((what.clone(), headers.clone()));
    let in_session = headers.get("mcp-session-id").is_some_and(|id| id == "s-1");
    let result = match what.as_str() {
        "initialize" => json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": {} }),
        _ if !in_session => return (StatusCode::BAD_REQUEST, "no session").into_response(),
        "tools/list" if message["params"]["cursor"] == "2" => {
            json!({ "tools": [{ "name": "line\nbreak" }, { "name": "" }, {}] })
        }
        "tools/list" => {
            let tools: Vec<_> =
                ODD_NAMES.iter().map(|name| json!({ "name": name, "annotations": { "readOnlyHint": true } })).collect();
            json!({ "tools": tools, "nextCursor": "2" })
        }
        "notifications/initialized" => return StatusCode::ACCEPTED.into_response(),
        _ => return StatusCode::OK.into_response(),
    };
    let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
    let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    let events = format!("event: message\ndata: {log}\n\ndata: {answer}\n\n");
    let open = stream::iter([Ok::<_, std::io::Error>(events)]).chain(stream::pending());
    ([("content-type", "text/event-stream"), ("mcp-session-id", "s-1")], Body::from_stream(open)).into_response()
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn an_odd_server_is_asked_in_its_own_way_and_its_names_break_out_of_nothing() {
    let odd_server = Odd::default();
    let url = serve(Router::new().fallback(odd).with_state(odd_server.clone())).await;
    let mut world = World::new(&url, "").await;
    let offer = world.probe().await.unwrap();
    assert_eq!((offer.era, offer.left_out), (Era::Legacy, 3));
    assert_eq!(said(&offer), ODD_NAMES.map(|name| (ItemKind::Tool, name, true)));

    let text = proposal("acme", &world.server, &offer);
    assert!(text.ends_with("# Left out: 3 whose names cannot be used.\n"), "{text}");
    world.apply(&url, &text).await;
    let names: Vec<_> = world.server.policy.items().iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names.len(), 3);
    assert!(ODD_NAMES.iter().all(|name| names.contains(name)));

    let seen = odd_server.0.lock().unwrap().clone();
    let asked: Vec<_> = seen.iter().map(|(what, _)| what.as_str()).collect();
    let expected = ["server/discover", "initialize", "notifications/initialized", "tools/list", "tools/list", "DELETE"];
    assert_eq!(asked, expected);
    for (_, headers) in &seen {
        let jwt = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let claims = jwt.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["sub"], "system:probe");
        assert_eq!(claims["aud"], url.as_str());
        assert_eq!(claims["scope"], "mcp:read", "no more than looking needs");
        assert_eq!(claims["iss"], world.tenant.issuer.as_str());
        assert!(!text.contains(jwt));
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_is_not_there_proposes_nothing() {
    let refused = |status: StatusCode| Router::new().fallback(move || async move { status });
    let url = serve(refused(StatusCode::UNAUTHORIZED)).await;
    let mut world = World::new(&url, "").await;
    let error = world.probe().await.unwrap_err();
    assert!(matches!(error, ProbeError::Forward(_)), "{error}");
    assert!(error.to_string().contains("refused the gateway's credential with status 401"), "{error}");

    let url = serve(refused(StatusCode::INTERNAL_SERVER_ERROR)).await;
    world.apply(&url, "").await;
    let error = world.probe().await.unwrap_err().to_string();
    assert_eq!(error, "the upstream answered with status 500");

    world.apply("http://169.254.169.254/latest", "").await;
    let error = world.probe().await.unwrap_err().to_string();
    assert!(error.contains("not sent") && error.contains("169.254.169.254"), "{error}");
}

#[tokio::test]
async fn a_list_that_never_ends_is_cut() {
    let endless = Router::new().fallback(|body: Bytes| async move {
        let message: Value = serde_json::from_slice(&body).unwrap();
        let result = json!({ "capabilities": { "tools": {} }, "tools": [], "nextCursor": "again" });
        axum::Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
    });
    let world = World::new(&serve(endless).await, "era = \"modern\"").await;
    let error = world.probe().await.unwrap_err().to_string();
    assert!(error.contains("its list never ends"), "{error}");
}
