//! Syslog (RFC 5424) over TLS (RFC 5425), or over plain TCP on this computer.
//!
//! The protocol has no acknowledgement. So a connection takes one batch: it is closed for writing when all is sent, and what tells
//! that the receiver has read everything is that it closes in turn. A receiver that ends before it has read everything resets the
//! connection, and the batch is sent again.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use time::OffsetDateTime;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    BadTarget, DeliverError,
    batch::Batch,
    remote::{CONNECT, reason, tls},
};
use crate::{audit::log::Entry, config::Remote};

/// How long the receiver may take to close after everything was sent.
const CLOSING: Duration = Duration::from_secs(15);
/// Facility 13 (log audit), severity 6 (informational): RFC 5424 §6.2.1.
const PRIORITY: u8 = 13 * 8 + 6;

/// A receiver of syslog messages.
pub(super) struct Syslog {
    host: String,
    port: u16,
    /// None: plain TCP, on this computer.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Who we are.
    hostname: String,
}

impl Syslog {
    pub(super) fn new(name: &str, remote: &Remote, hostname: &str) -> Result<Self, BadTarget> {
        let host = remote.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let tls = if remote.url.scheme() == "tls" {
            let server = ServerName::try_from(host.clone()).map_err(|_| BadTarget::Tls(name.to_owned()))?;
            Some((TlsConnector::from(Arc::new(tls(name, remote)?)), server))
        } else {
            None
        };
        Ok(Self { host, port: remote.url.port().unwrap_or(6514), tls, hostname: hostname.to_owned() })
    }

    /// Sends a batch, and returns when the receiver has read it.
    pub(super) async fn send(&self, batch: &Batch) -> Result<(), DeliverError> {
        let mut bytes = String::new();
        for line in &batch.lines {
            self.frame(&mut bytes, line.at, &line.kind, &line.text);
        }
        self.deliver(bytes.as_bytes()).await
    }

    /// Sends one message.
    pub(super) async fn send_one(&self, at: OffsetDateTime, kind: &str, text: &str) -> Result<(), DeliverError> {
        let mut bytes = String::new();
        self.frame(&mut bytes, at, kind, text);
        self.deliver(bytes.as_bytes()).await
    }

    /// A message with the number of its bytes before it (RFC 5425 §4.3).
    fn frame(&self, out: &mut String, at: OffsetDateTime, kind: &str, text: &str) {
        let time = Entry::time(at);
        let host: String = self.hostname.chars().filter(char::is_ascii_graphic).take(255).collect();
        let kind: String = kind.chars().filter(char::is_ascii_graphic).take(32).collect();
        let kind = if kind.is_empty() { "-" } else { &kind };
        let message = format!("<{PRIORITY}>1 {time} {host} sallyport - {kind} - {text}");
        // Writing to a String does not fail.
        let _ = write!(out, "{} {message}", message.len());
    }

    async fn deliver(&self, bytes: &[u8]) -> Result<(), DeliverError> {
        let away = |error: std::io::Error| DeliverError::Unreachable(reason(&error));
        let connecting = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
            tcp.set_nodelay(true)?;
            match &self.tls {
                Some((connector, server)) => Ok(Err(connector.connect(server.clone(), tcp).await?)),
                None => Ok(Ok(tcp)),
            }
        };
        let connected = tokio::time::timeout(CONNECT, connecting).await.map_err(|_| DeliverError::Late)?;
        match connected.map_err(away)? {
            Ok(plain) => through(plain, bytes).await,
            Err(secure) => through(secure, bytes).await,
        }
    }
}

async fn through(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Result<(), DeliverError> {
    let away = |error: std::io::Error| DeliverError::Unreachable(reason(&error));
    stream.write_all(bytes).await.map_err(away)?;
    stream.shutdown().await.map_err(away)?;
    let closed = async {
        let mut said = [0; 256];
        loop {
            match stream.read(&mut said).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many receivers close without the alert of TLS. Whoever could forge that could as well stop everything.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(away(error)),
            }
        }
    };
    tokio::time::timeout(CLOSING, closed).await.map_err(|_| DeliverError::Late)?
}

impl std::fmt::Debug for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syslog").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}
