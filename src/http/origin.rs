//! Which page a form was sent from.
//!
//! Browsers say it in `Origin` on every POST, and ours must be there byte for byte. `null` (a sandboxed frame, a page
//! without referrer) is refused: our pages are sent with `Referrer-Policy: same-origin`, so their forms carry an origin.
//! Where `Origin` is missing, `Sec-Fetch-Site` must say `same-origin`; where that is missing too, `Referer` must be on our
//! origin. A request with none of the three comes from a program and not from a browser: nobody's cookies travel with it
//! unasked, and the CSRF token is still checked.

use http::{
    HeaderMap, HeaderName,
    header::{ORIGIN, REFERER},
};

use crate::config::PublicUrl;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The form came from another page than ours, or from one that hides which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form was not sent from a page of this server")]
pub struct ForeignOrigin;

/// Checks where a POST came from.
pub fn check(headers: &HeaderMap, public_url: &PublicUrl) -> Result<(), ForeignOrigin> {
    let ours = match (one(headers, &ORIGIN)?, one(headers, &SEC_FETCH_SITE)?, one(headers, &REFERER)?) {
        (Some(origin), _, _) => origin == public_url.origin(),
        (None, Some(site), _) => site == "same-origin",
        (None, None, Some(referer)) => is_below(referer, public_url.origin()),
        (None, None, None) => true,
    };
    if ours { Ok(()) } else { Err(ForeignOrigin) }
}

/// A header that may be there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ForeignOrigin> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ForeignOrigin),
        (Some(_), Some(_)) => Err(ForeignOrigin),
    }
}

fn is_below(address: &str, origin: &str) -> bool {
    address.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn verdict(pairs: &[(&'static str, &'static str)]) -> bool {
        let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers: HeaderMap = pairs.iter().copied().map(header).collect();
        check(&headers, &PublicUrl::parse("http://localhost:8080").unwrap()).is_ok()
    }

    #[test]
    fn our_own_pages_and_programs_pass() {
        assert!(verdict(&[]));
        assert!(verdict(&[("origin", "http://localhost:8080")]));
        assert!(verdict(&[("origin", "http://localhost:8080"), ("referer", "https://elsewhere.example/")]));
        assert!(verdict(&[("sec-fetch-site", "same-origin")]));
        assert!(verdict(&[("referer", "http://localhost:8080/t/acme/login")]));
    }

    #[test]
    fn everything_else_is_refused() {
        for origin in [
            "null",
            "",
            "http://localhost",
            "http://localhost:8081",
            "https://localhost:8080",
            "http://LOCALHOST:8080",
            "http://localhost:8080/",
            "http://127.0.0.1:8080",
            "http://localhost:8080.evil.example",
        ] {
            assert!(!verdict(&[("origin", origin)]), "{origin}");
            assert!(!verdict(&[("origin", origin), ("sec-fetch-site", "same-origin")]), "{origin}");
        }
        // Another port of this computer is the same site, and still not us.
        for site in ["same-site", "cross-site", "none", ""] {
            assert!(!verdict(&[("sec-fetch-site", site)]), "{site}");
        }
        for referer in ["http://localhost:80801/", "http://localhost:8080@evil.example/", "https://evil.example/", ""] {
            assert!(!verdict(&[("referer", referer)]), "{referer}");
        }
        assert!(!verdict(&[("origin", "http://localhost:8080"), ("origin", "http://localhost:8080")]));
    }
}
