//! A message at the MCP endpoint: its headers and its body.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::headers;
use crate::mcp::{self, Id, Limits};

/// What was judged is what goes on, and a refusal is JSON-RPC.
pub(super) fn post(data: &[u8]) {
    let (mut headers, body) = headers(data);
    for (name, value) in [("content-type", "application/json"), ("accept", "application/json, text/event-stream")] {
        if !headers.contains_key(name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    let limits = Limits { body: 64 * 1024, ..Limits::default() };
    match mcp::parse(&headers, Bytes::copy_from_slice(body), &limits) {
        Ok(call) => {
            assert!(call.bytes() == body && body.len() <= limits.body, "other bytes than were judged");
            let message = serde_json::from_slice::<Value>(body).unwrap_or_default();
            assert!(message.is_object(), "no object for others");
            if let Some(method) = call.method() {
                assert_eq!(message.get("method").and_then(Value::as_str), Some(method.as_str()), "another method");
            }
            if let Some(Id::Text(id)) = call.id() {
                assert!(id.len() <= Id::LONGEST, "a long id");
            }
            assert_eq!(call.id().map(Value::from).as_ref(), message.get("id").filter(|_| call.id().is_some()), "id");
        }
        Err(reject) => {
            // A legacy client is told of a method that does not exist with 200.
            assert!(reject.status.is_client_error() || reject.status == StatusCode::OK, "a fault");
            assert_eq!(reject.body().get("jsonrpc").and_then(Value::as_str), Some("2.0"), "no JSON-RPC");
        }
    }
    let _ = (mcp::open_stream(&headers).is_ok(), mcp::end_session(&headers).is_ok());
    for value in [mcp::session_id(&headers), mcp::last_event_id(&headers)].into_iter().flatten().flatten() {
        assert!(value.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control()), "unprintable");
    }
}
