//! `deploy/nginx/sallyport.conf` in a real nginx, between clients and a server that records what it gets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use reqwest::{RequestBuilder, Response};
use sallyport::{
    config::PublicUrl,
    dev::demo::{DemoConfig, PATH, serve},
    secret::{Entropy, Handle, HandleKind},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    gateway::{
        upstream::Reply,
        world::{BOTH, MODERN, Token, World, modern_body},
    },
    harness::{
        app::TestApp,
        canary::Canaries,
        nginx::{Nginx, free_address},
        web::client_with,
    },
};

const CONFIGURATION: &str = include_str!("../../../deploy/nginx/sallyport.conf");
const PLACE: &str = "/t/acme/mcp/notes";

/// What is changed of the file.
struct Site<'a> {
    /// Where nginx is, and so the public URL.
    own: std::net::SocketAddr,
    sallyport: &'a str,
    upstream: &'a str,
    secret: &'a str,
}

impl Site<'_> {
    fn start(&self) -> Nginx {
        Nginx::start(self.own, |files| {
            let basic = STANDARD.encode(format!("notes:{}", self.secret));
            let secret = files.write("secret", &format!("proxy_set_header Authorization \"Basic {basic}\";\n"));
            let place = |name: &str| files.path(name).display().to_string();
            let (own, door) = (self.own.to_string(), free_address().to_string());
            let changes = [
                ("listen 443 ssl;", format!("listen {own};")),
                ("server_name mcp.example.com;", "server_name _;".to_owned()),
                ("    ssl_certificate /etc/nginx/tls/mcp.example.com.pem;\n", String::new()),
                ("    ssl_certificate_key /etc/nginx/tls/mcp.example.com.key;\n", String::new()),
                ("https://mcp.example.com/", format!("http://{own}/")),
                ("mcp.example.com", own),
                ("127.0.0.1:8080", self.sallyport.to_owned()),
                ("127.0.0.1:8081", door),
                ("10.20.0.7:8000", self.upstream.to_owned()),
                ("/etc/nginx/sallyport-notes.secret", secret.display().to_string()),
                ("/var/log/nginx/sallyport.log", place("access.log")),
            ];
            changes.iter().fold(CONFIGURATION.to_owned(), |text, (from, to)| {
                assert!(text.contains(from), "{from}");
                text.replace(from, to)
            })
        })
    }
}

/// Everything, with nginx in front.
struct Place {
    world: World,
    nginx: Nginx,
}

impl Place {
    async fn start() -> Self {
        let own = free_address();
        let public_url = PublicUrl::parse(&format!("http://{own}")).unwrap();
        let mut world = World::around(TestApp::start_with(|config| config.public_url = public_url).await).await;
        world.server = world.app.server(world.tenant.id, "acme", "notes", &world.upstream.url).await;
        world.tenant.issuer = format!("http://{own}/t/acme");
        let secret = world.app.server_secret(world.tenant.id, world.server.id).await;
        let (sallyport, upstream) = (host(&world.app.base), host(&world.upstream.url));
        let nginx = Site { own, sallyport: &sallyport, upstream: &upstream, secret: &secret }.start();
        Self { world, nginx }
    }

    async fn token(&self) -> Token {
        self.world.token(&BOTH).await
    }

    fn call(&self, token: &str) -> RequestBuilder {
        self.bare(&self.nginx).bearer_auth(token)
    }

    fn bare(&self, nginx: &Nginx) -> RequestBuilder {
        let body = modern_body("tools/call", json!({ "name": "echo", "arguments": {} }));
        let request = self.world.http.post(nginx.url(PLACE)).json(&body);
        let request = request.header("accept", "application/json, text/event-stream");
        request.header("mcp-protocol-version", MODERN).header("mcp-method", "tools/call").header("mcp-name", "echo")
    }

    async fn swaps(&self) -> i64 {
        let count = "select count(*) from audit_event where kind = 'token.swapped'";
        sqlx::query_scalar(count).fetch_one(&self.world.app.db.owner).await.unwrap()
    }
}

/// Host and port of an address.
fn host(url: &str) -> String {
    reqwest::Url::parse(url).unwrap().socket_addrs(|| None).unwrap()[0].to_string()
}

fn challenge(answer: &Response) -> &str {
    answer.headers()["www-authenticate"].to_str().unwrap()
}

