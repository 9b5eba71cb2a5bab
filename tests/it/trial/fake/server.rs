//! The MCP server of the fake.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::stream;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{Shared, document, plain, set};

impl Shared {
    pub(super) fn mcp(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let bearer = headers.get("authorization").map(|value| value.to_str().unwrap().replace("Bearer ", ""));
        let good = bearer.as_ref().is_some_and(|token| {
            token.starts_with("at-") && self.state.lock().unwrap().alive.contains(token) && !self.is("token-not-taken")
        });
        match (&bearer, good, self.fault) {
            (Some(_), _, "gone") | (None, _, "open") | (Some(_), false, "garbage-taken") => {}
            (Some(_), false, "garbage-400") => return plain(400, "text/plain", "bad token"),
            (_, true, _) => {}
            _ => return self.challenge(bearer.is_some()),
        }
        let message: Value = serde_json::from_slice(body).unwrap();
        let modern = headers.contains_key("mcp-method");
        let method = message["method"].as_str().unwrap();
        match (self.fault, method, modern) {
            ("gone", ..) => return plain(404, "text/plain", "no"),
            ("bare-403", "tools/list", _) => return plain(403, "text/plain", "no"),
            ("list-error", "tools/list", _) => {
                return rpc(&message, "error", json!({"code": -32603, "message": "broken"}));
            }
            ("no-modern", _, true) => return plain(400, "text/plain", "Bad Request: No valid session ID provided"),
            ("no-legacy", "initialize", _) => {
                return rpc(&message, "error", json!({"code": -32601, "message": "Method not found"}));
            }
            ("not-mcp", ..) => return plain(200, "text/html", "<p>hello"),
            ("needs-write" | "needs-something", "tools/call", _) if !self.wrote() => return self.insufficient(),
            _ => {}
        }
        self.result(&message, method, modern)
    }

    /// The second login is the one that asked for more.
    fn wrote(&self) -> bool {
        self.state.lock().unwrap().secrets.iter().filter(|secret| secret.starts_with("code-")).count() > 1
    }

    fn insufficient(&self) -> Response {
        let mut response = document(403, &json!({"error": "insufficient_scope"}));
        let scope = if self.is("needs-write") { ", scope=\"write\"" } else { "" };
        let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", self.base);
        let value = format!("Bearer error=\"insufficient_scope\"{scope}, resource_metadata=\"{metadata}\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value.parse().unwrap());
        response
    }

    fn result(&self, message: &Value, method: &str, modern: bool) -> Response {
        let mut result = match method {
            "initialize" => json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake", "version": "1"},
            }),
            "notifications/initialized" => return plain(202, "text/plain", ""),
            "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
            "tools/call" => {
                json!({"content": [{"type": "text", "text": format!("echo {}", message["params"]["arguments"])}]})
            }
            _ => return plain(404, "text/plain", "no"),
        };
        if modern && !self.is("no-hints") {
            set(&mut result, "resultType", "complete".into());
            set(&mut result, "ttlMs", json!(0));
            set(&mut result, "cacheScope", "private".into());
        }
        if self.is("open-stream") {
            let event = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            let first = stream::iter([Ok::<_, Infallible>(Bytes::from(format!("data: {event}\n\n")))]);
            let body = Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()));
            return plain(200, "text/event-stream", body);
        }
        if self.is("tool-error") && method == "tools/call" {
            set(&mut result, "isError", true.into());
        }
        rpc(message, "result", result)
    }

    fn challenge(&self, presented: bool) -> Response {
        let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", self.base);
        let error = if presented && !self.is("no-invalid-token") { ", error=\"invalid_token\"" } else { "" };
        let sound = format!("Bearer resource_metadata=\"{metadata}\", scope=\"read\"{error}");
        let value = match self.fault {
            "no-challenge" => return plain(401, "text/plain", "no"),
            "malformed-challenge" => format!("Bearer resource_metadata={metadata}, scope=\"read\"{error}"),
            "basic-challenge" => "Basic realm=\"x\"".to_owned(),
            "bearer-second" => format!("Basic realm=\"x\", {sound}"),
            "no-scope" => format!("Bearer resource_metadata=\"{metadata}\"{error}"),
            "no-resource-metadata" | "no-prm" => format!("Bearer scope=\"read\"{error}"),
            _ => sound,
        };
        let mut response = plain(401, "text/plain", "no");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value.parse().unwrap());
        response
    }
}

fn rpc(message: &Value, member: &str, value: Value) -> Response {
    document(200, &json!({"jsonrpc": "2.0", "id": message["id"], member: value}))
}
