//! The gate that every outgoing connection passes: resolve, judge, connect to what was judged.
//!
//! The address that was judged is the address that is connected to, so a name that changes its mind between the two (DNS
//! rebinding) gains nothing. A pooled connection stays where it was made.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::net::TcpStream;

use super::address::{self, Closed};

/// Looks up the addresses of a host name. A parameter, so that tests can play the part of a hostile name server.
#[async_trait::async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why no connection was made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no host.
    #[error("the upstream URL names no host")]
    NoHost,
    /// The name has no address, or the lookup failed.
    #[error("the upstream's name \"{host}\" does not resolve")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The address may not be connected to.
    #[error("the upstream \"{host}\" has the address {address}, which is refused: {reason}")]
    Closed {
        /// The name.
        host: String,
        /// The address.
        address: IpAddr,
        /// Why.
        reason: Closed,
    },
    /// No address of it takes a connection.
    #[error("the upstream \"{host}\" does not take connections")]
    Refused {
        /// The name.
        host: String,
        /// What the last try said.
        source: io::Error,
    },
    /// It took too long.
    #[error("connecting to the upstream took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
}

/// What may be connected to.
#[derive(Clone)]
enum Open {
    /// Only these networks.
    Listed(Arc<[IpNet]>),
    /// All public addresses, and these networks.
    Public(Arc<[IpNet]>),
}

impl Open {
    fn check(&self, address: IpAddr) -> Result<(), Closed> {
        match self {
            Self::Listed(networks) => address::check(address, networks),
            Self::Public(networks) => address::check_public(address, networks),
        }
    }
}

/// Makes TCP connections to allowed addresses only.
#[derive(Clone)]
pub(super) struct Gate {
    open: Open,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
}

impl Gate {
    pub(super) fn new(allow: &[IpNet], resolver: Arc<dyn Resolve>, timeout: Duration) -> Self {
        Self { open: Open::Listed(allow.into()), resolver, timeout }
    }

    /// To public addresses, and to these networks.
    pub(super) fn public(allow: &[IpNet], resolver: Arc<dyn Resolve>, timeout: Duration) -> Self {
        Self { open: Open::Public(allow.into()), resolver, timeout }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let host = uri.host().ok_or(ConnectError::NoHost)?;
        // Brackets belong to the URL, not to the address.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let addresses = self.judged(host).await?;
        let share = self.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
                Ok(Ok(stream)) => {
                    // Small messages should not wait for each other; a socket that cannot do this still works.
                    stream.set_nodelay(true).ok();
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        Err(ConnectError::Refused { host: host.to_owned(), source: last })
    }

    /// The addresses of `host` that may be connected to. One that never may be spoils the whole answer: no honest name
    /// server gives it.
    async fn judged(&self, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let unresolved = |source| ConnectError::Unresolved { host: host.to_owned(), source };
                let found = self.resolver.resolve(host).await.map_err(unresolved)?;
                if found.is_empty() {
                    return Err(unresolved(io::Error::from(io::ErrorKind::NotFound)));
                }
                found
            }
        };
        let mut open = Vec::with_capacity(found.len());
        let mut outside = None;
        for address in found {
            match self.open.check(address) {
                Ok(()) => open.push(address),
                Err(reason) => {
                    let error = ConnectError::Closed { host: host.to_owned(), address, reason };
                    // One that is not public has no place in the answer of an honest name server either.
                    if reason != Closed::Outside {
                        return Err(error);
                    }
                    outside = Some(error);
                }
            }
        }
        match outside {
            Some(error) if open.is_empty() => Err(error),
            _ => Ok(open),
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl tower::Service<Uri> for Gate {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Bounds the time of a whole connection: lookup, TCP and TLS.
#[derive(Clone)]
pub(super) struct Bounded<C> {
    inner: C,
    timeout: Duration,
}

impl<C> Bounded<C> {
    pub(super) fn new(inner: C, timeout: Duration) -> Self {
        Self { inner, timeout }
    }
}

impl<C> tower::Service<Uri> for Bounded<C>
where
    C: tower::Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (timeout, connecting) = (self.timeout, self.inner.call(uri));
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(result) => result,
                Err(_) => Err(ConnectError::TimedOut(timeout).into()),
            }
        })
    }
}
