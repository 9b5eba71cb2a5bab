//! Connections to targets: TLS, and one request over HTTP.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use url::Url;
use zeroize::Zeroizing;

use super::{BadTarget, DeliverError};
use crate::config::Remote;

/// How long connecting may take.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer at most.
const MOST: usize = 4 << 20;

/// What the target's certificate is checked against.
pub(super) fn tls(name: &str, remote: &Remote) -> Result<ClientConfig, BadTarget> {
    let bad = |_| BadTarget::Tls(name.to_owned());
    let mut roots = RootCertStore::empty();
    let own = remote.authorities()?;
    if own.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for authority in own {
        roots.add(authority).map_err(bad)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(bad)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The innermost cause: the only one that says something.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = error;
    while let Some(next) = at.source() {
        at = next;
    }
    at.to_string()
}

/// A target over HTTP.
#[derive(Debug)]
pub(super) struct Web {
    client: reqwest::Client,
    pub url: Url,
    authorization: Option<HeaderValue>,
}

/// What a target answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Web {
    /// With basic authentication where the target has a user, otherwise with `scheme` before the secret.
    pub(super) fn new(name: &str, remote: &Remote, scheme: Option<&str>) -> Result<Self, BadTarget> {
        let bad = || BadTarget::Header(name.to_owned());
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(name, remote)?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent("sallyport");
        let client = builder.build().map_err(|_| BadTarget::Tls(name.to_owned()))?;
        let header = match (&remote.user, &remote.secret, scheme) {
            (Some(user), Some(secret), Some(_)) => {
                let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
                Some(Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
            }
            (None, Some(secret), Some(scheme)) => Some(Zeroizing::new(format!("{scheme} {}", secret.expose()))),
            _ => None,
        };
        let value = header.map(|header| HeaderValue::from_str(&header).map_err(|_| bad())).transpose()?;
        let authorization = value.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Ok(Self { client, url: remote.url.clone(), authorization })
    }

    /// Sends a body to the target's address.
    pub(super) async fn post(&self, content: &'static str, body: String) -> Result<Answer, DeliverError> {
        let headers = [(http::header::CONTENT_TYPE, HeaderValue::from_static(content))];
        self.send(Method::POST, self.url.clone(), headers.into_iter().collect(), body.into()).await
    }

    /// Sends a request. The caller says how long it may take.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, DeliverError> {
        if let Some(value) = &self.authorization {
            headers.insert(http::header::AUTHORIZATION, value.clone());
        }
        let away = |error: reqwest::Error| DeliverError::Unreachable(reason(&error.without_url()));
        let request = self.client.request(method, url).headers(headers).body(body);
        let mut answer = request.send().await.map_err(away)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > MOST {
                return Err(DeliverError::Odd(format!("it has more than {MOST} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// Whether it says that everything went well.
    pub(super) fn success(self) -> Result<Self, DeliverError> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(DeliverError::Refused(format!("status {}", self.status)))
        }
    }
}
