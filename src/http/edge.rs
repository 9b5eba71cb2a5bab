//! What every request of the public listener goes through before its route: an id, the client's address, the right host,
//! a line in the log, a number in the metrics, and an answer even where a handler panics; and no browser guesses what an
//! answer is.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use ipnet::IpNet;
use tracing::Instrument as _;

use super::{
    address::{ClientAddress, is_trusted},
    host::Hosts,
    metrics::Metrics,
    request_id::{RequestId, X_REQUEST_ID},
};
use crate::{clock::Clock, config::Config, secret::Entropy};

/// The edge of the public listener. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    trusted_proxies: Vec<IpNet>,
    hosts: Hosts,
    metrics: Arc<Metrics>,
    clock: Clock,
    entropy: Entropy,
    /// Ids given out without randomness.
    counted: AtomicU64,
}

impl Edge {
    /// The edge that `config` describes.
    pub fn new(config: &Config, metrics: Arc<Metrics>, clock: Clock, entropy: Entropy) -> Self {
        let (trusted_proxies, hosts) = (config.http.trusted_proxies.clone(), Hosts::of(&config.public_url));
        let counted = AtomicU64::new(0);
        Self(Arc::new(Parts { trusted_proxies, hosts, metrics, clock, entropy, counted }))
    }

    /// Puts the edge around `router`, its fallback included.
    pub fn around(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), observe))
    }

    /// An id is no secret: without randomness it is counted, so that what needs none is served, and what does is refused in
    /// its own form.
    fn request_id(&self, peer: SocketAddr, request: &Request) -> RequestId {
        let given = is_trusted(peer.ip(), &self.0.trusted_proxies).then(|| RequestId::given(request.headers()));
        given.flatten().unwrap_or_else(|| {
            let counted = || RequestId::counted(&self.0.clock, self.0.counted.fetch_add(1, Ordering::Relaxed));
            RequestId::new(&self.0.clock, &self.0.entropy).unwrap_or_else(|_| counted())
        })
    }
}

async fn observe(
    State(edge): State<Edge>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let in_flight = edge.0.metrics.begin();
    let id = edge.request_id(peer, &request);
    let client = ClientAddress::of(peer.ip(), request.headers(), &edge.0.trusted_proxies);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(client);
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);

    let span = tracing::info_span!("request", id = %id);
    let mut response = answer(&edge, &id, request, next).instrument(span.clone()).await;
    if let Some(value) = id.header() {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    // What is JSON or text is never taken for a page, whatever somebody wrote into it.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    drop(in_flight);
    let (status, took) = (response.status(), begun.elapsed());
    edge.0.metrics.answered(&method, route, status, took);
    span.in_scope(|| {
        let (status, micros) = (status.as_u16(), u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        tracing::info!(target: "sallyport::request", %method, route, status, micros, client = %client.0, "answered");
    });
    response
}

async fn answer(edge: &Edge, id: &RequestId, request: Request, next: Next) -> Response {
    if let Err(wrong) = edge.0.hosts.check(request.uri(), request.headers()) {
        return plain(wrong.status(), format!("{wrong}\nRequest id: {id}\n"));
    }
    // Handlers take parts of the address as text.
    if !is_text(request.uri().path()) {
        let text = format!("The address is not percent-encoded UTF-8.\nRequest id: {id}\n");
        return plain(StatusCode::BAD_REQUEST, text);
    }
    // Nothing of ours is used again after a panic but what is shared behind locks that tolerate it.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a handler panicked");
            let text = "Something went wrong on this server. It is not your fault. Please try again.";
            plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{text}\nRequest id: {id}\n"))
        }
    }
}

/// Whether the bytes that a path stands for are UTF-8. A `%` that begins no escape stands for itself.
fn is_text(path: &str) -> bool {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        // `from_str_radix` takes a sign, too.
        let escaped = escaped.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let (byte, read) = match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (byte, 3),
            None => (*first, 1),
        };
        bytes.push(byte);
        rest = rest.get(read..).unwrap_or_default();
    }
    std::str::from_utf8(&bytes).is_ok()
}

fn plain(status: StatusCode, text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, text).into_response()
}