#[tokio::test]
async fn a_call_goes_through_with_a_jwt_and_without_the_token() {
    let place = Place::start().await;
    let token = place.token().await;
    let mut canaries = Canaries::default();
    canaries.add("the token", &token.text);
    let call = place.call(&token.text).header("cookie", format!("a={}", token.text));
    let answer =
        call.header("x-anything", &token.text).header("proxy-authorization", &token.text).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let seen = place.world.upstream.last();
    assert_eq!(
        (seen.target.as_str(), seen.header("mcp-name"), seen.header("mcp-method")),
        ("/mcp", Some("echo"), Some("tools/call"))
    );
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent["params"]["name"], "echo");
    assert!(seen.header("cookie").is_none() && seen.header("x-anything").is_none());
    let claims = crate::token::introspect::claims(seen.jwt());
    assert_eq!(claims["sub"], format!("person:{}", place.world.tenant.person.id));
    assert_eq!(claims["aud"], format!("{}#notes", place.world.upstream.url));

    // Wherever a careless client puts it.
    for (name, value) in [("mcp-session-id", token.text.clone()), ("last-event-id", format!("x{}", token.text))] {
        assert_eq!(place.call(&token.text).header(name, value).send().await.unwrap().status(), 400, "{name}");
    }
    let asked = place.world.upstream.count();
    let in_address = place.nginx.url(&format!("{PLACE}?access_token={}", token.text));
    assert_eq!(place.world.http.post(in_address).bearer_auth(&token.text).send().await.unwrap().status(), 400);
    assert_eq!(place.world.upstream.count(), asked);
    for seen in place.world.upstream.seen() {
        canaries.assert_absent("the server", format!("{} {:?}", seen.target, seen.headers));
        canaries.assert_absent("the server", &seen.body);
    }
    let (access, errors) = (place.nginx.file("access.log"), place.nginx.file("error.log"));
    assert!(access.contains(&format!("POST {PLACE} 200")) && access.contains(&format!("POST {PLACE} 400")), "{access}");
    canaries.assert_absent("the access log", access);
    canaries.assert_absent("the error log", errors);
}

#[tokio::test]
async fn nothing_is_kept_and_a_revoked_token_is_refused_at_the_next_call() {
    let place = Place::start().await;
    let token = place.token().await;
    for calls in 1..=3 {
        assert_eq!(place.call(&token.text).send().await.unwrap().status(), 200);
        assert_eq!(place.swaps().await, calls, "each is asked about");
    }
    place.world.revoke(token.family).await;
    let answer = place.call(&token.text).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(challenge(&answer).contains("error=\"invalid_token\""));
    assert_eq!(place.world.upstream.count(), 3);
}

#[tokio::test]
async fn whoever_has_no_good_token_is_told_where_to_get_one() {
    let place = Place::start().await;
    let metadata = place.nginx.url(&format!("/.well-known/oauth-protected-resource{PLACE}"));
    let answer = place.bare(&place.nginx).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(challenge(&answer), format!("Bearer resource_metadata=\"{metadata}\""));
    assert_eq!(answer.headers()["cache-control"], "no-store");
    // It leads somewhere: by the same nginx, from Sallyport.
    let document: Value = place.world.http.get(&metadata).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["resource"], place.nginx.url(PLACE));

    let elsewhere = place.world.token_for(&place.world.tenant, &place.world.tenant.server, &BOTH).await.text;
    let noise = Handle::generate(HandleKind::AccessToken, &Entropy::system()).unwrap().expose().to_owned();
    let refresh = Handle::generate(HandleKind::RefreshToken, &Entropy::system()).unwrap().expose().to_owned();
    let own = place.token().await.text;
    for token in
        [elsewhere, noise, refresh, "eyJ.eyJ.AA".to_owned(), format!("{own}&answer_in=body"), format!("{own}x")]
    {
        let answer = place.call(&token).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(
            challenge(&answer).starts_with("Bearer resource_metadata=")
                && challenge(&answer).contains("error=\"invalid_token\"")
        );
    }
    let basic = place.bare(&place.nginx).basic_auth("notes", Some(&own)).send().await.unwrap();
    assert_eq!(basic.status(), 401);
    assert_eq!(place.world.upstream.count(), 0);
    // Nobody but nginx itself asks.
    for (path, status) in [("/_sallyport/notes", 403), ("/@sallyport_inactive", 404)] {
        let answer = place.world.http.get(place.nginx.url(path)).bearer_auth(&own).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test]
async fn when_nobody_can_tell_nothing_is_let_through() {
    let place = Place::start().await;
    let token = place.token().await.text;
    let is_away = async |nginx: &Nginx, what: &str| {
        let answer = place.bare(nginx).bearer_auth(&token).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"1"[..]), "{what}");
        assert!(answer.headers().get("www-authenticate").is_none(), "{what}: {:?}", answer.headers());
    };
    let (sallyport, upstream) = (host(&place.world.app.base), host(&place.world.upstream.url));
    let nowhere = free_address().to_string();
    let gone = Site { own: free_address(), sallyport: &nowhere, upstream: &upstream, secret: "x" }.start();
    is_away(&gone, "Sallyport is away").await;
    let wrong = Site { own: place.nginx.address, sallyport: &sallyport, upstream: &upstream, secret: "sp_ss_wrong" };
    let Place { world, nginx } = place;
    drop(nginx);
    let place = Place { world, nginx: wrong.start() };
    let answer = place.call(&token).send().await.unwrap();
    assert_eq!(answer.status(), 503, "a wrong secret");
    assert!(answer.headers().get("www-authenticate").is_none());
    assert_eq!(place.world.upstream.count(), 0);
}

