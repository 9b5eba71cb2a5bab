//! The upstream's answer, made fit for the client.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::{
    events::{Events, Rename},
    exchange::{Exchange, Failed, Session},
    flow::Shape,
};
use crate::{
    audit::Outcome,
    mcp::{Call, Era, MCP_SESSION_ID, Method, Reject, code},
    tenants::EraSetting,
    upstream::{Answer, UpstreamSession},
};

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// The largest error of an upstream that is read to see of which era it is, in bytes.
const LARGEST_ERROR: usize = 64 * 1024;
/// A JSON answer of at most so many bytes is passed on whole: head and body leave in one write, and no task is needed to
/// carry it.
const SMALL: u64 = 64 * 1024;
/// How long such an error may take to arrive.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// What an answer is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    Json,
    Nothing,
    /// Text or a page of something between here and the server: no MCP.
    Other,
}

/// The body of an answer that may pass.
pub(super) enum Passed {
    /// It is all here.
    Whole(Bytes),
    /// It comes as the upstream sends it.
    Flowing(Incoming, Shape),
}

/// Passes an answer on: the right kinds of body, as they come in; sessions and event ids sealed.
pub(super) async fn pass(
    exchange: &Exchange,
    call: &Call,
    session: &Session,
    answer: Answer,
) -> Result<Response<Passed>, Failed> {
    let (kind, status) = (kind(&answer), answer.status);
    if status == StatusCode::NOT_FOUND && session.upstream.is_some() {
        return Err(Failed::new(Outcome::NotExecuted, Reject::session_not_found(call)));
    }
    if call.era() == Era::Modern && exchange.server.era == EraSetting::Auto && is_refusal(call, status) {
        return refused_as_modern(call, answer, kind).await;
    }
    match kind {
        Kind::Stream | Kind::Json => stream(exchange, call, session, answer, kind).await,
        // Nobody reads what answers a notification or ends a session.
        _ if call.id().is_none() => {
            let sealed = seal(exchange, call, session, answer.session)?;
            let mut headers = answer.headers;
            headers.remove(CONTENT_TYPE);
            Ok(response(status, headers, sealed, Passed::Whole(Bytes::new())))
        }
        Kind::Nothing | Kind::Other => Err(unreadable(call, status)),
    }
}

fn kind(answer: &Answer) -> Kind {
    if answer.body.is_end_stream() || answer.body.size_hint().exact() == Some(0) {
        return Kind::Nothing;
    }
    let value = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/event-stream") {
        Kind::Stream
    } else if essence.eq_ignore_ascii_case("application/json") {
        Kind::Json
    } else {
        Kind::Other
    }
}

/// Lets a body pass, piece by piece unless it is small.
async fn stream(
    exchange: &Exchange,
    call: &Call,
    session: &Session,
    answer: Answer,
    kind: Kind,
) -> Result<Response<Passed>, Failed> {
    let Answer { status, mut headers, session: named, body } = answer;
    let sealed = seal(exchange, call, session, named.clone())?;
    let largest = exchange.app.config.upstream.max_answer_bytes;
    let shape = if kind == Kind::Stream {
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Shape::Stream(Events::new(rename(exchange, call, named.or_else(|| session.upstream.clone()))))
    } else if body.size_hint().lower() > largest {
        return Err(Failed::new(Outcome::MayHaveBeenExecuted, Reject::maybe_executed(call)));
    } else if body.size_hint().exact().is_some_and(|length| length <= SMALL) {
        let body = body.collect().await;
        let body = body.map_err(|_| Failed::new(Outcome::MayHaveBeenExecuted, Reject::maybe_executed(call)))?;
        return Ok(response(status, headers, sealed, Passed::Whole(body.to_bytes())));
    } else {
        Shape::Plain(largest)
    };
    Ok(response(status, headers, sealed, Passed::Flowing(body, shape)))
}

fn response(status: StatusCode, headers: HeaderMap, session: Option<HeaderValue>, body: Passed) -> Response<Passed> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(session) = session {
        headers.insert(MCP_SESSION_ID, session);
    }
    response
}

