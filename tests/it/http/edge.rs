//! What every request goes through.

use std::{
    collections::HashSet,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Path, routing::get};
use ipnet::IpNet;
use sallyport::{
    clock::Clock,
    config::{Config, Listen},
    http::{address::ClientAddress, edge::Edge, metrics::Metrics, request_id::RequestId},
    secret::Entropy,
};

use crate::harness::web::{Web, client, limits};

struct Server {
    web: Web,
    metrics: Arc<Metrics>,
}

fn server(trusted_proxies: &[&str]) -> Server {
    let mut config = Config::dev("nowhere".as_ref(), Listen::parse("localhost:1234").unwrap());
    config.http.trusted_proxies = trusted_proxies.iter().map(|text| text.parse::<IpNet>().unwrap()).collect();
    let metrics = Arc::new(Metrics::new());
    let edge = Edge::new(&config, metrics.clone(), Clock::system(), Entropy::system());
    let who = |id: RequestId, client: ClientAddress| async move { format!("{id} {}", client.0) };
    let router =
        Router::new().route("/who/{name}", get(move |Path(_): Path<String>, id, client| who(id, client))).route(
            "/panic",
            get(|| async {
                if true {
                    panic!("the secret reason")
                }
            }),
        );
    Server { web: Web::serve(edge.around(router), &limits(), Duration::ZERO), metrics }
}

impl Server {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let request = client().get(self.web.url(path)).header("host", "localhost:1234");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    }

    /// Request id, as answer and handler have it, and client address.
    async fn who(&self, headers: &[(&str, &str)]) -> (String, String) {
        let answer = self.get("/who/anna", headers).await;
        assert_eq!(answer.status(), 200);
        let told = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = answer.text().await.unwrap();
        let (id, client) = body.split_once(' ').unwrap();
        assert_eq!(told, id);
        (told, client.to_owned())
    }
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own_and_a_client() {
    let server = server(&[]);
    let mut ids = HashSet::new();
    for _ in 0..20 {
        let (id, client) = server.who(&[]).await;
        assert_eq!(client, "127.0.0.1");
        assert!(ids.insert(id));
    }
}

#[tokio::test]
async fn a_stranger_chooses_neither_id_nor_address() {
    let (id, client) = server(&[]).who(&[("x-request-id", "mine"), ("x-forwarded-for", "203.0.113.9")]).await;
    assert_ne!(id, "mine");
    assert_eq!(client, "127.0.0.1");
}

#[tokio::test]
async fn a_trusted_proxy_gives_in_id_and_address() {
    let server = server(&["127.0.0.0/8"]);
    let given =
        server.who(&[("x-request-id", "from-the-proxy.1"), ("x-forwarded-for", "192.0.2.1, 203.0.113.9")]).await;
    assert_eq!(given, ("from-the-proxy.1".to_owned(), "203.0.113.9".to_owned()));
    let long = "x".repeat(65);
    for malformed in ["two words", "<script>", "a\"b", &long] {
        assert_ne!(server.who(&[("x-request-id", malformed)]).await.0, malformed);
    }
}

#[tokio::test]
async fn another_host_is_misdirected() {
    let server = server(&[]);
    let request = client().get(server.web.url("/who/anna")).header("host", "evil.example");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 421);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(answer.text().await.unwrap().contains(&id));
}

#[tokio::test]
async fn an_address_that_is_no_text_is_refused_in_words_of_ours() {
    let server = server(&[]);
    for path in ["/who/%ff", "/who/%c3", "/who/a%ED%A0%80", "/%ff"] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.text().await.unwrap().starts_with("The address is not percent-encoded UTF-8."));
    }
    for path in ["/who/%c3%a9", "/who/%zz", "/who/%+1", "/who/%"] {
        assert_eq!(server.get(path, &[]).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_a_plain_answer_without_detail() {
    let server = server(&[]);
    let answer = server.get("/panic", &[]).await;
    assert_eq!(answer.status(), 500);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = answer.text().await.unwrap();
    assert!(text.contains(&id) && !text.contains("secret"), "{text}");
    server.who(&[]).await;
}

#[tokio::test]
async fn metrics_count_by_route_and_never_by_what_was_sent() {
    let server = server(&[]);
    server.get("/who/anna?token=geheim", &[]).await;
    server.get("/who/bert", &[]).await;
    server.get("/nowhere/geheim", &[]).await;
    let text = server.metrics.encode().unwrap();
    for line in [
        "sallyport_http_requests_total{method=\"GET\",route=\"/who/{name}\",status=\"2xx\"} 2",
        "sallyport_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"4xx\"} 1",
        "sallyport_http_request_duration_seconds_count{route=\"/who/{name}\"} 2",
        "sallyport_http_requests_in_flight 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in {text}");
    }
    assert!(!text.contains("anna") && !text.contains("geheim"), "{text}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_line_says_what_happened_without_query_or_headers() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // The server runs on this thread too.
    let _second = crate::harness::log::beside_others();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = server(&[]);
    let answer =
        server.get("/who/anna?code=geheim", &[("authorization", "Bearer geheim"), ("cookie", "a=geheim")]).await;
    let id = answer.headers()["x-request-id"].to_str().unwrap();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("geheim") && !text.contains("anna"), "{text}");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["target"] == "sallyport::request").unwrap();
    let fields = &line["fields"];
    assert_eq!(line["span"]["id"], id);
    assert_eq!((&fields["method"], &fields["route"]), (&"GET".into(), &"/who/{name}".into()));
    assert_eq!((&fields["status"], &fields["client"]), (&200.into(), &"127.0.0.1".into()));
    assert!(fields["micros"].as_u64().is_some());
}
