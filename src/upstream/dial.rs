//! The dialer for *configured* upstreams: only networks that the platform allows, no redirects, bounded in time.
//!
//! A tenant's administrator chooses URLs, the platform's operator chooses networks, and this is where the second bounds
//! the first. URLs that a client or an upstream names never come here: see [`super::untrusted`].

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};

use super::{
    connect::{Bounded, ConnectError, Gate, Resolve, SystemResolver},
    outgoing::{Outgoing, is_withheld},
};
use crate::{
    cluster::Still,
    config::{self, TlsError},
};

/// How configured upstreams are reached.
#[derive(Clone, Debug)]
pub struct DialSettings {
    /// Networks that upstreams may live in. Nothing else is connected to; empty means nothing at all.
    pub allow_networks: Vec<IpNet>,
    /// Certificate authorities trusted for upstreams. Empty: the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The longest time for lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest wait from sending a request to the head of its answer.
    pub header_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
}

impl DialSettings {
    /// What the configuration says.
    ///
    /// # Errors
    /// When the file of certificate authorities cannot be used.
    pub fn of(config: &config::Upstream) -> Result<Self, TlsError> {
        Ok(Self {
            allow_networks: config.allow_networks.clone(),
            authorities: config.authorities()?,
            connect_timeout: config.connect_timeout,
            header_timeout: config.response_timeout,
            ..Self::default()
        })
    }
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            authorities: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// Why a request got no answer, told apart by what matters: whether the upstream may have acted on it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection was made. The upstream has seen nothing.
    #[error("not sent: {0}")]
    NotSent(String),
    /// When its turn came, the call was not known to be good any more. The upstream has seen nothing of it.
    #[error("not sent: the call was not known to be good any more")]
    Withheld,
    /// It broke after the request went out, or may have.
    #[error("sent, but no answer came: {0}")]
    MaybeSent(String),
}

/// A text that is no URL of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUpstream {
    /// Not a URL at all.
    #[error("the upstream URL cannot be read; write it like https://mcp.example/path")]
    Unreadable,
    /// Neither http nor https.
    #[error("the upstream URL must begin with https:// or http://")]
    Scheme,
    /// A user name or a password in it.
    #[error("the upstream URL must not hold a user name or password")]
    UserInfo,
    /// A fragment in it.
    #[error("the upstream URL must not have a fragment")]
    Fragment,
}

/// Reads the URL of an upstream.
///
/// # Errors
/// [`BadUpstream`], which says what to change.
pub fn parse_url(text: &str) -> Result<Uri, BadUpstream> {
    uri_of(&url::Url::parse(text).map_err(|_| BadUpstream::Unreadable)?)
}

/// The same of a URL that has been read.
pub(super) fn uri_of(url: &url::Url) -> Result<Uri, BadUpstream> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadUpstream::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadUpstream::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(BadUpstream::Fragment);
    }
    url.as_str().parse().map_err(|_| BadUpstream::Unreadable)
}

type Connector = Bounded<HttpsConnector<Gate>>;

/// Pooled connections to configured upstreams. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    client: Client<Connector, Outgoing>,
    header_timeout: Duration,
}

impl Dialer {
    /// A dialer that asks the operating system for addresses.
    ///
    /// # Errors
    /// If a certificate authority cannot be read.
    pub fn new(settings: &DialSettings) -> Result<Self, rustls::Error> {
        Self::resolving(settings, Arc::new(SystemResolver))
    }

    /// A dialer that asks `resolver`.
    ///
    /// # Errors
    /// If a certificate authority cannot be read.
    pub fn resolving(settings: &DialSettings, resolver: Arc<dyn Resolve>) -> Result<Self, rustls::Error> {
        let gate = Gate::new(&settings.allow_networks, resolver, settings.connect_timeout);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(&settings.authorities)?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(gate);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .http1_max_headers(64)
            .http2_max_header_list_size(32 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .build(Bounded::new(https, settings.connect_timeout));
        Ok(Self { client, header_timeout: settings.header_timeout })
    }

    /// Sends `request`, if `still` says so when the connection is there, and waits for the head of the answer. Redirects come back as answers. Dropping the future, or the
    /// body of the answer, ends the request at the upstream too.
    ///
    /// # Errors
    /// [`SendError`], by whether the upstream may have seen it.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        still: Option<&Still>,
    ) -> Result<Response<Incoming>, SendError> {
        if still.is_some_and(|still| !still.is_good()) {
            return Err(SendError::Withheld);
        }
        let request = request.map(|bytes| Outgoing::new(bytes, still.cloned()));
        match tokio::time::timeout(self.header_timeout, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_withheld(&error) => Err(SendError::Withheld),
            Ok(Err(error)) if error.is_connect() => Err(SendError::NotSent(reason(&error))),
            Ok(Err(error)) => Err(SendError::MaybeSent(reason(&error))),
            Err(_) => {
                let seconds = self.header_timeout.as_secs();
                Err(SendError::MaybeSent(format!("no answer within {seconds} s")))
            }
        }
    }
}

/// The public certificate authorities, and these.
pub(super) fn tls_beside_public(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn tls(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    if authorities.is_empty() {
        return Ok(builder.with_webpki_roots().with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The part of an error that an operator can act on: the gate's own words, else the innermost cause.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = error;
    loop {
        let own = at.downcast_ref::<ConnectError>();
        match (own, at.source()) {
            (Some(own @ (ConnectError::Refused { source, .. } | ConnectError::Unresolved { source, .. })), _) => {
                return format!("{own} ({source})");
            }
            (Some(own), _) => return own.to_string(),
            (None, Some(next)) => at = next,
            (None, None) => return at.to_string(),
        }
    }
}
