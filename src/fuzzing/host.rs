//! `Host`, the target of a request, and `Origin`.

use http::{HeaderMap, HeaderValue, Uri, header::HOST};

use super::line;
use crate::{
    config::PublicUrl,
    http::{host::Hosts, origin},
};

/// A target in the first line, a host in the second, an origin in the third: ours only if it is spelt as ours.
pub(super) fn request(data: &[u8]) {
    let ((target, rest), Ok(public_url)) = (line(data), PublicUrl::parse("https://gw.example")) else { return };
    let (host, rest) = line(rest);
    let (Ok(uri), Ok(host)) = (Uri::try_from(target), HeaderValue::from_bytes(host)) else { return };
    let mut headers = HeaderMap::from_iter([(HOST, host.clone())]);
    if Hosts::of(&public_url).check(&uri, &headers).is_ok() {
        let host = host.to_str().unwrap_or_default().to_ascii_lowercase();
        let (name, port) = host.split_once(':').unwrap_or((&host, "443"));
        assert!(name == "gw.example" && port.trim_start_matches('0') == "443", "another host");
    }
    if let Ok(origin) = HeaderValue::from_bytes(line(rest).0) {
        headers.insert("origin", origin.clone());
        assert_eq!(origin::check(&headers, &public_url).is_ok(), origin == "https://gw.example", "another origin");
    }
}
