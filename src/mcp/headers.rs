//! The HTTP headers of the streamable transport.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};

use super::{Reject, code};

/// `MCP-Protocol-Version`: the revision of the message.
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Method`: mirrors the method (modern).
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`: mirrors a name, URI or task id (modern).
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
/// `Mcp-Session-Id`: the session (legacy).
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `Last-Event-ID`: where to resume a stream (legacy).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What the headers that mirror arguments begin with. They go on unchanged: only the tool's schema could tell
/// whether they are right, and the upstream has it.
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// The session a legacy client names, if any.
///
/// # Errors
/// 400 if it is given twice or is not visible ASCII.
pub fn session_id(headers: &HeaderMap) -> Result<Option<&str>, Reject> {
    visible(headers, &MCP_SESSION_ID)
}

/// The event after which a legacy client wants to resume, if any.
///
/// # Errors
/// 400 if it is given twice or is not visible ASCII.
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, Reject> {
    visible(headers, &LAST_EVENT_ID)
}

fn visible<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Reject> {
    match sole(headers, name) {
        Ok(None) => Ok(None),
        Ok(Some(value)) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(value)),
        _ => {
            let message = format!("The {name} header must be given once, in visible ASCII.");
            Err(Reject::bad_request(code::INVALID_REQUEST, message))
        }
    }
}

/// The headers that repeat what the body says.
pub(super) struct Mirrored<'h> {
    /// `MCP-Protocol-Version`
    pub(super) version: Option<&'h str>,
    method: Option<&'h str>,
    name: Option<&'h str>,
}

impl<'h> Mirrored<'h> {
    /// Reads the three headers; each may occur once and must be printable ASCII.
    pub(super) fn read(headers: &'h HeaderMap) -> Result<Self, Reject> {
        Ok(Self {
            version: sole(headers, &MCP_PROTOCOL_VERSION)?,
            method: sole(headers, &MCP_METHOD)?,
            name: sole(headers, &MCP_NAME)?,
        })
    }

    /// Compares `Mcp-Method` with the body's method.
    pub(super) fn check_method(&self, method: &str, required: bool) -> Result<(), Reject> {
        match self.method {
            Some(value) if value == method => Ok(()),
            None if !required => Ok(()),
            None => Err(Reject::header_mismatch("The Mcp-Method header is missing.")),
            Some(_) => Err(Reject::header_mismatch("The Mcp-Method header does not match the method in the body.")),
        }
    }

    /// Compares `Mcp-Name`, decoded, with the name in the body.
    pub(super) fn check_name(&self, name: Option<&str>, required: bool) -> Result<(), Reject> {
        match (self.name, name) {
            (None, Some(_)) if required => Err(Reject::header_mismatch("The Mcp-Name header is missing.")),
            (None, _) => Ok(()),
            (Some(value), Some(name)) if decoded(value).as_deref() == Some(name) => Ok(()),
            (Some(_), _) => Err(Reject::header_mismatch("The Mcp-Name header does not match the body.")),
        }
    }
}

/// The value of a header that may occur once, without the whitespace around it (RFC 9110 section 5.5).
fn sole<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Reject> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Reject::header_mismatch(format!("The {name} header is given more than once.")));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim_matches([' ', '\t']))),
        Err(_) => Err(Reject::header_mismatch(format!("The {name} header has characters that are not allowed."))),
    }
}

/// A header value without its base64 wrapping `=?base64?…?=`, or nothing if that holds no base64 of UTF-8.
pub(super) fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// Checks that a POST sends JSON and takes both kinds of answer.
pub(super) fn check_post(headers: &HeaderMap) -> Result<(), Reject> {
    let plain =
        headers.get_all(CONTENT_ENCODING).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if !plain || !sends_json(headers) {
        return Err(Reject::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::INVALID_REQUEST,
            "Send the message as Content-Type: application/json in UTF-8, not compressed.",
        ));
    }
    if !accepts(headers, "application/json") || !accepts(headers, "text/event-stream") {
        return Err(not_acceptable("The Accept header must list application/json and text/event-stream."));
    }
    Ok(())
}

/// Checks that a GET takes a stream of events.
pub(super) fn check_get(headers: &HeaderMap) -> Result<(), Reject> {
    if accepts(headers, "text/event-stream") {
        Ok(())
    } else {
        Err(not_acceptable("The Accept header must list text/event-stream."))
    }
}

fn not_acceptable(message: &'static str) -> Reject {
    Reject::new(StatusCode::NOT_ACCEPTABLE, code::INVALID_REQUEST, message)
}

fn sends_json(headers: &HeaderMap) -> bool {
    let Ok(Some(value)) = sole(headers, &CONTENT_TYPE) else { return false };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf8 = parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    utf8 && essence.eq_ignore_ascii_case("application/json")
}

/// Whether `Accept` lists `media_type` by name, with a quality other than zero. Wildcards do not count: the
/// transport wants both types listed, and upstreams look for them.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(media_type)) && !parts.any(is_zero_quality)
    })
}

fn is_zero_quality(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.eq_ignore_ascii_case("q") && value.parse::<f32>().is_ok_and(|quality| quality == 0.0)
    })
}
