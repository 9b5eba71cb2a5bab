//! The address of the server, as it was typed: clients compare it byte for byte (RFC 9728 §3.3).

use std::net::IpAddr;

use url::{Host, Url};

/// The address of an MCP server.
#[derive(Clone, Debug)]
pub struct Place {
    text: String,
    url: Url,
}

/// No address of an MCP server.
#[derive(Debug, thiserror::Error)]
pub enum BadAddress {
    /// Not an address at all.
    #[error("it is no URL ({0}); it looks like https://host/mcp")]
    Syntax(#[from] url::ParseError),
    /// Not HTTP.
    #[error("it begins with neither https:// nor http://")]
    Scheme,
    /// More than an address.
    #[error("it must have neither a fragment (#…) nor a name and password before the host (RFC 8707 §2)")]
    Parts,
}

impl Place {
    /// Reads it.
    ///
    /// # Errors
    /// Fails where it is no address over HTTP, or has a fragment or credentials.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let url = Url::parse(text)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BadAddress::Scheme);
        }
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::Parts);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is on this computer.
    pub fn is_here(&self) -> bool {
        is_loopback(&self.url)
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }
}

/// Whether it is this computer.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        None => false,
    }
}

/// Where a well-known document of `url` is: its part stands before the path (RFC 8414 §3.1, RFC 9728 §3.1).
pub(super) fn inserted(url: &Url, name: &str) -> Url {
    let mut at = url.clone();
    let path = url.path().trim_end_matches('/');
    at.set_path(&format!("/.well-known/{name}{path}"));
    at
}

/// The same behind the path (OpenID Connect Discovery §4.1).
pub(super) fn appended(url: &Url, name: &str) -> Url {
    let mut at = url.clone();
    let path = url.path().trim_end_matches('/');
    at.set_path(&format!("{path}/.well-known/{name}"));
    at.set_query(None);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays() {
        assert_eq!(Place::parse("https://MCP.example").unwrap().as_str(), "https://MCP.example");
        for bad in ["mcp.example", "ftp://mcp.example/", "https://a:b@mcp.example/", "https://mcp.example/#x", ""] {
            assert!(Place::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn this_computer_has_many_names() {
        let here = |url| is_loopback(&Url::parse(url).unwrap());
        for url in
            ["http://localhost/", "http://a.localhost:1/", "http://127.9.9.9/", "http://[::1]/", "http://0x7f.1/"]
        {
            assert!(here(url), "{url}");
        }
        assert!(here("http://[::ffff:127.0.0.1]/"));
        for url in ["http://localhost.example/", "http://128.0.0.1/", "http://10.0.0.1/", "http://[::2]/"] {
            assert!(!here(url), "{url}");
        }
    }

    #[test]
    fn well_known_parts_stand_before_or_behind_the_path() {
        let url = Url::parse("https://a.example/t/acme/").unwrap();
        assert_eq!(inserted(&url, "x").as_str(), "https://a.example/.well-known/x/t/acme");
        assert_eq!(appended(&url, "x").as_str(), "https://a.example/t/acme/.well-known/x");
        let root = Url::parse("https://a.example").unwrap();
        assert_eq!(inserted(&root, "x").as_str(), "https://a.example/.well-known/x");
        assert_eq!(inserted(&root, "x"), appended(&root, "x"));
    }
}
