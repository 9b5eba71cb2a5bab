//! An upstream that records every request and answers as it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{future::BoxFuture, stream};
use http::{HeaderMap, Method, StatusCode, Version};
use sallyport::http::server::Certificate;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::web::Web;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    /// The JWT.
    pub(crate) fn jwt(&self) -> &str {
        self.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What to answer. Without orders: an empty result.
pub(crate) enum Reply {
    /// A status, headers and a body.
    Whole(StatusCode, Vec<(&'static str, String)>, String),
    /// Server-sent events as the test sends them; ends with the sender.
    Events(Vec<(&'static str, String)>, mpsc::UnboundedReceiver<String>),
    /// Nothing, until the other side gives up.
    Silence,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Whole(StatusCode::from_u16(status).unwrap(), Vec::new(), String::new())
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Whole(StatusCode::from_u16(status).unwrap(), headers, body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "text/html".to_owned())];
        Self::Whole(StatusCode::from_u16(status).unwrap(), headers, body.to_owned())
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let (Self::Whole(_, headers, _) | Self::Events(headers, _)) = &mut self else {
            unreachable!("silence has no headers")
        };
        headers.push((name, value.to_owned()));
        self
    }

    /// A stream, and where to put its text.
    pub(crate) fn events() -> (Self, mpsc::UnboundedSender<String>) {
        let (send, receive) = mpsc::unbounded_channel();
        (Self::Events(vec![("content-type", "text/event-stream".to_owned())], receive), send)
    }
}

#[derive(Default)]
struct Shared {
    seen: watch::Sender<Vec<Seen>>,
    /// How many answers the other side has let go before their end.
    dropped: watch::Sender<usize>,
    replies: Mutex<VecDeque<Reply>>,
    arrivals: Mutex<VecDeque<BoxFuture<'static, ()>>>,
}

impl Shared {
    fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

/// A running upstream. It stops when dropped.
pub(crate) struct Upstream {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
    _web: Option<Web>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let router = shared.router();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, router) => served.unwrap(),
                () = stopped => {}
            }
        });
        Self { url, shared, _stop: stop.drop_guard(), _web: None }
    }

    /// The same over TLS.
    pub(crate) fn start_tls(certificate: Certificate) -> Self {
        let shared = Arc::new(Shared::default());
        let web = Web::serve_tls(shared.router(), Arc::new(certificate));
        let url = format!("https://{}/mcp", web.address);
        Self { url, shared, _stop: CancellationToken::new().drop_guard(), _web: Some(web) }
    }

    /// Orders the answer to the next request that has none ordered yet.
    pub(crate) fn reply(&self, reply: Reply) {
        self.shared.replies.lock().unwrap().push_back(reply);
    }

    /// Orders what is done when the next request arrives, before it is answered.
    pub(crate) fn at_arrival(&self, look: impl Future<Output = ()> + Send + 'static) {
        self.shared.arrivals.lock().unwrap().push_back(Box::pin(look));
    }

    /// Forgets what was ordered and not used.
    pub(crate) fn forget_orders(&self) {
        self.shared.replies.lock().unwrap().clear();
        self.shared.arrivals.lock().unwrap().clear();
    }

    /// How many requests there were so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.seen.borrow().len()
    }

    /// All requests after the first so many.
    pub(crate) fn seen_since(&self, count: usize) -> Vec<Seen> {
        self.shared.seen.borrow()[count..].to_vec()
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.borrow().clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("the upstream was asked")
    }

    /// Waits until `count` requests have arrived.
    pub(crate) async fn asked(&self, count: usize) {
        self.shared.seen.subscribe().wait_for(|seen| seen.len() >= count).await.unwrap();
    }

    /// Waits until `count` answers were let go before their end.
    pub(crate) async fn dropped(&self, count: usize) {
        self.shared.dropped.subscribe().wait_for(|dropped| *dropped >= count).await.unwrap();
    }
}

/// Counts an answer that is dropped before it is disarmed.
struct Watched(Option<Arc<Shared>>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.dropped.send_modify(|dropped| *dropped += 1);
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let reply = shared.replies.lock().unwrap().pop_front();
    let look = shared.arrivals.lock().unwrap().pop_front();
    if let Some(look) = look {
        look.await;
    }
    let mut watched = Watched(Some(shared.clone()));
    let seen = Seen {
        version: parts.version,
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: body.clone(),
    };
    shared.seen.send_modify(|all| all.push(seen));
    match reply.unwrap_or_else(|| empty_result(&body)) {
        Reply::Silence => std::future::pending().await,
        Reply::Whole(status, headers, body) => {
            watched.0 = None;
            with_headers((status, body).into_response(), headers)
        }
        Reply::Events(headers, events) => {
            let events =
                stream::unfold((events, watched), async |(mut events, mut watched)| match events.recv().await {
                    Some(text) => Some((Ok::<_, std::convert::Infallible>(text), (events, watched))),
                    None => {
                        watched.0 = None;
                        None
                    }
                });
            with_headers(Body::from_stream(events).into_response(), headers)
        }
    }
}

fn with_headers(mut response: Response, headers: Vec<(&'static str, String)>) -> Response {
    response.headers_mut().remove("content-type");
    for (name, value) in headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

fn empty_result(body: &[u8]) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("id") {
        Some(id) => Reply::json(200, &json!({"jsonrpc": "2.0", "id": id, "result": {}})),
        None => Reply::status(202),
    }
}
