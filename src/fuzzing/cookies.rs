//! `Cookie`.

use http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::{http::cookies::CookieName, ids::Slug};

/// Lines of `Cookie`: a value is taken if it is there once.
pub(super) fn header(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let headers: HeaderMap = lines.map(|line| (COOKIE, line)).collect();
    let Ok(tenant) = Slug::parse("acme") else { return };
    for name in [CookieName::session(&tenant), CookieName::browser(&tenant)] {
        let Some(value) = name.read(&headers) else { continue };
        assert!(!value.contains(';'), "more than a value");
        let mut twice = headers.clone();
        twice.append(COOKIE, HeaderValue::from_static("__Host-sp-t-acme=x; __Host-sp-b-acme=x"));
        assert_eq!(name.read(&twice), None, "a cookie that is there twice");
    }
}
