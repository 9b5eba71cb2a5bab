//! The browser, before and after anybody logs in: what interactions and forms are bound to.

use http::HeaderMap;

use super::cookies::{CookieName, SetCookie};
use crate::{
    ids::Slug,
    secret::{Entropy, Handle, HandleKind, NoEntropy},
};

/// A browser, known by a handle in a cookie. Says nothing of who sits in front of it.
pub struct Browser {
    handle: Handle,
    name: CookieName,
    fresh: bool,
}

impl Browser {
    /// The browser of this request; a new one where it brings no cookie of ours.
    pub fn ensure(entropy: &Entropy, tenant: &Slug, headers: &HeaderMap) -> Result<Self, NoEntropy> {
        let name = CookieName::browser(tenant);
        let known = name.read(headers).and_then(|text| Handle::parse(HandleKind::Browser, text).ok());
        let fresh = known.is_none();
        let handle = match known {
            Some(handle) => handle,
            None => Handle::generate(HandleKind::Browser, entropy)?,
        };
        Ok(Self { handle, name, fresh })
    }

    /// The cookie to set, if the browser does not have it yet.
    pub fn cookie(&self) -> Option<SetCookie> {
        self.fresh.then(|| self.name.set(&self.handle))
    }

    /// Whether the browser came without a cookie of ours.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The handle itself: what interactions are bound to.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
