//! Addresses that somebody else chose, fit to stand in a link.

use std::fmt;

use thiserror::Error;

/// Schemes that run code, show content of the link's own making or reach into the browser.
const REFUSED: [&str; 8] = ["javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source"];

/// An address that may stand in a link: absolute with a harmless scheme, or a path on this host.
///
/// It is kept byte for byte. Which hosts and schemes a client may use at all is decided where its redirect URIs are
/// matched; this type only makes sure that a link is a link.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeHref(String);

/// Why an address may not stand in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnsafeHref {
    /// It has a control character, white space or a quote in it; browsers drop some of them before they read the scheme.
    #[error("the address has a character in it that an address cannot have; percent-encode it")]
    Character,
    /// Its scheme runs code or carries content of its own.
    #[error("the address has a scheme that a link here may not have")]
    Scheme,
    /// It is neither absolute nor a path that starts with one slash.
    #[error("the address is neither absolute nor a path on this host")]
    Relative,
}

impl SafeHref {
    /// Checks an address.
    ///
    /// # Errors
    /// Says which rule the address breaks.
    pub fn new(address: impl Into<String>) -> Result<Self, UnsafeHref> {
        let address = address.into();
        if address.chars().any(|c| !c.is_ascii_graphic() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\')) {
            return Err(UnsafeHref::Character);
        }
        if address.starts_with('/') && !address.starts_with("//") {
            return Ok(Self(address));
        }
        let (scheme, rest) = address.split_once(':').ok_or(UnsafeHref::Relative)?;
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if !named || rest.is_empty() {
            return Err(UnsafeHref::Relative);
        }
        if REFUSED.iter().any(|refused| scheme.eq_ignore_ascii_case(refused)) {
            return Err(UnsafeHref::Scheme);
        }
        Ok(Self(address))
    }

    /// The address, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeHref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address can carry an authorization code, so it is not for logs.
impl fmt::Debug for SafeHref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafeHref(..)")
    }
}
