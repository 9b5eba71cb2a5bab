//! `ETag` and `If-Match` (RFC 9110 §13.1.1): whoever changes a thing says which version of it they saw.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderValue, StatusCode, header, request::Parts};
use utoipa::IntoParams;

use super::{body, problem::Problem};
use crate::{app::App, http::request_id::RequestId};

/// The version that the caller saw.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct Seen {
    /// The `ETag` of what you looked at last, quotes included. `*` is refused: it says nothing of what you saw.
    #[param(rename = "If-Match", pattern = r#"^"[^"]*"$"#, max_length = 200, example = json!("\"v1\""))]
    pub(super) tag: String,
    #[param(ignore)]
    id: RequestId,
}

impl FromRequestParts<Arc<App>> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let id = body::id(&parts.extensions);
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let (first, more) = (values.next(), values.next());
        let Some(first) = first.filter(|first| first.as_bytes() != b"*") else {
            let detail = "Send If-Match with the ETag of what you looked at.";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail, &id));
        };
        let text = first.to_str().ok().filter(|_| more.is_none());
        let inner = text.and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"'));
        match inner.filter(|inner| !inner.contains('"')) {
            Some(inner) => Ok(Self { tag: inner.to_owned(), id }),
            None => Err(changed(&id)),
        }
    }
}

impl Seen {
    /// The number in `"v7"`.
    pub(super) fn version(&self) -> Result<i64, Problem> {
        let number = self.tag.strip_prefix('v').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.and_then(|digits| digits.parse().ok()).ok_or_else(|| changed(&self.id))
    }
}

/// 412.
pub(super) fn changed(id: &RequestId) -> Problem {
    let detail = "It was changed since, or If-Match has no ETag of it. Nothing was changed: read it again.";
    Problem::new(StatusCode::PRECONDITION_FAILED, detail, id)
}

/// The value of an `ETag` header.
pub(super) fn tag(inner: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{inner}\"")).ok()
}