#[tokio::test]
async fn a_fault_of_sallyports_is_no_verdict_on_the_token() {
    let place = Place::start().await;
    let token = place.token().await.text;
    place.world.change("revoke insert on audit_event from sallyport_app").await;
    let answer = place.call(&token).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    assert!(answer.headers().get("www-authenticate").is_none());
    assert_eq!(place.world.upstream.count(), 0, "without evidence nothing is swapped");
}

/// What the server says of the JWT is not for the client, who has no part in it.
#[tokio::test]
async fn a_refusal_of_the_server_is_no_challenge_for_the_client() {
    let place = Place::start().await;
    let token = place.token().await.text;
    for status in [401, 403, 407] {
        let reply =
            Reply::text(status, "no").with("www-authenticate", "Bearer realm=\"inner\"").with("set-cookie", "a=b");
        place.world.upstream.reply(reply);
        let answer = place.call(&token).send().await.unwrap();
        assert_eq!(answer.status(), 502, "{status}");
        let headers = answer.headers();
        assert!(headers.get("www-authenticate").is_none() && headers.get("set-cookie").is_none(), "{headers:?}");
    }
    place.world.upstream.reply(Reply::text(500, "{\"jsonrpc\":\"2.0\"}").with("www-authenticate", "Bearer"));
    let answer = place.call(&token).send().await.unwrap();
    assert!(answer.status() == 500 && answer.headers().get("www-authenticate").is_none());
    assert_eq!(answer.text().await.unwrap(), "{\"jsonrpc\":\"2.0\"}", "passed on");
}

#[tokio::test]
async fn events_come_as_they_are_sent() {
    let place = Place::start().await;
    let token = place.token().await.text;
    let (reply, events) = Reply::events();
    place.world.upstream.reply(reply);
    let mut answer = place.call(&token).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    for n in 0..3 {
        events.send(format!("data: {n}\n\n")).unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), format!("data: {n}\n\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_calls_carry_the_jwt_of_their_own_token() {
    let place = Place::start().await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(place.token().await.text);
    }
    join_all((0..64).map(async |n| {
        let call = place.call(&tokens[n % 4]).header("mcp-session-id", format!("of-{}", n % 4));
        assert_eq!(call.send().await.unwrap().status(), 200);
    }))
    .await;
    let mut clients: [std::collections::BTreeSet<String>; 4] = Default::default();
    for seen in place.world.upstream.seen() {
        let of: usize = seen.header("mcp-session-id").unwrap().trim_start_matches("of-").parse().unwrap();
        clients[of].insert(crate::token::introspect::claims(seen.jwt())["client_id"].to_string());
    }
    assert!(clients.iter().all(|of| of.len() == 1), "{clients:?}");
    assert_eq!(clients.iter().flatten().collect::<std::collections::BTreeSet<_>>().len(), 4);
}

/// The demo checks signature, issuer and audience, and lets nothing else in.
#[tokio::test]
async fn a_server_that_checks_its_jwt_is_content() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap().to_string();
    let url = format!("http://{upstream}{PATH}");
    let mut place = Place::start().await;
    place.world.server = place.world.app.server(place.world.tenant.id, "acme", "notes", &url).await;
    let own = place.nginx.address;
    let secret = place.world.app.server_secret(place.world.tenant.id, place.world.server.id).await;
    let sallyport = host(&place.world.app.base);
    let Place { world, nginx } = place;
    drop(nginx);
    let place =
        Place { nginx: Site { own, sallyport: &sallyport, upstream: &upstream, secret: &secret }.start(), world };
    let issuer = place.nginx.url("/t/acme");
    let config = DemoConfig { jwks_url: format!("{issuer}/jwks.json"), issuer, audience: format!("{url}#notes") };
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, config, place.world.app.clock.clone(), stop.clone()));
    let _stop = stop.drop_guard();
    let token = place.token().await.text;
    let body = modern_body("tools/call", json!({ "name": "whoami", "arguments": {} }));
    let http = client_with(|client| client);
    let call = http.post(place.nginx.url(PLACE)).bearer_auth(&token).json(&body);
    let call = call.header("accept", "application/json, text/event-stream").header("mcp-protocol-version", MODERN);
    let answer = call.header("mcp-method", "tools/call").header("mcp-name", "whoami").send().await.unwrap();
    let (status, said) = (answer.status(), answer.text().await.unwrap());
    assert!(status == 200 && said.contains(&place.world.tenant.person.id.to_string()), "{status} {said}");
}
