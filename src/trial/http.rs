//! HTTP as a careful client speaks it: no redirects, bounded bodies and waits, and reasons in words.

use std::{error::Error, io, time::Duration};

use futures_util::StreamExt as _;
use http::HeaderMap;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, StatusCode, header};
use url::Url;

use super::{
    place::is_loopback,
    report::amount,
    rules::{self, Rule},
};
use crate::http::words::why;

/// Documents and lists of tools are smaller.
const LARGEST: usize = 4 << 20;

/// How to reach servers.
#[derive(Debug)]
pub struct HttpOptions {
    /// How long one answer may take.
    pub patience: Duration,
    /// Certificates of authorities that this computer does not know, in PEM.
    pub authorities: Option<Vec<u8>>,
    /// Whether plain HTTP is accepted beyond this computer.
    pub insecure: bool,
    /// Whether the server is on this computer: only then may it point to others there.
    pub here: bool,
}

/// No client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The authorities are no certificates.
    #[error("--ca-file holds no certificates in PEM")]
    Authorities,
    /// Anything else, such as a system without certificates.
    #[error("cannot speak TLS: {}", innermost(.0))]
    Build(reqwest::Error),
}

/// A client.
#[derive(Debug)]
pub struct Http {
    /// Through the proxy that the system names, if it names one.
    out: Client,
    /// To this computer, without.
    here: Client,
    options: HttpOptions,
}

/// An answer that came whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why none came.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) rule: &'static Rule,
    pub(super) why: String,
}

impl Http {
    /// A client.
    ///
    /// # Errors
    /// Fails where the authorities are none, or the system has no certificates at all.
    pub fn new(options: HttpOptions) -> Result<Self, ClientError> {
        let authorities = match options.authorities.as_deref() {
            None => Vec::new(),
            Some(pem) => match reqwest::Certificate::from_pem_bundle(pem) {
                Ok(authorities) if !authorities.is_empty() => authorities,
                _ => return Err(ClientError::Authorities),
            },
        };
        let builder = || -> ClientBuilder {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("sallyport-try/", env!("CARGO_PKG_VERSION")))
                .tls_certs_merge(authorities.clone())
        };
        let out = builder().build().map_err(ClientError::Build)?;
        let here = builder().no_proxy().build().map_err(ClientError::Build)?;
        Ok(Self { out, here, options })
    }

    /// Whether a person's browser or this client may be sent there.
    pub(super) fn may_go(&self, url: &Url) -> Result<(), Failed> {
        let here = is_loopback(url);
        let refused = |rule, why| Err(Failed { rule, why });
        match url.scheme() {
            "https" | "http" if here && !self.options.here => refused(
                &rules::OTHER_WORLD,
                format!("{url} is this computer, and the server that names it is not: it is not asked."),
            ),
            "https" => Ok(()),
            "http" if here || self.options.insecure => Ok(()),
            "http" => refused(
                &rules::PLAIN_HTTP,
                format!(
                    "{url} is plain HTTP, where everybody on the way reads the tokens: it is not asked (--insecure-http)."
                ),
            ),
            other => {
                refused(&rules::PLAIN_HTTP, format!("{url} begins with \"{other}:\", not with https: it is not asked."))
            }
        }
    }

    pub(super) fn get(&self, url: &Url) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    pub(super) fn post(&self, url: &Url) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    pub(super) fn delete(&self, url: &Url) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let client = if is_loopback(url) { &self.here } else { &self.out };
        client.request(method, url.clone()).header(header::ACCEPT, "application/json")
    }

    /// Sends it and waits for the whole answer.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, Failed> {
        self.send_until(request, |_, _| false).await
    }

    /// Sends it, and reads the answer until `enough` has been read: a stream may stay open.
    pub(super) async fn send_until(
        &self,
        request: RequestBuilder,
        enough: impl Fn(&HeaderMap, &[u8]) -> bool,
    ) -> Result<Answer, Failed> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| no_answer("the request", &error))?;
        self.may_go(request.url())?;
        let asked = format!("{} {}", request.method(), without_query(request.url()));
        let patience = self.options.patience;
        let answer = tokio::time::timeout(patience, read(&client, request, &asked, enough)).await;
        answer.unwrap_or_else(|_| {
            let why = format!("{asked} was not answered in {} (--timeout).", amount(patience.as_secs(), "second"));
            Err(Failed { rule: &rules::SLOW, why })
        })
    }
}

