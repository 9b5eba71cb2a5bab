//! The wire, by example. Properties are in `props`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::*;

mod headers;
mod legacy;
mod modern;
mod props;
mod strict;

/// The headers of a POST, with `more` added.
fn headers(more: &[(&str, &str)]) -> HeaderMap {
    let usual = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let mut map = HeaderMap::new();
    for (name, value) in usual.iter().chain(more) {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    map
}

/// The headers of a modern request for `method`, and `name` where it has one.
fn modern_headers(method: &str, name: Option<&str>) -> HeaderMap {
    let mut map = headers(&[("mcp-protocol-version", MODERN_VERSION), ("mcp-method", method)]);
    if let Some(name) = name {
        map.insert(MCP_NAME, HeaderValue::from_str(name).unwrap());
    }
    map
}

/// A modern request with good metadata and the members of `params`.
fn modern_body(method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

fn bytes(body: &Value) -> Bytes {
    Bytes::from(serde_json::to_vec(body).unwrap())
}

fn parsed(headers: &HeaderMap, body: &Value) -> Result<Call, Reject> {
    parse(headers, bytes(body), &Limits::default())
}

fn refused(headers: &HeaderMap, body: &Value) -> (u16, i64) {
    let reject = parsed(headers, body).expect_err("must be refused");
    (reject.status.as_u16(), reject.code)
}
