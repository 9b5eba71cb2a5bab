//! An upstream that notes which calls arrived, and keeps some of them waiting.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;
use http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Far longer than anything takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(30);

/// What an event says that was sent after [`CountingUpstream::release`].
pub(crate) const AFTER: &str = "sent after";

/// A running upstream. It stops when dropped.
pub(crate) struct CountingUpstream {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Default)]
struct Shared {
    /// The client that the JWT named, by the id of the call.
    arrived: Mutex<HashMap<u64, String>>,
    /// How many calls and streams have arrived that wait.
    waiting: watch::Sender<usize>,
    /// How often the waiting were released.
    releases: watch::Sender<u64>,
}

impl CountingUpstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(async { axum::serve(listener, router).await.unwrap() }));
        Self { url, shared, _stop: stop.drop_guard() }
    }

    /// Whose call arrived under this id, if one did.
    pub(crate) fn arrived(&self, id: u64) -> Option<String> {
        self.shared.arrived.lock().unwrap().get(&id).cloned()
    }

    /// How many calls and streams that wait have arrived until now.
    pub(crate) fn waiting(&self) -> usize {
        *self.shared.waiting.borrow()
    }

    /// Returns when so many of them have arrived.
    pub(crate) async fn waited_for(&self, count: usize) {
        let mut waiting = self.shared.waiting.subscribe();
        let arrived = tokio::time::timeout(LONG, waiting.wait_for(|waiting| *waiting >= count)).await;
        assert!(arrived.is_ok(), "{} of {count} calls arrived", self.waiting());
    }

    /// Answers the calls that wait, and sends each stream another event.
    pub(crate) fn release(&self) {
        self.shared.releases.send_modify(|releases| *releases += 1);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let call: Value = serde_json::from_slice(&body).unwrap();
    let (id, tool) = (&call["id"], &call["params"]["name"]);
    let mut releases = shared.releases.subscribe();
    releases.borrow_and_update();
    shared.arrived.lock().unwrap().insert(id.as_u64().unwrap(), caller(&headers));
    let waits = tool == WAIT || tool == STREAM;
    shared.waiting.send_if_modified(|waiting| {
        *waiting += usize::from(waits);
        waits
    });
    if tool == STREAM {
        return events(releases);
    }
    if tool == WAIT {
        releases.changed().await.ok();
    }
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": {}})).into_response()
}

/// One event now, and one at each release.
fn events(releases: watch::Receiver<u64>) -> Response {
    let events = stream::unfold((releases, false), async |(mut releases, begun)| {
        let text = if begun {
            releases.changed().await.ok()?;
            AFTER
        } else {
            "begun"
        };
        let message =
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": text}});
        Some((Ok::<_, Infallible>(format!("data: {message}\n\n")), (releases, true)))
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// `client_id` of the JWT.
fn caller(headers: &HeaderMap) -> String {
    let jwt = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["client_id"].as_str().unwrap().to_owned()
}

/// The tool that answers at once.
pub(crate) const ECHO: &str = "echo";
/// No tool: the list of them. It waits for no evidence on its way to the upstream.
pub(crate) const LIST: &str = "tools/list";
/// The tool that answers at the next release.
pub(crate) const WAIT: &str = "wait";
/// The tool whose answer is a stream: an event now, and another at each release.
pub(crate) const STREAM: &str = "stream";
