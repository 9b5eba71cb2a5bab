use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use proptest::prelude::*;

use super::ClientAddress;

fn client(peer: &str, lines: &[(&'static str, &str)]) -> String {
    let trusted: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let lines =
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    let mut headers = HeaderMap::new();
    lines.for_each(|(name, value)| {
        headers.append(name, value);
    });
    ClientAddress::of(peer.parse().unwrap(), &headers, &trusted).0.to_string()
}

#[test]
fn a_stranger_is_not_believed() {
    assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.1");
    assert_eq!(client("192.0.2.1", &[("forwarded", "for=198.51.100.1")]), "192.0.2.1");
    assert_eq!(client("::ffff:192.0.2.1", &[]), "192.0.2.1");
}

#[test]
fn a_trusted_proxy_names_the_client_and_the_client_names_nobody() {
    for (line, found) in [
        ("198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1, 10.0.0.7", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("198.51.100.1:443", "198.51.100.1"),
        ("10.0.0.8", "10.0.0.8"),
        ("1.1.1.1, unknown", "10.0.0.1"),
        ("1.1.1.1, nonsense, 10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", line)]), found, "{line}");
    }
    let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.1")];
    assert_eq!(client("10.0.0.1", &lines), "198.51.100.1");
    assert_eq!(client("::ffff:10.0.0.1", &[("x-forwarded-for", "198.51.100.1")]), "198.51.100.1");
}

#[test]
fn the_standard_header_is_read_too() {
    for (line, found) in [
        ("for=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"),
        ("proto=https; For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("for=1.1.1.1, for=198.51.100.1, for=10.0.0.7", "198.51.100.1"),
        ("for=1.1.1.1, for=_hidden", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ] {
        assert_eq!(client("10.0.0.1", &[("forwarded", line)]), found, "{line}");
    }
}

#[test]
fn two_headers_count_only_where_they_agree() {
    let lines = |a, b| [("x-forwarded-for", a), ("forwarded", b)];
    assert_eq!(client("10.0.0.1", &lines("198.51.100.1", "for=198.51.100.1")), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &lines("198.51.100.1", "for=1.1.1.1")), "10.0.0.1");
}

#[test]
fn limits_count_an_ipv6_network_once() {
    let network = |text: &str| ClientAddress(text.parse().unwrap()).network();
    assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::1"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
}

#[test]
fn quoted_text_is_no_address() {
    for line in [
        "proto=https;For=\"198.51.100.1:4711\" , for=\"[fd00::1]:80\";host=\"a,b;c\"",
        "for=198.51.100.1;host=\"x, for=1.1.1.1\"",
        "for=198.51.100.1;host=\"x\\\", for=1.1.1.1\"",
    ] {
        assert_eq!(client("10.0.0.1", &[("forwarded", line)]), "198.51.100.1", "{line}");
    }
}

#[test]
fn a_malformed_chain_is_not_believed() {
    for line in ["for=\"198.51.100.1", "for", "for=1.1.1.1;for=198.51.100.1", "for=198.51.100.1 x", "=198.51.100.1"] {
        assert_eq!(client("10.0.0.1", &[("forwarded", line)]), "10.0.0.1", "{line}");
    }
}

proptest! {
    #[test]
    fn what_the_client_writes_changes_nothing(own in "[ -~]{0,40}") {
        let line = format!("{own}, 198.51.100.1");
        prop_assert_eq!(client("10.0.0.1", &[("x-forwarded-for", &line)]), "198.51.100.1");
    }

    /// Whatever a client writes, a proxy that appends to it decides: the answer is the client's own address, or, where
    /// the header became malformed, the proxy's. Never an address of the client's choice.
    #[test]
    fn quotes_and_pairs_cannot_hide_the_last_hop(own in "(for=|1\\.1\\.1\\.1|\"|\\\\|;|,|=| |x){0,24}") {
        for hop in ["for=\"198.51.100.1\"", "for=\"198.51.100.1\";by=\"_x\"", "for=198.51.100.1"] {
            let found = client("10.0.0.1", &[("forwarded", &format!("{own},{hop}"))]);
            prop_assert!(["198.51.100.1", "10.0.0.1"].contains(&found.as_str()), "{} for {:?} {}", found, own, hop);
        }
    }

    #[test]
    fn without_trust_headers_mean_nothing(line in "[ -~]{0,60}") {
        let lines = [("x-forwarded-for", line.as_str()), ("forwarded", line.as_str())];
        prop_assert_eq!(client("192.0.2.1", &lines), "192.0.2.1");
    }
}
