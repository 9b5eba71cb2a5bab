//! The three cookies of a tenant's pages.
//!
//! All are `__Host-` cookies, so only this host can set them and only for every path: their names carry the tenant.
//! Browsers take them over http from this computer too, where they do not tell ports apart: see [`super::csrf`] for what
//! protects there.

use axum::response::{IntoResponseParts, ResponseParts};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{COOKIE, SET_COOKIE},
};
use zeroize::Zeroizing;

use crate::{ids::Slug, secret::Handle};

#[cfg(test)]
mod tests;

/// The name of a cookie of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieName {
    /// The login of a person in a tenant.
    pub fn session(tenant: &Slug) -> Self {
        Self(format!("__Host-sp-t-{tenant}"))
    }

    /// A login that waits for a second factor.
    pub fn step(tenant: &Slug) -> Self {
        Self(format!("__Host-sp-l-{tenant}"))
    }

    /// The browser itself, logged in or not.
    pub fn browser(tenant: &Slug) -> Self {
        Self(format!("__Host-sp-b-{tenant}"))
    }

    /// The cookie's value in a request. A cookie that is there twice was not set by us alone, and counts as absent.
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut values = pairs(headers).filter(|(name, _)| *name == self.0).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Sets the cookie until the browser ends. The store decides how long the handle lives.
    pub fn set(&self, handle: &Handle) -> SetCookie {
        SetCookie(Zeroizing::new(format!("{}={}; {ATTRIBUTES}", self.0, handle.expose())))
    }

    /// Takes the cookie away.
    pub fn clear(&self) -> SetCookie {
        SetCookie(Zeroizing::new(format!("{}=; {ATTRIBUTES}; Max-Age=0", self.0)))
    }
}

/// `Lax`, not `Strict`: people come here from their client by a link.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// HTTP/2 may split `Cookie` into several headers (RFC 9113 §8.2.3). One that is no text is passed over.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// A `Set-Cookie` header. Part of an answer; holds a handle, so it prints nowhere.
pub struct SetCookie(Zeroizing<String>);

impl IntoResponseParts for SetCookie {
    type Error = StatusCode;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, StatusCode> {
        let mut value = HeaderValue::from_str(&self.0).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        value.set_sensitive(true);
        parts.headers_mut().append(SET_COOKIE, value);
        Ok(parts)
    }
}
