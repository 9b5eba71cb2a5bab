//! The dialer for *untrusted* addresses: those that a client or an upstream names (client ID metadata documents, key sets).
//!
//! Whoever names an address must learn nothing and move nothing that they could not reach themselves. So: https only; public
//! addresses only, judged after the lookup, and the connection goes to the address that was judged; no redirects, no cookies, no
//! credentials; small answers in little time; a budget for each origin and tenant; who asks for the same waits for one answer.

mod budget;
mod flights;
mod freshness;

use std::{net::IpAddr, sync::Arc, time::Duration};

use budget::Budget;
use bytes::Bytes;
use flights::Flights;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    connect::{Bounded, Gate, Resolve, SystemResolver},
    dial::{reason, tls_beside_public},
};
use crate::{
    config::{self, TlsError},
    ids::TenantId,
};

/// The longest time for lookup, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest time for all of it, the body included.
const WHOLE: Duration = Duration::from_secs(5);
const AGENT: &str = concat!("sallyport/", env!("CARGO_PKG_VERSION"));

/// How untrusted addresses are reached.
#[derive(Clone, Debug, Default)]
pub struct UntrustedSettings {
    /// Networks that may be asked beside all public addresses.
    pub allow_networks: Vec<IpNet>,
    /// Certificate authorities trusted beside the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl UntrustedSettings {
    /// What the configuration says.
    ///
    /// # Errors
    /// When the file of certificate authorities cannot be used.
    pub fn of(config: &config::Untrusted) -> Result<Self, TlsError> {
        Ok(Self { allow_networks: config.allow_networks.clone(), authorities: config.authorities()? })
    }
}

/// On whose behalf something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Somebody in this network named the address, and nothing came of it before.
    Stranger(IpAddr),
    /// It belongs to a client that is known. What strangers name meanwhile does not keep it waiting.
    Known,
    /// An administrator wrote the address down, and people who log in need it.
    Configured,
}

/// What came: a JSON text of a size that was allowed.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The body.
    pub body: Bytes,
    /// How long it may be kept, within bounds.
    pub fresh: Duration,
}

/// Why nothing came. What is for the log only does not say more to whoever named the address.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// Too much is being fetched, of that origin or for that tenant.
    #[error("too much is being fetched from there at this moment")]
    Busy,
    /// No usable connection, or no answer in time.
    #[error("it cannot be reached")]
    Unreached(String),
    /// An answer that is none of use.
    #[error("{0}")]
    Answer(&'static str),
}

impl FetchError {
    /// What an operator may know.
    pub fn detail(&self) -> &str {
        match self {
            Self::Unreached(detail) => detail,
            Self::Busy => "busy",
            Self::Answer(what) => what,
        }
    }
}

type Connector = Bounded<HttpsConnector<Gate>>;

/// Fetches what strangers name. Cheap to clone.
#[derive(Clone)]
pub struct Untrusted {
    client: Client<Connector, Full<Bytes>>,
    budget: Arc<Budget>,
    flights: Arc<Flights>,
    /// Of strangers: who is known shares no refusal with them.
    of_strangers: Arc<Flights>,
}

impl std::fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Untrusted")
    }
}

impl Untrusted {
    /// A dialer that asks the operating system for addresses.
    ///
    /// # Errors
    /// If a certificate authority cannot be read.
    pub fn new(settings: &UntrustedSettings) -> Result<Self, rustls::Error> {
        Self::resolving(settings, Arc::new(SystemResolver))
    }

    /// A dialer that asks `resolver`.
    ///
    /// # Errors
    /// If a certificate authority cannot be read.
    pub fn resolving(settings: &UntrustedSettings, resolver: Arc<dyn Resolve>) -> Result<Self, rustls::Error> {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls_beside_public(&settings.authorities)?)
            .https_only()
            .enable_all_versions()
            .wrap_connector(Gate::public(&settings.allow_networks, resolver, CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            // A connection serves one request: what was judged for one is not used for another.
            .pool_max_idle_per_host(0)
            .http1_max_headers(64)
            .http2_max_header_list_size(32 * 1024)
            .build(Bounded::new(https, CONNECT));
        Ok(Self { client, budget: Arc::default(), flights: Arc::default(), of_strangers: Arc::default() })
    }

    /// Fetches a JSON text of at most `most` bytes on behalf of a tenant. Who asks for the same at the same time gets the same
    /// answer; an error is not kept any longer.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(&self, asker: Asker, tenant: TenantId, url: &Url, most: usize) -> Result<Fetched, FetchError> {
        let (this, address) = (self.clone(), url.clone());
        let flights = if matches!(asker, Asker::Stranger(_)) { &self.of_strangers } else { &self.flights };
        let fetch = async move { this.alone(asker, tenant, &address, most).await };
        flights.join((tenant, url.as_str().to_owned()), fetch).await
    }

