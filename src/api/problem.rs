//! What went wrong, for programs (RFC 9457). Nothing of what was sent stands in it.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::request_id::RequestId;

/// The media type of problems.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem on its way out.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    challenge: Option<&'static str>,
    body: Box<ProblemBody>,
}

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// What kind of problem: `urn:sallyport:problem:` and a word that programs can go by.
    r#type: String,
    /// The kind in words; the same each time.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What to do about it, this time.
    detail: String,
    /// Each thing that is wrong, where that can be said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Wrong>,
    /// What this request is called in logs and in the audit log.
    request_id: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Wrong {
    /// The member or the parameter; null where it is none of these alone.
    pub(super) field: Option<&'static str>,
    /// What is wrong with it.
    pub(super) message: String,
}

impl Problem {
    /// A problem of one of the kinds that there are.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>, id: &RequestId) -> Self {
        let (word, title) = match status {
            StatusCode::BAD_REQUEST => ("bad-request", "The request is not as the API is described"),
            StatusCode::UNAUTHORIZED => ("token", "A good token is needed"),
            StatusCode::FORBIDDEN => ("forbidden", "This token may not do that"),
            StatusCode::NOT_FOUND => ("not-found", "There is nothing here"),
            StatusCode::CONFLICT => ("conflict", "That does not go with how things are"),
            StatusCode::PRECONDITION_FAILED => ("changed", "It is not as you saw it"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("media-type", "The body must be JSON"),
            StatusCode::UNPROCESSABLE_ENTITY => ("refused", "What the request says cannot be"),
            StatusCode::PRECONDITION_REQUIRED => ("precondition", "Say which version you saw"),
            _ => ("unavailable", "This server has a problem of its own"),
        };
        let body = ProblemBody {
            r#type: format!("urn:sallyport:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            request_id: id.to_string(),
        };
        Self { status, challenge: None, body: Box::new(body) }
    }

    /// 401, with how to come in (RFC 6750 §3).
    pub(super) fn unauthorized(challenge: &'static str, detail: &str, id: &RequestId) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, detail, id) }
    }

    /// 503, with what is logged of it.
    pub(super) fn fault(error: impl std::fmt::Display, id: &RequestId) -> Self {
        tracing::error!(%error, "a request of the admin API could not be answered");
        Self::unavailable(id)
    }

    fn unavailable(id: &RequestId) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The request was not at fault. Please try again.", id)
    }

    /// With each thing that is wrong.
    pub(super) fn with(mut self, errors: Vec<Wrong>) -> Self {
        self.body.errors = errors;
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// 503, where nothing else is known.
pub(crate) fn fault(id: &RequestId) -> Response {
    Problem::unavailable(id).into_response()
}
