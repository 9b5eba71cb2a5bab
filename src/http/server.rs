//! Serves a router on sockets: HTTP/1.1 and HTTP/2, with or without TLS, until told to stop.

mod certificate;
mod first_bytes;
mod listeners;
mod shutdown;

use std::{io, net::SocketAddr, net::TcpListener};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::AddExtension,
};
use axum_server::{
    Handle, Server,
    accept::{Accept, NoDelayAcceptor},
    service::SendService,
    tls_rustls::RustlsAcceptor,
};
use hyper::body::Incoming;
use hyper_util::rt::TokioTimer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};

pub use certificate::{Certificate, CertificateError};
pub use listeners::{BindError, bind};
pub use shutdown::Shutdown;

use crate::config::Http;
use first_bytes::FirstBytes;

/// Serves `router` on all `listeners`. Handlers can ask for `ConnectInfo<SocketAddr>`.
///
/// When `shutdown` begins, no connection is accepted any more, idle ones close, and requests and streams in flight may
/// end within its limit; then they are cut.
///
/// # Errors
/// When a listener fails. The others then end at once.
pub async fn serve(
    router: Router,
    listeners: Vec<TcpListener>,
    certificate: Option<&Certificate>,
    limits: &Http,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let mut servers = JoinSet::new();
    let mut handles = Vec::new();
    for listener in listeners {
        let handle = Handle::new();
        handles.push(handle.clone());
        let server = axum_server::from_tcp(listener)?.handle(handle);
        let (router, limits) = (router.clone(), limits.clone());
        match certificate {
            None => servers.spawn(run(server.acceptor(NoDelayAcceptor::new()), router, limits)),
            Some(certificate) => {
                let tls = RustlsAcceptor::new(certificate.current()).handshake_timeout(limits.handshake);
                servers.spawn(run(server.acceptor(tls.acceptor(NoDelayAcceptor::new())), router, limits))
            }
        };
    }
    tokio::select! {
        ended = all(servers) => ended,
        () = stop(&handles, shutdown) => Ok(()),
    }
}

/// Passes the signals on. Ends only after the servers have: they are told to end, not dropped.
async fn stop(handles: &[Handle<SocketAddr>], shutdown: &Shutdown) {
    shutdown.begun().await;
    for handle in handles {
        handle.graceful_shutdown(Some(shutdown.limit()));
    }
    shutdown.cut_short().await;
    for handle in handles {
        handle.shutdown();
    }
    std::future::pending().await
}

async fn all(mut servers: JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(server) = servers.join_next().await {
        server.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn run<A>(server: Server<SocketAddr, A>, router: Router, limits: Http) -> io::Result<()>
where
    A: Accept<TcpStream, AddExtension<Router, ConnectInfo<SocketAddr>>> + Clone + Send + Sync + 'static,
    A::Stream: AsyncRead + AsyncWrite + Unpin + Send,
    A::Service: SendService<Request<Incoming>> + Send,
    A::Future: Send + 'static,
{
    let mut server = server.map(|acceptor| FirstBytes::new(acceptor, limits.handshake));
    let head = u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX);
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.keep_alive)
        .max_buf_size(limits.max_header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(head)
        // A peer that is gone is found out, so that its streams end.
        .keep_alive_interval(limits.handshake)
        .keep_alive_timeout(limits.handshake);
    server.serve(router.into_make_service_with_connect_info::<SocketAddr>()).await
}
