//! The id that a request carries through logs, errors and audit.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts};

use crate::{
    clock::Clock,
    ids,
    secret::{Entropy, NoEntropy},
};

/// The header that tells the id to the client, and that a trusted proxy may give one in.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id: 1 to 64 characters of `A-Z a-z 0-9 . _ -`. Handlers take it as an extractor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A fresh id.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new(clock: &Clock, entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(ids::new_uuid(clock, entropy)?.to_string().into()))
    }

    /// The id of the `nth` request that came while there was no randomness. It can be guessed.
    pub(super) fn counted(clock: &Clock, nth: u64) -> Self {
        Self(format!("counted-{}-{nth}", clock.unix()).into())
    }

    /// What stands for an id where nobody gave one.
    pub(crate) fn none() -> Self {
        Self("-".into())
    }

    /// The id in `headers`, if there is exactly one and it is well-formed. Only for headers of a trusted proxy.
    pub fn given(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(X_REQUEST_ID).iter();
        let text = values.next()?.to_str().ok()?;
        if values.next().is_some() { None } else { Self::parse(text) }
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        ((1..=64).contains(&text.len()) && plain).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
