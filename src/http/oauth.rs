//! OAuth errors on the wire: JSON, never cached, never HTML (RFC 6749 §5.2).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::secret::without_handles;

/// An error answer of an OAuth endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthError {
    status: StatusCode,
    code: &'static str,
    description: String,
    challenge: Option<HeaderValue>,
    retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
}

// === impl OauthError ===

impl OauthError {
    /// An error with its RFC name and an explanation for the developer who reads it.
    pub fn new(status: StatusCode, code: &'static str, description: impl AsRef<str>) -> Self {
        let description = describable(description.as_ref());
        Self { status, code, description, challenge: None, retry_after: None }
    }

    /// 503: a fault of ours. Never `invalid_client` or `invalid_grant`, since clients throw their credentials away on those.
    pub fn fault() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "This server has a problem of its own; the request was not at fault. Please try again.",
        )
        .retry_after(Duration::from_secs(1))
    }

    /// Adds a `WWW-Authenticate` header.
    pub fn challenge(mut self, challenge: HeaderValue) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Adds a `Retry-After` header, in whole seconds, rounded up, at least one.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `error` member.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The `error_description` member.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = Body { error: self.code, error_description: &self.description };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// Keeps to the characters that RFC 6749 §5.2 allows: printable ASCII without `"` and `\`. What a client sent may be in the
/// text, but no token.
fn describable(text: &str) -> String {
    without_handles(text)
        .chars()
        .map(|c| match c {
            '"' => '\'',
            ' '..='~' if c != '\\' => c,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn an_error_is_json_that_nobody_keeps() {
        let error = OauthError::new(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", "say \"when\"")
            .retry_after(Duration::from_millis(1500))
            .challenge(HeaderValue::from_static("Basic"));
        let response = error.into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic");
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(body, r#"{"error":"temporarily_unavailable","error_description":"say 'when'"}"#.as_bytes());
    }

    proptest! {
        #[test]
        fn a_description_keeps_to_its_characters(text in ".*") {
            let error = OauthError::new(StatusCode::BAD_REQUEST, "invalid_request", &text);
            prop_assert!(error.description().bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
        }
    }
}
