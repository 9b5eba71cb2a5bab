//! What a client gets instead of an answer of the upstream.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::challenge::{BearerError, Challenge};
use crate::{
    mcp::{Reject, code},
    tenants::Server,
};

/// 503 before anything was done, for whoever refuses a call before it comes here.
pub fn fault() -> Response {
    Refusal::fault().into_response()
}

/// A JSON-RPC error with its HTTP status and headers.
#[derive(Debug)]
pub(super) struct Refusal {
    reject: Box<Reject>,
    /// What the status asks for: a challenge, the methods allowed, when to come back.
    header: Option<(HeaderName, HeaderValue)>,
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        let header = match reject.status {
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, HeaderValue::from_static("POST"))),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            // Our own: an upstream's says nothing of when.
            _ if reject.code == code::TOO_MANY_CALLS => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        };
        Self { reject: Box::new(reject), header }
    }
}

impl Refusal {
    /// A refusal before the message was read: it has no id to answer under.
    pub(super) fn early(status: StatusCode, message: &'static str) -> Self {
        Self::from(Reject {
            status,
            code: code::INVALID_REQUEST,
            message: message.into(),
            id: None,
            data: None,
            era: None,
        })
    }

    /// 405 for methods that MCP does not use.
    pub(super) fn no_such_method() -> Self {
        let mut refusal = Self::early(StatusCode::METHOD_NOT_ALLOWED, "MCP uses POST, GET and DELETE.");
        refusal.header = Some((ALLOW, HeaderValue::from_static("POST, GET, DELETE, OPTIONS")));
        refusal
    }

    /// 503 before anything was done. The client keeps what it has and tries again.
    pub(super) fn fault() -> Self {
        let mut refusal = Self::early(
            StatusCode::SERVICE_UNAVAILABLE,
            "The gateway has a problem of its own. Nothing was executed; try again shortly.",
        );
        refusal.reject.code = code::NOT_EXECUTED;
        refusal
    }

    /// 400 or 401 for a missing or bad token. The challenge says where to get one and which scopes to ask for.
    pub(super) fn unauthorized(server: &Server, error: Option<(BearerError, &'static str)>) -> Self {
        let status = match error {
            Some((BearerError::InvalidRequest, _)) => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNAUTHORIZED,
        };
        let message = error.map_or("An access token is needed.", |(_, description)| description);
        let mut refusal = Self::early(status, message);
        refusal.reject.code = code::UNAUTHORIZED;
        refusal.challenged(server, &server.policy.challenge_scopes().to_string(), None, error)
    }

    /// Adds a challenge that names `scope`, and how old a login may be.
    pub(super) fn challenged(
        mut self,
        server: &Server,
        scope: &str,
        max_age: Option<u32>,
        error: Option<(BearerError, &str)>,
    ) -> Self {
        let challenge = Challenge { metadata_url: &server.metadata_url, scope, max_age, error };
        self.header = Some((WWW_AUTHENTICATE, challenge.value()));
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.reject.status
    }

    /// The JSON-RPC error as one server-sent event, for a stream that ends early.
    pub(super) fn into_event(self) -> String {
        format!("event: message\ndata: {}\n\n", self.reject.body())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.reject.status;
        let mut response = (status, self.reject.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}
