//! What a request says, strictly: one JSON object with the members that the document names, and no other.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::{StatusCode, request::Parts};
use serde::{Deserialize as _, de::DeserializeOwned};

use super::problem::{Problem, Wrong};
use crate::{
    app::App,
    http::{
        body::{BodyError, is_media_type, read},
        request_id::RequestId,
    },
    mcp::json,
};

/// The largest body, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Levels of a body.
const DEPTH: usize = 8;

/// What the types of a body leave open.
pub(super) trait Check {
    /// Finds what is wrong.
    fn check(&self, _: &mut Findings) {}
}

/// What is wrong with a request.
#[derive(Default)]
pub(super) struct Findings(Vec<Wrong>);

impl Findings {
    pub(super) fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push(Wrong { field: Some(field), message: message.into() });
    }

    /// A text of so many characters.
    pub(super) fn length(&mut self, field: &'static str, text: &str, least: usize, most: usize) {
        if !(least..=most).contains(&text.chars().count()) {
            self.add(field, format!("must have {least} to {most} characters"));
        }
    }

    fn problem(self, id: &RequestId) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let detail = "Something in the request is not as the API is described. Nothing was changed.";
        Err(Problem::new(StatusCode::BAD_REQUEST, detail, id).with(self.0))
    }
}

/// The body. Comes after [`super::caller::Caller`] in a handler: nobody unknown has a body read.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + Check> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        let id = id(request.extensions());
        let (parts, body) = request.into_parts();
        let no = |status, detail: &str| Problem::new(status, detail, &id);
        if !is_media_type(&parts.headers, "application/json") {
            let detail = "Send the body as JSON, with Content-Type: application/json.";
            return Err(no(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = read(body, MAX_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge => no(StatusCode::PAYLOAD_TOO_LARGE, "A body has 256 KiB at most."),
            BodyError::Broken => no(StatusCode::BAD_REQUEST, "The body could not be read to its end."),
        })?;
        let text = json::check(&bytes, DEPTH).map_err(|fault| {
            let detail = match fault {
                json::Fault::Syntax => "The body is not one JSON value.",
                json::Fault::DuplicateKey => "An object in the body has a member twice.",
                json::Fault::TooDeep => "The body is nested too deep.",
            };
            no(StatusCode::BAD_REQUEST, detail)
        })?;
        // Serde reads a list as the members in their order, too.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(no(StatusCode::BAD_REQUEST, "The body is not one JSON object."));
        }
        let value: T = serde_json::from_str(text).map_err(|error| {
            let wrong = Wrong { field: None, message: without_echo(&error.to_string()) };
            no(StatusCode::BAD_REQUEST, "The body is not as the API is described.").with(vec![wrong])
        })?;
        let mut findings = Findings::default();
        value.check(&mut findings);
        findings.problem(&id)?;
        Ok(Self(value))
    }
}

/// The parameters of the address.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned + Check> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let id = id(&parts.extensions);
        let Query(value) = Query::<T>::try_from_uri(&parts.uri).map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            let wrong = Wrong { field: None, message: without_echo(&cause) };
            let detail = "The parameters are not as the API is described.";
            Problem::new(StatusCode::BAD_REQUEST, detail, &id).with(vec![wrong])
        })?;
        let mut findings = Findings::default();
        value.check(&mut findings);
        findings.problem(&id)?;
        Ok(Self(value))
    }
}

pub(super) fn id(extensions: &http::Extensions) -> RequestId {
    // The edge gives one to each request.
    extensions.get::<RequestId>().cloned().unwrap_or_else(RequestId::none)
}

/// A whole number, or null; also `3.0`, which is an integer to JSON Schema as `3` is.
pub(super) fn whole<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: TryFrom<u64>,
{
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let small = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    let whole = small.then(|| format!("{number:.0}")).and_then(|digits| digits.parse::<u64>().ok());
    let fitting = whole.and_then(|whole| T::try_from(whole).ok());
    fitting.map(Some).ok_or_else(|| serde::de::Error::custom("a whole number of this size is none here"))
}

/// The words of serde, as far as they are not what was sent.
fn without_echo(words: &str) -> String {
    if let Some(at) = words.rfind(", expected ") {
        return format!("something else was {}", words.get(at + 2..).unwrap_or_default());
    }
    let ours = ["missing field `", "duplicate field `"].iter().any(|begin| words.starts_with(begin));
    if ours { words.to_owned() } else { "a value does not fit".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only read")]
        size: u8,
    }

    #[test]
    fn messages_say_what_was_expected_and_nothing_that_was_sent() {
        let said = |text: &str| without_echo(&serde_json::from_str::<Sample>(text).unwrap_err().to_string());
        assert!(said(r#"{"size, expected zq": 1}"#).starts_with("something else was expected `size` at line 1 "));
        assert!(said(r#"{"size": "zq"}"#).starts_with("something else was expected u8 at line 1 "));
        assert!(said("{}").starts_with("missing field `size` at line 1 "));
        for text in [r#"{"size": 300}"#, r#""zq""#, r#"{"zq": 1, "size": 1}"#] {
            assert!(!said(text).contains("zq"), "{}", said(text));
        }
    }
}
