//! What a client is told when a message does not go on, or comes to nothing.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Call, Era, Id, LEGACY_VERSIONS, MODERN_VERSION};
use crate::secret::without_handles;

/// JSON-RPC error codes.
pub mod code {
    /// JSON-RPC: not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// JSON-RPC: not a message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// JSON-RPC: no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// JSON-RPC: bad or missing parameters; MCP: missing `_meta`.
    pub const INVALID_PARAMS: i64 = -32602;
    /// MCP: headers and body do not agree.
    pub const HEADER_MISMATCH: i64 = -32020;
    /// MCP: the version is not spoken here.
    pub const UNSUPPORTED_VERSION: i64 = -32022;

    // Our own lie outside −32768 to −32000, which JSON-RPC and MCP keep for themselves.

    /// The server speaks the other era.
    pub const WRONG_ERA: i64 = 1001;
    /// The token lacks a scope.
    pub const INSUFFICIENT_SCOPE: i64 = 1002;
    /// Policy says no, and no scope would change that.
    pub const FORBIDDEN: i64 = 1003;
    /// There is no such session.
    pub const SESSION_NOT_FOUND: i64 = 1004;
    /// The upstream server could not be reached; the call was not executed.
    pub const UPSTREAM_UNREACHABLE: i64 = 1005;
    /// The upstream server did not let the gateway in.
    pub const UPSTREAM_REFUSED: i64 = 1006;
    /// The call was sent, but what became of it is not known.
    pub const MAYBE_EXECUTED: i64 = 1007;
    /// The gateway cannot work now; the call was not executed.
    pub const NOT_EXECUTED: i64 = 1008;
    /// The request has no token, or a bad one.
    pub const UNAUTHORIZED: i64 = 1009;
    /// Too many calls are in flight; this one was not executed.
    pub const TOO_MANY_CALLS: i64 = 1010;
}

/// A refusal: an HTTP status and a JSON-RPC error. Says nothing of what the client sent but its id and version.
#[derive(Clone, Debug, PartialEq)]
pub struct Reject {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON-RPC error code.
    pub code: i64,
    /// What happened, and what to do.
    pub message: Cow<'static, str>,
    /// The id of the request, if it could be read. Absent, not null, otherwise: MCP knows no null id.
    pub id: Option<Id>,
    /// The error's `data`.
    pub data: Option<Value>,
    /// The era of the message, if it could be told.
    pub era: Option<Era>,
}

