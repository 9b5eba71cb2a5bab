//! A receiver over HTTP that writes down what it is sent, and answers as a test says.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use http::{HeaderMap, Method, Uri};
use tokio::sync::watch;

use crate::harness::web::{Web, limits};

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

type Reply = Box<dyn FnOnce(Seen) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send>;
type Usual = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

#[derive(Clone)]
struct Desk {
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Sender<usize>,
    next: Arc<Mutex<VecDeque<(String, Reply)>>>,
    usual: Usual,
}

pub(super) struct Receiver {
    desk: Desk,
    web: Web,
}

impl Receiver {
    /// One that answers everything like this, unless it is told something else for once.
    pub(super) fn start(usual: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let desk =
            Desk { seen: Arc::default(), count: watch::Sender::new(0), next: Arc::default(), usual: Arc::new(usual) };
        let router = Router::new().fallback(take).with_state(desk.clone());
        Self { desk, web: Web::serve(router, &limits(), Duration::ZERO) }
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.web.url(path)
    }

    /// What it says to the next request that nothing was said for yet.
    pub(super) fn once(&self, reply: impl FnOnce(&Seen) -> Response + Send + 'static) {
        let reply: Reply = Box::new(move |seen| {
            let response = reply(&seen);
            Box::pin(async move { response })
        });
        self.desk.next.lock().unwrap().push_back((String::new(), reply));
    }

    /// It takes the next request that has this text in it, and answers when this is dropped, as it usually does.
    pub(super) fn hold(&self, text: &str) -> watch::Sender<()> {
        let (sender, mut held) = watch::channel(());
        let usual = self.desk.usual.clone();
        let reply: Reply = Box::new(move |seen| {
            Box::pin(async move {
                while held.changed().await.is_ok() {}
                usual(&seen)
            })
        });
        self.desk.next.lock().unwrap().push_back((text.to_owned(), reply));
        sender
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.desk.seen.lock().unwrap().clone()
    }

    /// Waits until it was asked so often.
    pub(super) async fn asked(&self, times: usize) {
        self.until(|receiver| receiver.seen().len() >= times).await;
    }

    /// Waits until what it was sent is enough.
    pub(super) async fn until(&self, enough: impl Fn(&Self) -> bool) {
        let mut count = self.desk.count.subscribe();
        let asked = count.wait_for(|_| enough(self));
        tokio::time::timeout(Duration::from_secs(60), asked).await.expect("not enough").unwrap();
    }
}

async fn take(State(desk): State<Desk>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let seen = Seen { method, uri, headers, body: String::from_utf8(body.to_vec()).unwrap() };
    desk.seen.lock().unwrap().push(seen.clone());
    let reply = {
        let mut next = desk.next.lock().unwrap();
        let at = next.iter().position(|(text, _)| seen.body.contains(text.as_str()));
        at.and_then(|at| next.remove(at))
    };
    desk.count.send_modify(|count| *count += 1);
    match reply {
        Some((_, reply)) => reply(seen).await,
        None => (desk.usual)(&seen),
    }
}

pub(super) fn answer(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).unwrap()
}