/// The session id for the client. The one it presented stays as it is; the modern era has none.
fn seal(
    exchange: &Exchange,
    call: &Call,
    session: &Session,
    named: Option<UpstreamSession>,
) -> Result<Option<HeaderValue>, Failed> {
    let Some(named) = named.filter(|_| call.era() == Era::Legacy) else { return Ok(None) };
    if session.upstream.as_ref() == Some(&named) {
        return Ok(session.presented.clone());
    }
    let sealed = exchange.holder().seal(&named, &exchange.app.keyring, &exchange.app.entropy).ok();
    match sealed.and_then(|sealed| HeaderValue::try_from(sealed).ok()) {
        Some(sealed) => Ok(Some(sealed)),
        None => Err(Failed::new(Outcome::MayHaveBeenExecuted, Reject::maybe_executed(call))),
    }
}

/// Event ids let a legacy client resume a stream, so they are bound to it. In the modern era they mean nothing.
fn rename(exchange: &Exchange, call: &Call, session: Option<UpstreamSession>) -> Rename {
    if call.era() == Era::Modern {
        return Box::new(|_| Vec::new());
    }
    let (app, holder) = (exchange.app.clone(), exchange.holder());
    Box::new(move |event| holder.bind_event(session.as_ref(), event, &app.keyring).into_bytes())
}

/// Whether `status` can mean that the upstream does not understand modern messages. `server/discover` does nothing, so
/// even a failure on it is no more than that.
fn is_refusal(call: &Call, status: StatusCode) -> bool {
    let passing = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let stumbled = call.method() == Some(&Method::Discover) && status.is_server_error();
    (status.is_client_error() || stumbled) && !passing.contains(&status)
}

/// The upstream of an `auto` server turned a modern message down. If it is modern, its error passes. If not, the client
/// gets 400 and no modern error, on which it falls back to `initialize`.
async fn refused_as_modern(call: &Call, answer: Answer, kind: Kind) -> Result<Response<Passed>, Failed> {
    let body = if kind == Kind::Json { read_error(answer.body).await } else { None };
    match (body, call.check_server(Era::Legacy)) {
        (Some(body), _) => {
            let modern = is_modern_error(answer.status, &body);
            let status = if modern { answer.status } else { StatusCode::BAD_REQUEST };
            Ok(response(status, answer.headers, None, Passed::Whole(body)))
        }
        (None, Err(reject)) if shows_that_nothing_was_done(call, answer.status) => {
            Err(Failed::new(Outcome::NotExecuted, reject))
        }
        (None, Err(_)) => Err(Failed::new(Outcome::MayHaveBeenExecuted, Reject::maybe_executed(call))),
        (None, Ok(())) => Err(unreadable(call, answer.status)),
    }
}

/// Whether a refusal without a JSON-RPC message came before anything was done: it is about the form of the request, as a
/// server of the other era words it. Any other may as well be the end of a call that went half of its way.
fn shows_that_nothing_was_done(call: &Call, status: StatusCode) -> bool {
    let of_the_form = [
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::NOT_ACCEPTABLE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    ];
    call.method() == Some(&Method::Discover) || of_the_form.contains(&status)
}

async fn read_error(body: Incoming) -> Option<Bytes> {
    let whole = tokio::time::timeout(ERROR_TIMEOUT, Limited::new(body, LARGEST_ERROR).collect()).await;
    let body = whole.ok()?.ok()?.to_bytes();
    let is_object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body).is_ok();
    is_object.then_some(body)
}

/// Whether clients take this for an answer of a modern server (basic/versioning).
fn is_modern_error(status: StatusCode, body: &[u8]) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match body.pointer("/error/code").and_then(serde_json::Value::as_i64) {
        Some(-32022..=-32020) => true,
        Some(code::METHOD_NOT_FOUND) => status == StatusCode::NOT_FOUND,
        _ => false,
    }
}

/// An answer to a request without a JSON-RPC message in it. The status says something, so it stays, unless it claims
/// success.
fn unreadable(call: &Call, status: StatusCode) -> Failed {
    if status.is_client_error() {
        let message = format!("The server behind this gateway refused the call with HTTP status {}.", status.as_u16());
        let reject =
            Reject { status, message: message.into(), code: code::UPSTREAM_REFUSED, ..Reject::maybe_executed(call) };
        return Failed::new(Outcome::Answered, reject);
    }
    let status = if status.is_server_error() { status } else { StatusCode::BAD_GATEWAY };
    Failed::new(Outcome::MayHaveBeenExecuted, Reject { status, ..Reject::maybe_executed(call) })
}