impl Reject {
    pub(super) fn new(status: StatusCode, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), id: None, data: None, era: None }
    }

    pub(super) fn bad_request(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(code::HEADER_MISMATCH, message)
    }

    pub(super) fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(code::INVALID_PARAMS, message)
    }

    /// Names what is supported. `requested` is echoed, cut to a length no version has, and never if it is a token.
    pub(super) fn unsupported_version(requested: Option<&str>) -> Self {
        let mut data = json!({ "supported": [MODERN_VERSION] });
        if let (Some(requested), Some(data)) = (requested, data.as_object_mut()) {
            data.insert("requested".to_owned(), without_handles(requested).chars().take(64).collect::<String>().into());
        }
        let message = format!("Unsupported protocol version. This server supports {MODERN_VERSION}.");
        Self { data: Some(data), ..Self::bad_request(code::UNSUPPORTED_VERSION, message) }
    }

    pub(super) fn unknown_version() -> Self {
        let known = LEGACY_VERSIONS.join(", ");
        let message = format!("MCP-Protocol-Version is not a version. Known are {MODERN_VERSION}, {known}.");
        Self::bad_request(code::INVALID_REQUEST, message)
    }

    pub(super) fn with(mut self, id: Option<Id>, era: Option<Era>) -> Self {
        self.id = id;
        self.era = self.era.or(era);
        self
    }

    fn about(call: &Call, status: StatusCode, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, code, message).with(call.id().cloned(), Some(call.era))
    }

    /// What to answer instead if the server speaks `server` only. A legacy server must not give a modern error:
    /// clients take that for a modern server and do not fall back to `initialize`.
    #[must_use]
    pub fn for_server(self, server: Era) -> Self {
        match (server, self.era) {
            (Era::Legacy, Some(Era::Modern)) => Self::legacy_only(self.id),
            (Era::Legacy, _) if self.code == code::HEADER_MISMATCH => Self { code: code::INVALID_REQUEST, ..self },
            _ => self,
        }
    }

    /// 405: the modern era knows POST only. `Allow: POST` belongs to it.
    pub(super) fn post_only() -> Self {
        let message = format!("MCP {MODERN_VERSION} knows POST only.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, code::INVALID_REQUEST, message)
    }

    /// 400: a modern message to a server that speaks legacy revisions only.
    pub(super) fn legacy_only(id: Option<Id>) -> Self {
        let known = LEGACY_VERSIONS.join(", ");
        let message = format!("This server needs the initialize handshake of an earlier protocol version: {known}.");
        Self::bad_request(code::WRONG_ERA, message).with(id, Some(Era::Modern))
    }

    /// 400: a legacy message to a server that speaks the modern revision only. Names the supported version, which may
    /// be all that a person gets to see.
    pub(super) fn modern_only(call: &Call) -> Self {
        Self::unsupported_version(call.requested_version()).with(call.id().cloned(), Some(Era::Legacy))
    }

    /// 403: a scope is missing. The challenge that names it belongs into `WWW-Authenticate`.
    pub fn insufficient_scope(call: &Call, needed: &str) -> Self {
        let message = format!("Insufficient scope. This call needs: {needed}. Nothing was executed.");
        Self::about(call, StatusCode::FORBIDDEN, code::INSUFFICIENT_SCOPE, message)
    }

    /// 401: the token is good, and the person's login too old for this call (RFC 9470).
    pub fn stale_login(call: &Call, max_age: u32) -> Self {
        let message = format!(
            "This call needs a login of the last {max_age} seconds. Ask the person to log in again. Nothing was executed."
        );
        Self::about(call, StatusCode::UNAUTHORIZED, code::UNAUTHORIZED, message)
    }

    /// 403: policy says no, and asking for more scopes would not help.
    pub fn forbidden(call: &Call, reason: &str) -> Self {
        let message = format!("{reason} Nothing was executed.");
        Self::about(call, StatusCode::FORBIDDEN, code::FORBIDDEN, message)
    }

    /// 404: the session is unknown or ended. A legacy client starts a new one on this.
    pub fn session_not_found(call: &Call) -> Self {
        let message = "Session not found. Start a new one with initialize.";
        Self::about(call, StatusCode::NOT_FOUND, code::SESSION_NOT_FOUND, message)
    }

    /// 502: the upstream server could not be reached, so nothing was executed.
    pub fn upstream_unreachable(call: &Call) -> Self {
        let message = "The server behind this gateway cannot be reached. The call was not executed; try again later.";
        Self::about(call, StatusCode::BAD_GATEWAY, code::UPSTREAM_UNREACHABLE, message)
    }

    /// 502: the upstream server answered 401 or 403 to the gateway. The client's token is fine.
    pub fn upstream_refused(call: &Call) -> Self {
        let message = "The server behind this gateway did not accept the gateway's credential. \
                       Your own authorization is fine; tell the administrator.";
        Self::about(call, StatusCode::BAD_GATEWAY, code::UPSTREAM_REFUSED, message)
    }

    /// 502: the call went out and no usable answer came back.
    pub fn maybe_executed(call: &Call) -> Self {
        let message = "The server behind this gateway gave no usable answer. \
                       The call may have been executed: check before you repeat it.";
        Self::about(call, StatusCode::BAD_GATEWAY, code::MAYBE_EXECUTED, message)
    }

    /// 503: the gateway cannot decide or record now, so it forwarded nothing. Send `Retry-After` with it.
    pub fn not_executed(call: &Call) -> Self {
        let message = "The gateway cannot serve this call now. It was not executed; try again shortly.";
        Self::about(call, StatusCode::SERVICE_UNAVAILABLE, code::NOT_EXECUTED, message)
    }

    /// 429: others with the same token are in flight, more than one may have. Send `Retry-After` with it.
    pub fn too_many_calls(call: &Call) -> Self {
        let message = "Too many calls are in flight at the same time. This one was not executed; \
                       try again when another has ended.";
        Self::about(call, StatusCode::TOO_MANY_REQUESTS, code::TOO_MANY_CALLS, message)
    }

    /// The JSON-RPC error response.
    pub fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(error)) = (&self.data, error.as_object_mut()) {
            error.insert("data".to_owned(), data.clone());
        }
        let mut body = json!({ "jsonrpc": "2.0", "error": error });
        if let (Some(id), Some(body)) = (&self.id, body.as_object_mut()) {
            body.insert("id".to_owned(), id.into());
        }
        body
    }
}