    async fn alone(&self, asker: Asker, tenant: TenantId, url: &Url, most: usize) -> Result<Fetched, FetchError> {
        let origin = url.origin().ascii_serialization();
        let _room = self.budget.enter(asker, tenant, &origin).ok_or(FetchError::Busy)?;
        let outcome = match tokio::time::timeout(WHOLE, self.get(url, most)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FetchError::Unreached(format!("no answer within {} s", WHOLE.as_secs()))),
        };
        if let Err(error) = &outcome {
            let origin = url.origin().ascii_serialization();
            tracing::info!(origin, error = error.detail(), "what a stranger named was not fetched");
        }
        outcome
    }

    /// Posts a form and gives back what comes, whatever its status: for the endpoints of those who were judged before, such as
    /// an identity provider. The same gate and budget; nothing is shared, and no redirect is followed.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn post(
        &self,
        asker: Asker,
        tenant: TenantId,
        request: Request<Vec<u8>>,
        most: usize,
    ) -> Result<Response<Vec<u8>>, FetchError> {
        let url =
            Url::parse(&request.uri().to_string()).map_err(|_| FetchError::Answer("its address cannot be asked"))?;
        let _room = self.budget.enter(asker, tenant, &url.origin().ascii_serialization()).ok_or(FetchError::Busy)?;
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        match tokio::time::timeout(WHOLE, self.answer(request, most)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FetchError::Unreached(format!("no answer within {} s", WHOLE.as_secs()))),
        }
    }

    async fn answer(&self, request: Request<Full<Bytes>>, most: usize) -> Result<Response<Vec<u8>>, FetchError> {
        let answer = self.client.request(request).await.map_err(|error| FetchError::Unreached(reason(&error)))?;
        let (head, body) = answer.into_parts();
        if head.status.is_redirection() {
            return Err(FetchError::Answer("the answer is a redirect, which is not followed"));
        }
        let body = read(body, most).await?;
        Ok(Response::from_parts(head, body.into()))
    }

    async fn get(&self, url: &Url, most: usize) -> Result<Fetched, FetchError> {
        let request = Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, AGENT)
            .body(Full::default())
            .map_err(|_| FetchError::Answer("its address cannot be asked"))?;
        let answer = self.client.request(request).await.map_err(|error| FetchError::Unreached(reason(&error)))?;
        let (head, body) = answer.into_parts();
        judge(head.status, &head.headers)?;
        Ok(Fetched { body: read(body, most).await?, fresh: freshness::of(&head.headers) })
    }
}

async fn read(body: Incoming, most: usize) -> Result<Bytes, FetchError> {
    let body = Limited::new(body, most).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
        true => FetchError::Answer("the answer is too large"),
        false => FetchError::Unreached(error.to_string()),
    })?;
    Ok(body.to_bytes())
}

/// Whether a body is worth reading.
fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), FetchError> {
    if status.is_redirection() {
        return Err(FetchError::Answer("the answer is a redirect, which is not followed"));
    }
    if status != StatusCode::OK {
        return Err(FetchError::Answer("the answer is not 200"));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(FetchError::Answer("the answer is compressed, which was not asked for"));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(one), None) if is_json(one) => Ok(()),
        _ => Err(FetchError::Answer("the answer is not of the type application/json")),
    }
}

/// `application/json`, or `application/…+json`.
fn is_json(value: &HeaderValue) -> bool {
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sub = essence.strip_prefix("application/").unwrap_or_default();
    sub == "json" || sub.strip_suffix("+json").is_some_and(|kind| !kind.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&'static str, &str)]) -> Result<(), String> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        pairs.for_each(|(name, value)| _ = map.append(name, value));
        judge(StatusCode::from_u16(status).unwrap(), &map).map_err(|error| error.to_string())
    }

    #[test]
    fn only_json_with_200_is_read() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/client+json"] {
            assert_eq!(judged(200, &[("content-type", good)]), Ok(()), "{good}");
        }
        for bad in ["text/html", "application/", "application/+json", "text/json", "application/jsonp", ""] {
            assert!(judged(200, &[("content-type", bad)]).is_err(), "{bad}");
        }
        let json = ("content-type", "application/json");
        assert!(judged(200, &[]).is_err() && judged(200, &[json, json]).is_err());
        assert!(judged(200, &[json, ("content-encoding", "gzip")]).is_err());
        for status in [201, 203, 204, 206, 301, 302, 304, 307, 308, 400, 404, 500] {
            assert!(judged(status, &[json]).is_err(), "{status}");
        }
    }
}
