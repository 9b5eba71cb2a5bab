//! What a call may do, by example and by property.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::mcp::{self, Call, Limits, MODERN_VERSION};

mod catalogue;
mod decisions;
mod model;
mod props;
mod scopes;

fn scope(token: &str) -> Scope {
    Scope::new(token).unwrap()
}

fn set(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn item(kind: ItemKind, name: &str, needs: &str, read_only: bool) -> CatalogueItem {
    CatalogueItem { kind, name: name.to_owned(), scope: scope(needs), read_only }
}

/// The starter's two scopes and `admin`, with a few items.
fn spec() -> PolicySpec {
    let mut spec = PolicySpec::starter();
    spec.scopes.push(ScopeDef {
        name: scope("admin"),
        effect: Effect::Change,
        description: "Run it.".to_owned(),
        max_auth_age: None,
    });
    spec.catalogue = vec![
        item(ItemKind::Tool, "search", "mcp:read", true),
        item(ItemKind::Tool, "send", "mcp:write", false),
        item(ItemKind::Tool, "wipe", "admin", false),
        item(ItemKind::Prompt, "greet", "mcp:read", true),
        item(ItemKind::Resource, "file:///docs/*", "mcp:read", true),
        item(ItemKind::Resource, "file:///docs/keys/*", "admin", true),
        item(ItemKind::Resource, "note://today", "mcp:read", true),
    ];
    spec
}

fn server() -> ServerPolicy {
    spec().try_into().unwrap()
}

fn headers(version: &'static str) -> HeaderMap {
    [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", version),
    ]
    .into_iter()
    .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
    .collect()
}

/// A legacy message: a request, or a notification by the method's name.
fn legacy(method: &str, params: Value) -> Call {
    let mut body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        body["id"] = json!(1);
    }
    let limits = Limits { extensions: vec!["acme/do".to_owned()], ..Limits::default() };
    mcp::parse(&headers("2025-11-25"), Bytes::from(body.to_string()), &limits).unwrap()
}

/// A modern request whose name is not mirrored.
fn modern(method: &'static str, mut params: Value) -> Call {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut headers = headers(MODERN_VERSION);
    headers.insert(mcp::MCP_METHOD, HeaderValue::from_static(method));
    mcp::parse(&headers, Bytes::from(body.to_string()), &Limits::default()).unwrap()
}

fn tool(name: &str) -> Call {
    legacy("tools/call", json!({ "name": name }))
}

fn read(uri: &str) -> Call {
    legacy("resources/read", json!({ "uri": uri }))
}

/// What the call needs at `server`, found by asking with every scope. Empty is any.
fn needed(server: &ServerPolicy, call: &Call) -> String {
    decide(server, server.declared(), call).unwrap().needed().to_string()
}

fn challenge(server: &ServerPolicy, scopes: &str, call: &Call) -> (String, String) {
    match decide(server, &set(scopes), call) {
        Err(Denial::InsufficientScope { needed, challenge }) => (needed.to_string(), challenge.to_string()),
        other => panic!("expected a challenge, got {other:?}"),
    }
}
