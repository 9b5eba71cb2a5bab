//! Forwarding: the only way out. It takes a [`Permit`], so nothing leaves without one.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{
    Caller, Dialer, SendError, SwapError, UpstreamSession, dial,
    headers::{self, X_REQUEST_ID},
    swap::{Swapped, Swaps},
};
use crate::{
    clock::Clock,
    keys::Jwt,
    mcp::{LAST_EVENT_ID, MCP_SESSION_ID, Message},
    policy::Permit,
    secret::Entropy,
};

/// What goes along with a call: nothing in it is the client's own credential or session.
pub struct Along {
    headers: HeaderMap,
    /// The upstream's session.
    pub session: Option<UpstreamSession>,
    /// The upstream's event id after which a stream resumes.
    pub last_event: Option<HeaderValue>,
    /// The id of the request.
    pub request_id: Option<HeaderValue>,
}

impl Along {
    /// Takes from a client's headers the few that the protocol needs.
    pub fn from_client(headers: &HeaderMap) -> Self {
        Self { headers: headers::to_upstream(headers), session: None, last_event: None, request_id: None }
    }
}

/// Why there is no answer to pass on, told apart by what the client must know.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No credential could be made. Not executed.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// Not executed, or perhaps executed: see there.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The upstream answered 401, twice, or 403 or 407, to a credential that was good. Not executed.
    #[error("the upstream refused the gateway's credential with status {0}")]
    Refused(StatusCode),
    /// The upstream's answer is a redirect or a switch of protocols, is compressed, or has a session id that is none. Perhaps executed.
    #[error("the upstream's answer cannot be used: {0}")]
    Unusable(&'static str),
}

/// What an upstream answered, without anything that must not pass.
pub struct Answer {
    /// The status: 2xx, 4xx or 5xx, never 401, 403 or 407.
    pub status: StatusCode,
    /// The headers that a client may get.
    pub headers: HeaderMap,
    /// The session id that the upstream named.
    pub session: Option<UpstreamSession>,
    /// The rest, as it comes in.
    pub body: Incoming,
}

/// All upstreams: connections and credentials.
pub struct Upstreams {
    dialer: Dialer,
    swaps: Swaps,
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upstreams")
    }
}

impl Upstreams {
    /// Starts with no connections and no credentials. A credential lives for `lifetime`, and never longer than a minute.
    pub fn new(dialer: Dialer, lifetime: Duration, clock: Clock, entropy: Entropy) -> Self {
        Self { dialer, swaps: Swaps::new(lifetime, clock, entropy) }
    }

    /// The JWT that stands for an access token at its server: the same that a call would carry, from the same cache.
    ///
    /// # Errors
    /// The access token has ended, or a fault of ours.
    pub fn phantom(&self, caller: Caller<'_>) -> Result<Jwt, SwapError> {
        self.swaps.phantom(caller)
    }

    /// Sends a permitted call and waits for the head of the answer. Dropping the future, or the answer's body, ends the
    /// request at the upstream.
    ///
    /// A 401 means that the call was not executed: it is tried once more, with a new JWT.
    ///
    /// A call by itself does not go out, only one that was permitted:
    ///
    /// ```no_run,standalone_crate
    /// # use sallyport::{policy::Permit, upstream::{Along, Answer, Caller, ForwardError, Upstreams}};
    /// async fn out(to: Upstreams, what: Permit, caller: Caller<'_>, along: Along) -> Result<Answer, ForwardError> {
    ///     to.forward(what, caller, &along).await
    /// }
    /// ```
    ///
    /// ```compile_fail,E0308
    /// # use sallyport::{mcp::Call, upstream::{Along, Answer, Caller, ForwardError, Upstreams}};
    /// async fn out(to: Upstreams, what: Call, caller: Caller<'_>, along: Along) -> Result<Answer, ForwardError> {
    ///     to.forward(what, caller, &along).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ForwardError`], by what is known of the call's execution.
    pub async fn forward(&self, permit: Permit, caller: Caller<'_>, along: &Along) -> Result<Answer, ForwardError> {
        let swapped = self.swaps.swap(permit, caller)?;
        let mut response = self.dialer.send(request(&swapped, caller, along)?, caller.still).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let swapped = self.swaps.swap_afresh(swapped.into_permit(), caller)?;
            response = self.dialer.send(request(&swapped, caller, along)?, caller.still).await?;
        }
        answer(response)
    }
}

fn request(swapped: &Swapped, caller: Caller<'_>, along: &Along) -> Result<Request<Full<Bytes>>, ForwardError> {
    let call = swapped.permit().call();
    let method = match call.message() {
        Message::Request { .. } | Message::Notification { .. } | Message::Response { .. } => Method::POST,
        Message::OpenStream => Method::GET,
        Message::EndSession => Method::DELETE,
    };
    let mut request = Request::new(Full::new(call.bytes().clone()));
    *request.method_mut() = method;
    *request.uri_mut() =
        dial::uri_of(&caller.server.upstream_url).map_err(|error| SendError::NotSent(error.to_string()))?;
    let mut out = along.headers.clone();
    if let Some(session) = &along.session {
        let mut value =
            HeaderValue::from_str(session.expose()).map_err(|_| ForwardError::Unusable("its session id"))?;
        value.set_sensitive(true);
        out.insert(MCP_SESSION_ID, value);
    }
    let optional = [(LAST_EVENT_ID, &along.last_event), (X_REQUEST_ID, &along.request_id)];
    for (name, value) in optional {
        if let Some(value) = value {
            out.insert(name, value.clone());
        }
    }
    headers::authorize(&mut out, swapped.credential());
    *request.headers_mut() = out;
    Ok(request)
}

fn answer(response: Response<Incoming>) -> Result<Answer, ForwardError> {
    let (parts, body) = response.into_parts();
    match parts.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            return Err(ForwardError::Refused(parts.status));
        }
        status if status.is_redirection() => return Err(ForwardError::Unusable("it is a redirect")),
        // 101 would hand the client's connection over to the upstream; the others are none.
        status if status.is_informational() || status.as_u16() >= 600 => {
            return Err(ForwardError::Unusable("its status ends no exchange"));
        }
        _ => {}
    }
    if parts.headers.get_all(http::header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err(ForwardError::Unusable("it is compressed, though nobody asked for that"));
    }
    let session = match parts.headers.get(MCP_SESSION_ID) {
        Some(value) => {
            let session = value.to_str().ok().and_then(UpstreamSession::parse);
            Some(session.ok_or(ForwardError::Unusable("its session id is too long or not visible ASCII"))?)
        }
        None => None,
    };
    Ok(Answer { status: parts.status, headers: headers::to_client(&parts.headers), session, body })
}
