//! Forms that only our own pages can send (cross-site request forgery).
//!
//! Each form carries a token: a keyed hash of the browser's cookie, the tenant and the form's purpose. Nothing is stored.
//! Beside it, [`super::origin`] says which page sent the form. `SameSite` cookies are not enough: browsers do not tell
//! ports apart there, so on this computer a page on another port sends our cookies along, and could even set them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;

use super::{
    browser::Browser,
    form::Form,
    origin::{self, ForeignOrigin},
};
use crate::{config::PublicUrl, ids::TenantId, keys::Keyring, secret::same};

#[cfg(test)]
mod tests;

const LABEL: &str = "csrf token";

/// What a form does. A token for one purpose does not pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The login page.
    Login,
    /// The consent page: its answer, and its "Not you?".
    Consent,
    /// The pages of the device flow: the code, the answer, and "Not you?".
    Device,
    /// The pages of a person who is logged in: log out, take a grant back.
    Account,
    /// The page to set a password that a link leads to.
    Link,
    /// The page for a second factor.
    Second,
    /// The console.
    Console,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Consent => "consent",
            Self::Device => "device",
            Self::Account => "account",
            Self::Link => "link",
            Self::Second => "second",
            Self::Console => "console",
        }
    }
}

/// Why a form was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// It came from another page.
    #[error(transparent)]
    Origin(#[from] ForeignOrigin),
    /// The browser did not send the cookie that the form was made for.
    #[error("the browser sent no cookie with the form")]
    NoCookie,
    /// Its token is missing, or was made for another browser, tenant or form.
    #[error("the form was not made for this browser, or is too old")]
    Token,
}

impl Forged {
    /// The word in audit events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Origin(_) => "origin",
            Self::NoCookie => "cookie",
            Self::Token => "token",
        }
    }
}

/// The token of a form, for its hidden field `csrf`.
pub fn token(keyring: &Keyring, tenant: TenantId, browser: &Browser, purpose: Purpose) -> String {
    URL_SAFE_NO_PAD.encode(keyring.keyed(LABEL, &parts(&tenant, browser, purpose)))
}

/// Checks a form that was posted. Every form of every page goes through here before anything else is done with it.
pub fn check(
    keyring: &Keyring,
    public_url: &PublicUrl,
    tenant: TenantId,
    browser: &Browser,
    headers: &HeaderMap,
    form: &Form,
    purpose: Purpose,
) -> Result<(), Forged> {
    origin::check(headers, public_url)?;
    if browser.is_fresh() {
        return Err(Forged::NoCookie);
    }
    let given = form.one("csrf").ok().flatten().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let genuine = keyring.keyed_by_any(LABEL, &parts(&tenant, browser, purpose));
    match given {
        Some(given) if genuine.iter().any(|genuine| same(&given, genuine)) => Ok(()),
        _ => Err(Forged::Token),
    }
}

fn parts<'a>(tenant: &'a TenantId, browser: &'a Browser, purpose: Purpose) -> [&'a [u8]; 3] {
    [tenant.0.as_bytes(), purpose.name().as_bytes(), browser.handle().expose().as_bytes()]
}
