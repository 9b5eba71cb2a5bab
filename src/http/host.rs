//! Whom a request is meant for.
//!
//! Identifiers come from `public_url` alone, so a request for another host is a mistake or an attack (DNS rebinding) and
//! is not answered.

use http::{HeaderMap, StatusCode, Uri, header::HOST, uri::Authority};

use crate::config::PublicUrl;

/// The hosts that are ours.
#[derive(Clone, Debug)]
pub struct Hosts {
    names: Vec<String>,
    port: u16,
    default_port: u16,
}

/// A request that is not for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongHost {
    /// None, several, or none that can be read.
    #[error("The request must name one host.")]
    Malformed,
    /// Another host.
    #[error("This server does not answer for that host.")]
    Other,
}

impl WrongHost {
    /// 400, or 421 so that a client opens another connection (RFC 9110 §15.5.20).
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Other => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

impl Hosts {
    /// The host of `public_url`; for a loopback one all three names of this computer.
    pub fn of(public_url: &PublicUrl) -> Self {
        let default_port = if public_url.is_https() { 443 } else { 80 };
        let (host, port) =
            split(public_url.authority(), default_port).unwrap_or((public_url.authority(), default_port));
        let names = if public_url.is_loopback() { vec!["localhost", "127.0.0.1", "[::1]"] } else { vec![host] };
        Self { names: names.into_iter().map(str::to_owned).collect(), port, default_port }
    }

    /// Checks `Host`, and the authority of the request's target where there is one (HTTP/2, absolute form).
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), WrongHost> {
        let mut hosts = headers.get_all(HOST).iter();
        let (host, another) = (hosts.next(), hosts.next());
        if another.is_some() {
            return Err(WrongHost::Malformed);
        }
        let host = host.map(|host| host.to_str().map_err(|_| WrongHost::Malformed)).transpose()?;
        let target = uri.authority().map(Authority::as_str);
        if host.is_none() && target.is_none() {
            return Err(WrongHost::Malformed);
        }
        host.into_iter().chain(target).try_for_each(|authority| self.check_one(authority))
    }

    fn check_one(&self, authority: &str) -> Result<(), WrongHost> {
        let (host, port) = split(authority, self.default_port).ok_or(WrongHost::Malformed)?;
        let ours = port == self.port && self.names.iter().any(|name| name.eq_ignore_ascii_case(host));
        if ours { Ok(()) } else { Err(WrongHost::Other) }
    }
}

/// Host and port of `host`, `host:port`, `[::1]` or `[::1]:port`. No user name.
fn split(authority: &str, default_port: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => {
            let (host, port) = authority.split_at(colon);
            let digits = port.get(1..)?;
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (host, if plain { digits.parse().ok()? } else { return None })
        }
        _ => (authority, default_port),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = !host.is_empty() && !host.contains(['@', '/', ' ']) && (bracketed || !host.contains(':'));
    plain.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(public_url: &str, uri: &str, hosts: &[&str]) -> Result<(), WrongHost> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        Hosts::of(&PublicUrl::parse(public_url).unwrap()).check(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn the_public_host_is_ours_in_any_spelling() {
        for host in ["mcp.example.com", "MCP.Example.com", "mcp.example.com:443"] {
            assert_eq!(check("https://mcp.example.com", "/", &[host]), Ok(()), "{host}");
        }
        assert_eq!(check("https://mcp.example.com:8443", "/", &["mcp.example.com:8443"]), Ok(()));
    }

    #[test]
    fn other_hosts_are_misdirected() {
        for host in [
            "evil.example",
            "mcp.example.com:8443",
            "mcp.example.com.evil.example",
            "localhost",
            "192.0.2.1",
            "mcp.example.com.",
        ] {
            assert_eq!(check("https://mcp.example.com", "/", &[host]), Err(WrongHost::Other), "{host}");
        }
        assert_eq!(check("https://mcp.example.com:8443", "/", &["mcp.example.com"]), Err(WrongHost::Other));
    }

    #[test]
    fn a_host_must_be_there_once_and_readable() {
        for hosts in [
            &[][..],
            &["mcp.example.com", "mcp.example.com"],
            &["me@mcp.example.com"],
            &["::1"],
            &["a:b"],
            &["a:"],
            &[""],
        ] {
            assert_eq!(check("https://mcp.example.com", "/", hosts), Err(WrongHost::Malformed), "{hosts:?}");
        }
    }

    #[test]
    fn target_and_host_must_both_be_ours() {
        let url = "https://mcp.example.com";
        assert_eq!(check(url, "https://mcp.example.com/x", &[]), Ok(()));
        assert_eq!(check(url, "https://mcp.example.com/x", &["mcp.example.com"]), Ok(()));
        assert_eq!(check(url, "https://evil.example/x", &["mcp.example.com"]), Err(WrongHost::Other));
        assert_eq!(check(url, "https://mcp.example.com/x", &["evil.example"]), Err(WrongHost::Other));
    }

    #[test]
    fn on_this_computer_all_its_names_are_ours_with_the_port() {
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(check("http://localhost:8080", "/", &[host]), Ok(()), "{host}");
        }
        for host in ["localhost", "localhost:8081", "evil.example:8080", "localhost.evil.example:8080"] {
            assert_eq!(check("http://localhost:8080", "/", &[host]), Err(WrongHost::Other), "{host}");
        }
    }
}
