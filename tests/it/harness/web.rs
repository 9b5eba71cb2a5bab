//! A server of ours around any router, and clients for it.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use axum::Router;
use sallyport::{
    config::{Config, Http, Listen, ListenAddress},
    http::server::{Certificate, Shutdown, bind, serve},
};
use tokio::task::JoinHandle;

/// A router being served on 127.0.0.1.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Web {
    /// Serves without TLS.
    pub(crate) fn serve(router: Router, limits: &Http, patience: Duration) -> Self {
        Self::start(router, None, limits, patience)
    }

    /// Serves with TLS.
    pub(crate) fn serve_tls(router: Router, certificate: std::sync::Arc<Certificate>) -> Self {
        Self::start(router, Some(certificate), &limits(), Duration::ZERO)
    }

    fn start(
        router: Router,
        certificate: Option<std::sync::Arc<Certificate>>,
        limits: &Http,
        patience: Duration,
    ) -> Self {
        let listeners: Vec<TcpListener> = bind([ListenAddress::parse("127.0.0.1:0").unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let shutdown = Shutdown::new(patience);
        let (told, limits) = (shutdown.clone(), limits.clone());
        let serving =
            tokio::spawn(async move { serve(router, listeners, certificate.as_deref(), &limits, &told).await });
        Self { address, shutdown, serving }
    }

    /// `http://127.0.0.1:PORT{path}`
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns when serving has ended.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(20), self.serving).await.expect("still serving").unwrap().unwrap();
    }
}

/// The limits of a development installation.
pub(crate) fn limits() -> Http {
    Config::dev("nowhere".as_ref(), Listen::parse("127.0.0.1:1").unwrap()).http
}

/// A client with connections of its own that believes any certificate.
pub(crate) fn client() -> reqwest::Client {
    client_with(|builder| builder)
}

/// As [`client`], with more settings.
pub(crate) fn client_with(more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .timeout(Duration::from_secs(20));
    more(builder).build().unwrap()
}
