//! From an HTTP message to a [`Call`]: which era, whether headers and body agree, whether the method exists.
//!
//! The order of checks: media types, size, JSON, envelope, parameters, then by era header match, metadata, version,
//! method, target. Origin, Host and the token come before all of this.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{
    ASSUMED_VERSION, Call, Era, LEGACY_VERSIONS, Limits, MODERN_VERSION, Message, Method, Reject, Target, code,
    envelope::Envelope,
    headers::{Mirrored, check_get, check_post},
    json::{self, Members},
    target::Params,
};

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Parses the body of a POST.
///
/// # Errors
/// A [`Reject`] in the form that the client's era wants.
pub fn parse(headers: &HeaderMap, body: Bytes, limits: &Limits) -> Result<Call, Reject> {
    check_post(headers)?;
    if body.len() > limits.body {
        return Err(Reject::new(StatusCode::PAYLOAD_TOO_LARGE, code::INVALID_REQUEST, "The body is too large."));
    }
    let Envelope { message, payload } = Envelope::read(&body, limits)?;
    let id = match &message {
        Message::Request { id, .. } => Some(id.clone()),
        _ => None,
    };
    let arguments = payload.map_or_else(Bytes::new, |raw| body.slice_ref(raw.get().as_bytes()));
    let read = || match &message {
        Message::Request { method, .. } | Message::Notification { method } => {
            let params = Params::read(payload)?;
            let mirrored = Mirrored::read(headers)?;
            named(&message, method, &params, &mirrored, limits)
        }
        _ => response(&Mirrored::read(headers)?),
    };
    let Parsed { era, version, target, requested_version } = read().map_err(|reject| reject.with(id, None))?;
    Ok(Call { era, version, message, target, requested_version, arguments, bytes: body })
}

/// A legacy client's GET, which opens a stream.
///
/// # Errors
/// 405 for a modern client, 406 if it does not take a stream.
pub fn open_stream(headers: &HeaderMap) -> Result<Call, Reject> {
    let version = session_version(headers)?;
    check_get(headers)?;
    Ok(bodiless(version, Message::OpenStream))
}

/// A legacy client's DELETE, which ends its session.
///
/// # Errors
/// 405 for a modern client.
pub fn end_session(headers: &HeaderMap) -> Result<Call, Reject> {
    Ok(bodiless(session_version(headers)?, Message::EndSession))
}

fn session_version(headers: &HeaderMap) -> Result<&'static str, Reject> {
    match Mirrored::read(headers)?.version {
        Some(MODERN_VERSION) => Err(Reject::post_only()),
        header => legacy_version(header),
    }
}

fn bodiless(version: &'static str, message: Message) -> Call {
    Call {
        era: Era::Legacy,
        version,
        message,
        target: Target::None,
        requested_version: None,
        arguments: Bytes::new(),
        bytes: Bytes::new(),
    }
}

struct Parsed {
    era: Era,
    version: &'static str,
    target: Target,
    requested_version: Option<String>,
}

/// A request or a notification: finds the era, then applies its rules.
fn named(
    message: &Message,
    method: &Method,
    params: &Params<'_>,
    mirrored: &Mirrored<'_>,
    limits: &Limits,
) -> Result<Parsed, Reject> {
    let meta = params.meta();
    let claim = meta.as_ref().and_then(|meta| meta.get(META_VERSION));
    // `server/discover` exists in the modern era only, so a client that sends it is modern, if careless.
    let modern = claim.is_some() || mirrored.version == Some(MODERN_VERSION) || *method == Method::Discover;
    let era = if modern { Era::Modern } else { Era::Legacy };
    let read = || {
        let version = match era {
            Era::Modern => modern_version(message, method, params, meta.as_ref(), mirrored)?,
            Era::Legacy => {
                let version = legacy_version(mirrored.version)?;
                mirrored.check_method(method.as_str(), false)?;
                mirrored.check_name(params.mirrored_name(method).as_deref(), false)?;
                version
            }
        };
        check_served(era, message, method, limits)?;
        Ok(Parsed { era, version, target: params.target(method)?, requested_version: requested(method, params) })
    };
    read().map_err(|reject: Reject| reject.with(None, Some(era)))
}

