//! Answers, in each of their forms. Nobody on the way may keep one.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use serde::Serialize;

use super::question::Place;
use crate::{
    clock::Clock,
    cluster::LiveCall,
    keys::{Jwt, SigningError},
    tenants::{Server, Tenant},
};

/// Where a JWT is for those who see headers only.
const PHANTOM_TOKEN: HeaderName = HeaderName::from_static("phantom-token");

/// RFC 7662 §2.2. Of an inactive token `active` only.
#[derive(Serialize)]
pub(super) struct Facts<'a> {
    active: bool,
    #[serde(flatten)]
    of: Option<Of<'a>>,
}

#[derive(Serialize)]
struct Of<'a> {
    scope: String,
    client_id: &'a str,
    token_type: &'static str,
    exp: i64,
    sub: &'a str,
    aud: &'a str,
    iss: &'a str,
}

impl<'a> Facts<'a> {
    pub(super) fn of((tenant, server): (&'a Tenant, &'a Server), live: Option<&'a LiveCall>) -> Self {
        let of = live.map(|live| {
            let verified = live.verified();
            Of {
                scope: verified.scopes.intersection(server.policy.declared()).to_string(),
                client_id: verified.client.as_str(),
                token_type: "Bearer",
                exp: verified.expires_at.unix_timestamp(),
                sub: &verified.subject,
                aud: &server.resource,
                iss: &tenant.issuer,
            }
        });
        Self { active: of.is_some(), of }
    }
}

/// RFC 9701 §5. Without `sub` and `exp`, so that it never passes for a token; its `aud` is the server's resource, while
/// tokens for it have its `audience`.
#[derive(Serialize)]
struct Envelope<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: &'a Facts<'a>,
}

pub(super) fn json(facts: &Facts<'_>) -> Response {
    kept_by_nobody(Json(facts))
}

pub(super) fn envelope(
    (tenant, server): (&Tenant, &Server),
    facts: &Facts<'_>,
    clock: &Clock,
) -> Result<Response, SigningError> {
    let claims = Envelope { iss: &tenant.issuer, aud: &server.resource, iat: clock.unix(), token_introspection: facts };
    let signed = tenant.signing.sign(server.alg, "token-introspection+jwt", &claims)?;
    let kind = HeaderValue::from_static("application/token-introspection+jwt");
    Ok(kept_by_nobody(([(CONTENT_TYPE, kind)], signed.expose().to_owned())))
}

/// The JWT, or that there is none: what proxies that swap tokens take for "refuse it" and never for "go on".
pub(super) fn jwt(jwt: Option<&Jwt>, place: Place) -> Result<Response, SigningError> {
    Ok(kept_by_nobody(match (jwt, place) {
        (Some(jwt), Place::Body) => {
            let kind = HeaderValue::from_static("application/jwt");
            ([(CONTENT_TYPE, kind)], jwt.expose().to_owned()).into_response()
        }
        (Some(jwt), Place::Header) => {
            let mut value = HeaderValue::try_from(jwt.expose()).map_err(|_| SigningError::Failed)?;
            value.set_sensitive(true);
            [(PHANTOM_TOKEN, value)].into_response()
        }
        (None, Place::Body) => StatusCode::NO_CONTENT.into_response(),
        (None, Place::Header) => StatusCode::FORBIDDEN.into_response(),
    }))
}

fn kept_by_nobody(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
