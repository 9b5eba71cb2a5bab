//! The address that people and clients know this installation by.

use url::{Host, Url};

/// The base of every identifier: an origin, spelled the one way that makes identifiers byte-stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    authority_at: usize,
}

/// Why a text cannot be the public URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicUrl {
    /// Not a URL with a host.
    #[error("must be an address such as https://mcp.example.com, and is not: {0}")]
    NotUrl(String),
    /// Neither https, nor http on this computer.
    #[error("must begin with https://; http:// is only for localhost, 127.0.0.1 and [::1]")]
    NotSecure,
    /// More than an origin.
    #[error("must be scheme, host and port only: take away the {0}")]
    TooMuch(&'static str),
    /// An origin, in another spelling.
    #[error("must be spelled {0}, byte for byte, since identifiers are built from it")]
    Spelling(String),
}

impl PublicUrl {
    /// Reads an origin: lower case, no default port, no trailing slash.
    pub fn parse(text: &str) -> Result<Self, BadPublicUrl> {
        let url = Url::parse(text).map_err(|error| BadPublicUrl::NotUrl(error.to_string()))?;
        let host = url.host().ok_or_else(|| BadPublicUrl::NotUrl("it names no host".to_owned()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            _ => return Err(BadPublicUrl::NotSecure),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadPublicUrl::TooMuch("user name and password"));
        }
        if url.query().is_some() {
            return Err(BadPublicUrl::TooMuch("query"));
        }
        if url.fragment().is_some() {
            return Err(BadPublicUrl::TooMuch("fragment"));
        }
        if url.path() != "/" {
            return Err(BadPublicUrl::TooMuch("path"));
        }
        if matches!(host, Host::Domain(name) if name.ends_with('.')) {
            return Err(BadPublicUrl::TooMuch("dot at the end of the host"));
        }
        let origin = url.origin().ascii_serialization();
        if origin != text {
            return Err(BadPublicUrl::Spelling(origin));
        }
        Ok(Self { authority_at: url.scheme().len() + "://".len(), text: origin })
    }

    /// `http://localhost:PORT`, the base of a development installation.
    pub fn localhost(port: u16) -> Self {
        let text = if port == 80 { "http://localhost".to_owned() } else { format!("http://localhost:{port}") };
        Self { text, authority_at: "http://".len() }
    }

    /// The base, without a trailing slash: `https://mcp.example.com`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin as browsers send it in `Origin`. Equal to the base, which is nothing more than an origin.
    pub fn origin(&self) -> &str {
        &self.text
    }

    /// Host and port as clients send them in `Host`: `mcp.example.com`, `localhost:8080`.
    pub fn authority(&self) -> &str {
        self.text.get(self.authority_at..).unwrap_or_default()
    }

    /// Whether browsers reach us over TLS.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Whether the host is this computer.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.text).ok().is_some_and(|url| url.host().is_some_and(|host| is_loopback(&host)))
    }
}

impl std::fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => *ip == std::net::Ipv4Addr::LOCALHOST,
        Host::Ipv6(ip) => *ip == std::net::Ipv6Addr::LOCALHOST,
    }
}
