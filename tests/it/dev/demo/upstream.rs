//! The demo itself, and a plain HTTP client for both eras of MCP.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use sallyport::{
    clock::Clock,
    dev::demo::{DemoConfig, PATH, serve},
};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::issuer::Issuer;

pub(super) const MODERN: &str = "2026-07-28";
pub(super) const LEGACY: &str = "2025-11-25";

/// A running demo. It stops when dropped.
pub(super) struct Upstream {
    pub(super) url: String,
    pub(super) http: reqwest::Client,
    stop: DropGuard,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Upstream {
    pub(super) async fn start(issuer: &Issuer, clock: Clock) -> Self {
        // Fails where another test was first, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let config = DemoConfig { issuer: issuer.url.clone(), jwks_url: issuer.jwks_url(), audience: url.clone() };
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, config, clock, stop.clone()));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { url, http, stop: stop.drop_guard(), serving }
    }

    /// Asks the demo to stop and waits until it did.
    pub(super) async fn stop(self) {
        drop(self.stop);
        tokio::time::timeout(Duration::from_secs(10), self.serving).await.unwrap().unwrap().unwrap();
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        self.http.post(&self.url).header("accept", "application/json, text/event-stream").json(body)
    }

    /// A modern request, with every header that 2026-07-28 asks for, and no token yet.
    pub(super) fn modern(&self, method: &str, params: Value) -> RequestBuilder {
        let name = params.get("name").or_else(|| params.get("uri")).cloned();
        let request =
            self.post(&modern_body(method, params)).header("mcp-protocol-version", MODERN).header("mcp-method", method);
        match name.as_ref().and_then(Value::as_str) {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// A modern call of `whoami`.
    pub(super) async fn whoami(&self, token: &str) -> Response {
        let request = self.modern("tools/call", json!({"name": "whoami", "arguments": {}}));
        request.bearer_auth(token).send().await.unwrap()
    }

    /// A modern call of a tool; gives its result.
    pub(super) async fn call(&self, token: &str, tool: &str, arguments: Value) -> Value {
        self.ask(token, "tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    /// A modern request; gives its result.
    pub(super) async fn ask(&self, token: &str, method: &str, params: Value) -> Value {
        let response = self.modern(method, params).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        messages(response).await.pop().unwrap()["result"].take()
    }

    /// Opens a legacy session; gives its id and the answer to `initialize`.
    pub(super) async fn initialize(&self, token: &str) -> (String, Value) {
        let params =
            json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let response = self.post(&body).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let result = messages(response).await.pop().unwrap()["result"].take();
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.in_session(&session, &initialized).bearer_auth(token).send().await.unwrap().status(), 202);
        (session, result)
    }

    /// A legacy message in a session, with no token yet.
    pub(super) fn in_session(&self, session: &str, body: &Value) -> RequestBuilder {
        self.post(body).header("mcp-session-id", session).header("mcp-protocol-version", LEGACY)
    }

    /// A legacy request; gives its result.
    pub(super) async fn ask_in_session(&self, token: &str, session: &str, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let response = self.in_session(session, &body).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        messages(response).await.pop().unwrap()["result"].take()
    }
}

/// The body of a modern request: what it says of itself is in `_meta`.
fn modern_body(method: &str, mut params: Value) -> Value {
    let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| Value::Object(Map::new()));
    meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// The JSON-RPC messages of an answer, be it JSON or an event stream.
pub(super) async fn messages(response: Response) -> Vec<Value> {
    let stream = response.headers()["content-type"].as_bytes().starts_with(b"text/event-stream");
    let text = response.text().await.unwrap();
    if !stream {
        return vec![serde_json::from_str(&text).unwrap()];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
}