/// The modern rules, in the order of the specification: headers match the body (−32020), metadata is there (−32602),
/// the version is known (−32022). This revision lays down headers and metadata for requests; a notification has to
/// agree with what it does send.
fn modern_version(
    message: &Message,
    method: &Method,
    params: &Params<'_>,
    meta: Option<&Members<'_>>,
    mirrored: &Mirrored<'_>,
) -> Result<&'static str, Reject> {
    let request = matches!(message, Message::Request { .. });
    let claim = meta.and_then(|meta| meta.get(META_VERSION));
    let claimed = claim.and_then(json::text);
    let Some(version) = mirrored.version else {
        return Err(Reject::header_mismatch("The MCP-Protocol-Version header is missing."));
    };
    if claimed.as_deref().is_some_and(|claimed| claimed != version) {
        return Err(Reject::header_mismatch("The MCP-Protocol-Version header does not match _meta."));
    }
    mirrored.check_method(method.as_str(), request)?;
    mirrored.check_name(params.mirrored_name(method).as_deref(), request && method.needs_name_header())?;

    let claim_is_good = claimed.is_some() || (claim.is_none() && !request);
    let capable = meta.and_then(|meta| meta.get(META_CAPABILITIES)).is_some_and(|raw| Members::of(raw.get()).is_some());
    if !claim_is_good || (request && !capable) {
        return Err(Reject::invalid_params(format!(
            "_meta must have {META_VERSION} (a version) and {META_CAPABILITIES} (an object)."
        )));
    }
    if version == MODERN_VERSION { Ok(MODERN_VERSION) } else { Err(Reject::unsupported_version(Some(version))) }
}

/// A client's answer to the server: legacy only.
fn response(mirrored: &Mirrored<'_>) -> Result<Parsed, Reject> {
    if mirrored.version == Some(MODERN_VERSION) {
        let message = format!("MCP {MODERN_VERSION} clients send requests, never responses.");
        return Err(Reject::bad_request(code::INVALID_REQUEST, message).with(None, Some(Era::Modern)));
    }
    let version = legacy_version(mirrored.version)?;
    Ok(Parsed { era: Era::Legacy, version, target: Target::None, requested_version: None })
}

/// The legacy version that the header names. A date that is no known version comes from a client that negotiates, so
/// it gets the error that negotiation needs; anything else gets a plain one.
fn legacy_version(header: Option<&str>) -> Result<&'static str, Reject> {
    let Some(header) = header else { return Ok(ASSUMED_VERSION) };
    LEGACY_VERSIONS.into_iter().find(|known| *known == header).ok_or_else(|| {
        if is_date(header) {
            Reject::unsupported_version(Some(header)).with(None, Some(Era::Modern))
        } else {
            Reject::unknown_version()
        }
    })
}

/// Whether `text` has the shape `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// Whether the method exists in the era, or the operator added it.
///
/// A legacy client takes 404 for a lost session, so it gets the error in an answer of status 200. A notification has
/// no answer; there the status must say it.
fn check_served(era: Era, message: &Message, method: &Method, limits: &Limits) -> Result<(), Reject> {
    if method.exists_in(era) || limits.extensions.iter().any(|name| name == method.as_str()) {
        return Ok(());
    }
    let status = match (era, message) {
        (Era::Modern, _) => StatusCode::NOT_FOUND,
        (Era::Legacy, Message::Request { .. }) => StatusCode::OK,
        (Era::Legacy, _) => StatusCode::BAD_REQUEST,
    };
    Err(Reject::new(status, code::METHOD_NOT_FOUND, "Method not found."))
}

fn requested(method: &Method, params: &Params<'_>) -> Option<String> {
    (*method == Method::Initialize).then(|| params.text("protocolVersion")).flatten()
}