async fn read(
    client: &Client,
    request: reqwest::Request,
    asked: &str,
    enough: impl Fn(&HeaderMap, &[u8]) -> bool,
) -> Result<Answer, Failed> {
    let response = client.execute(request).await.map_err(|error| no_answer(asked, &error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| no_answer(asked, &error))?);
        if body.len() > LARGEST {
            let why = format!("The answer to {asked} does not end after {} MiB.", LARGEST >> 20);
            return Err(Failed { rule: &rules::ENDLESS, why });
        }
        if enough(&headers, &body) {
            break;
        }
    }
    Ok(Answer { status, headers, body })
}

impl Answer {
    /// A header as text; empty where it is none.
    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The media type, in lower case and without parameters.
    pub(super) fn media_type(&self) -> String {
        let value = self.header(header::CONTENT_TYPE);
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether it is a page for people.
    pub(super) fn is_page(&self) -> bool {
        self.media_type() == "text/html" || self.body.trim_ascii_start().starts_with(b"<")
    }

    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What an error's body says, in a few words: OAuth's or JSON-RPC's members.
    pub(super) fn said(&self) -> String {
        let Some(body) = self.json() else {
            return if self.is_page() { ", with a page for people".to_owned() } else { String::new() };
        };
        let texts =
            ["/error", "/error_description", "/error/code", "/error/message"].map(|pointer| body.pointer(pointer));
        let texts: Vec<String> = texts
            .into_iter()
            .flatten()
            .filter(|value| value.is_string() || value.is_number())
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        if texts.is_empty() { String::new() } else { format!(": {}", texts.join(": ")) }
    }
}

/// An address without what can hold a secret.
pub(super) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

fn no_answer(asked: &str, error: &reqwest::Error) -> Failed {
    match tls(error) {
        Some(why) => Failed { rule: &rules::TLS, why: format!("{asked}: {why}") },
        None => Failed { rule: &rules::NO_ANSWER, why: format!("{asked} got no answer: {}.", innermost(error)) },
    }
}

/// What an error comes from. What an `io::Error` wraps, its own `source` skips.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The innermost of what went wrong; the others say only that something did.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(source) = below(at) {
        at = source;
    }
    at.downcast_ref().map_or_else(|| at.to_string(), why)
}

/// What is wrong with the certificate, and what to do.
fn tls(error: &(dyn Error + 'static)) -> Option<String> {
    use rustls::{CertificateError as Bad, Error as Tls};
    let found =
        std::iter::successors(Some(error), |error| below(*error)).find_map(|error| error.downcast_ref::<Tls>())?;
    Some(match found {
        Tls::InvalidCertificate(Bad::UnknownIssuer) => {
            "nobody whom this computer trusts has signed its certificate. The server \
            leaves out an intermediate certificate, or it has one of its own (--ca-file)."
                .to_owned()
        }
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => "its certificate has expired.".to_owned(),
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another host.".to_owned()
        }
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is one of an authority (CA:TRUE), not one for a server.".to_owned()
        }
        other => {
            let text = other.to_string();
            format!("TLS failed: {}.", text.split(" {").next().unwrap_or_default())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_where_a_stranger_wants_them() {
        // reqwest panics where it finds no provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = |insecure, here| {
            let patience = Duration::from_secs(1);
            Http::new(HttpOptions { patience, authorities: None, insecure, here }).unwrap()
        };
        let refused =
            |http: &Http, url: &str| http.may_go(&Url::parse(url).unwrap()).err().map(|failed| failed.rule.code);
        let (far, here, insecure) = (http(false, false), http(false, true), http(true, false));
        for (url, of_far, of_here, of_insecure) in [
            ("https://mcp.example/", None, None, None),
            ("http://mcp.example/", Some("plain-http"), Some("plain-http"), None),
            ("http://localhost:1/", Some("points-to-loopback"), None, Some("points-to-loopback")),
            ("https://[::1]/", Some("points-to-loopback"), None, Some("points-to-loopback")),
            ("javascript:alert(1)", Some("plain-http"), Some("plain-http"), Some("plain-http")),
            ("file:///etc/passwd", Some("plain-http"), Some("plain-http"), Some("plain-http")),
        ] {
            let got = [&far, &here, &insecure].map(|http| refused(http, url));
            assert_eq!(got, [of_far, of_here, of_insecure], "{url}");
        }
    }
}
