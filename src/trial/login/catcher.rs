//! The listener on this computer to which the browser brings the answer (RFC 8252 §7.3).

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{OriginalUri, State},
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderName, StatusCode};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::{Host, Url};

use crate::trial::Redirect;

/// A fuller queue than anybody needs.
const WAITING: usize = 8;

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>sallyport try</title>\
    <body style=\"font: 16px system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem\">\
    <h1 style=\"font-size: 20px\">You can go back to the terminal</h1><p>It has the answer and goes on by itself. \
    This page can be closed.</p>";

/// What the browser brought.
pub(in crate::trial) type Parameters = Vec<(String, String)>;

/// Listens until it is dropped.
#[derive(Debug)]
pub(in crate::trial) struct Catcher {
    uri: String,
    arrived: mpsc::Receiver<Parameters>,
    _serving: DropGuard,
}

struct Door {
    path: String,
    arrived: mpsc::Sender<Parameters>,
}

impl Catcher {
    /// Listens at a loopback address.
    pub(in crate::trial) async fn listen(redirect: &Redirect) -> io::Result<Self> {
        let mut uri = match redirect {
            Redirect::Port(port) => {
                let address = format!("http://127.0.0.1:{port}/callback");
                Url::parse(&address).map_err(io::Error::other)?
            }
            Redirect::Exactly(uri) => uri.clone(),
        };
        let wanted = match redirect {
            Redirect::Port(port) => *port,
            // One without a port takes any (RFC 8252 §7.3).
            Redirect::Exactly(uri) => uri.port().unwrap_or(0),
        };
        let first = match uri.host() {
            Some(Host::Ipv6(_)) => SocketAddr::from((Ipv6Addr::LOCALHOST, wanted)),
            _ => SocketAddr::from((Ipv4Addr::LOCALHOST, wanted)),
        };
        let first = TcpListener::bind(first).await?;
        let port = first.local_addr()?.port();
        let mut listeners = vec![first];
        if let Some(Host::Domain(_)) = uri.host() {
            // A browser may try either; a computer without IPv6 has the one.
            listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await);
        }
        // It has a host, so it can have a port.
        let _ = uri.set_port(Some(port));

        let (tell, arrived) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let door = Arc::new(Door { path: uri.path().to_owned(), arrived: tell });
        for listener in listeners {
            let (app, stop) = (Router::new().fallback(catch).with_state(door.clone()), stop.clone());
            tokio::spawn(async move {
                let serving = axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
                // Nobody waits for it any more.
                let _ = serving.await;
            });
        }
        Ok(Self { uri: uri.into(), arrived, _serving: stop.drop_guard() })
    }

    /// The redirect URI.
    pub(in crate::trial) fn uri(&self) -> &str {
        &self.uri
    }

    /// Drops what came before anybody was sent.
    pub(in crate::trial) fn forget(&mut self) {
        while self.arrived.try_recv().is_ok() {}
    }

    /// The next answer, if one comes in time.
    pub(in crate::trial) async fn next(&mut self, wait: Duration) -> Option<Parameters> {
        tokio::time::timeout(wait, self.arrived.recv()).await.ok().flatten()
    }
}

async fn catch(State(door): State<Arc<Door>>, OriginalUri(uri): OriginalUri) -> Response {
    let query = uri.query().unwrap_or_default();
    let parameters: Parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let is_answer = parameters.iter().any(|(name, _)| name == "code" || name == "error" || name == "state");
    if uri.path() != door.path || !is_answer {
        return (StatusCode::NOT_FOUND, "This is sallyport try, waiting for somebody to log in.\n").into_response();
    }
    // When the queue is full, nobody takes from it.
    let _ = door.arrived.try_send(parameters);
    let headers = [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ];
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value));
    (headers, Html(PAGE)).into_response()
}
