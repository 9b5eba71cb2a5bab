//! `X-Forwarded-For` and `Forwarded`.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderValue;
use ipnet::IpNet;

use super::headers as lines;
use crate::http::address::ClientAddress;

/// Strangers choose nothing, and behind a proxy nothing but what it wrote last.
pub(super) fn headers(data: &[u8]) {
    let (mut headers, _) = lines(data);
    headers.retain_forwarding();
    let (proxy, stranger) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([203, 0, 113, 7]));
    let trusted: Vec<IpNet> = "10.0.0.0/8".parse().into_iter().collect();
    assert_eq!(ClientAddress::of(stranger, &headers, &trusted), ClientAddress(stranger), "a stranger was believed");
    let client = ClientAddress::of(proxy, &headers, &trusted);
    let _ = client.network();
    // The proxy adds whom it saw: that is the client, whatever stands further left.
    let seen = Ipv4Addr::new(198, 51, 100, 4);
    headers.remove("forwarded");
    headers.append("x-forwarded-for", HeaderValue::from_static("198.51.100.4"));
    let client = ClientAddress::of(proxy, &headers, &trusted);
    assert!(client.0 == seen || client.0 == proxy, "the left part was believed");
}

trait Forwarding {
    fn retain_forwarding(&mut self);
}

impl Forwarding for http::HeaderMap {
    fn retain_forwarding(&mut self) {
        let others: Vec<_> = self.keys().filter(|name| !name.as_str().contains("forwarded")).cloned().collect();
        others.into_iter().for_each(|name| drop(self.remove(name)));
    }
}
