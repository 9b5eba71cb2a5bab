//! The door of the demo: no request passes without a valid token of ours, and none that carries a client's own token.

use std::{io, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::{
    DemoConfig,
    jwks::JwksError,
    jwt::{Claims, TokenError, Verifier},
    sessions::{self, Sessions},
};
use crate::clock::Clock;

/// What every opaque handle of Sallyport begins with, and how many characters must follow before noise counts as one.
const HANDLE_PREFIX: &[u8] = b"sp_";
const HANDLE_TAIL: usize = 20;

/// Why a request is turned away.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the request bears no token")]
    NoToken,
    #[error("the Authorization header is malformed or sent twice")]
    MalformedHeader,
    #[error("an opaque client token arrived here: only the JWT made for this server may")]
    ClientToken,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("no such session")]
    ForeignSession,
}

/// State of [`check`].
pub(super) struct Guard {
    verifier: Verifier,
    sessions: Sessions,
}

impl Guard {
    pub(super) fn new(config: DemoConfig, clock: Clock) -> io::Result<Self> {
        Ok(Self { verifier: Verifier::new(config, clock)?, sessions: Sessions::new() })
    }

    async fn admit(&self, request: &mut Request) -> Result<Arc<Claims>, Refusal> {
        if bears_client_token(request.uri(), request.headers()) {
            return Err(Refusal::ClientToken);
        }
        let claims = Arc::new(self.verifier.verify(bearer(request.headers())?).await?);
        sessions::strip_from_modern(request.headers_mut());
        if !self.sessions.admits(request.headers(), &claims) {
            return Err(Refusal::ForeignSession);
        }
        // Handlers see that the header is there; no log shows what is in it.
        if let Some(value) = request.headers_mut().get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        request.extensions_mut().insert(Arc::clone(&claims));
        Ok(claims)
    }
}

/// The middleware. Verified claims go on as an `Arc<Claims>` in the request's extensions.
pub(super) async fn check(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    match guard.admit(&mut request).await {
        Err(refusal) => refusal.into_response(),
        Ok(claims) => {
            let response = next.run(request).await;
            guard.sessions.remember(response.headers(), &claims);
            response
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = self.to_string();
        match self {
            // RFC 6750, section 3.1: no error code for a request that did not try.
            Self::NoToken => challenge("Bearer".to_owned(), text),
            Self::Token(TokenError::Key(reason)) if !matches!(reason, JwksError::UnknownKey) => {
                tracing::warn!(error = &reason as &dyn std::error::Error, "demo upstream cannot verify tokens");
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], text).into_response()
            }
            Self::ForeignSession => (StatusCode::NOT_FOUND, text).into_response(),
            Self::MalformedHeader | Self::ClientToken | Self::Token(_) => {
                tracing::warn!(reason = text, "demo upstream refused a request");
                challenge(format!("Bearer error=\"invalid_token\", error_description=\"{text}\""), text)
            }
        }
    }
}

fn challenge(value: String, text: String) -> Response {
    let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("Bearer"));
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, value)], text).into_response()
}

/// The token of the only Authorization header.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = all.next().ok_or(Refusal::NoToken)?;
    if all.next().is_some() {
        return Err(Refusal::MalformedHeader);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::MalformedHeader)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::MalformedHeader);
    }
    Ok(token)
}

/// Whether the address or any header has an opaque handle of Sallyport in it.
fn bears_client_token(uri: &Uri, headers: &HeaderMap) -> bool {
    let address = uri.path_and_query().map(|part| part.as_str().as_bytes());
    address.into_iter().chain(headers.values().map(HeaderValue::as_bytes)).any(has_handle)
}

fn has_handle(text: &[u8]) -> bool {
    let handle_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    text.windows(HANDLE_PREFIX.len() + HANDLE_TAIL)
        .any(|window| window.strip_prefix(HANDLE_PREFIX).is_some_and(|tail| tail.iter().all(handle_byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Entropy, Handle, HandleKind};

    #[test]
    fn a_handle_is_found_wherever_it_stands_and_noise_is_not() {
        let handle = Handle::generate(HandleKind::AccessToken, &Entropy::system()).unwrap();
        let handle = handle.expose();
        for text in
            [handle.to_owned(), format!("Bearer {handle}"), format!("a=b; c={handle}; d"), format!("/mcp?t={handle}")]
        {
            assert!(has_handle(text.as_bytes()));
        }
        for text in ["", "sp_", "sp_at_short", "/mcp", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
            assert!(!has_handle(text.as_bytes()), "{text}");
        }
    }
}
