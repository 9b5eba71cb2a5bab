//! The parts of a redirect URI, found without changing a byte of it.

use std::ops::Range;

use super::{MAX_BYTES, RedirectKind, schemes::is_scheme};

/// The only hosts that plain `http` may name. Each stands for itself: `localhost` is not `127.0.0.1`.
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// What is wrong with a redirect URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriProblem {
    /// Longer than [`MAX_BYTES`].
    #[error("it is longer than 2048 bytes")]
    TooLong,
    /// Has a character that no URI has, or a `%` without two hexadecimal digits.
    #[error("it has a character that must be percent-encoded")]
    Character,
    /// Has a fragment (RFC 6749 §3.1.2).
    #[error("it has a fragment (#)")]
    Fragment,
    /// Has a `*`: patterns are not supported.
    #[error("it has a wildcard (*); every redirect URI has to be registered in full")]
    Wildcard,
    /// No scheme, or one in upper case.
    #[error("it does not begin with a scheme in lower case, such as https:")]
    NoScheme,
    /// A scheme that the tenant does not allow.
    #[error(
        "the scheme {0} is not allowed here; use https, http on a loopback address, or a scheme with a period such as com.example.app"
    )]
    Scheme(String),
    /// Not of the form `scheme://host/path` or `scheme:/path`.
    #[error("after its scheme it needs // and a host, or for a custom scheme at least a path")]
    NotHierarchical,
    /// User information before the host.
    #[error("it has user information (@) before its host")]
    UserInfo,
    /// Plain `http` to a host that is not this computer.
    #[error("http is for 127.0.0.1, [::1] and localhost only; use https")]
    InsecureHost,
    /// A host in a spelling that would be read as another.
    #[error("its host is not written in its plain form: lower case, no trailing dot, addresses in the usual notation")]
    Host,
    /// A port that is none.
    #[error("its port is not a number from 1 to 65535 without leading zeros")]
    Port,
}

/// Where the parts of a URI lie in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    kind: RedirectKind,
    scheme_end: usize,
    /// Empty where there is none, as in `com.example.app:/done`.
    authority: Range<usize>,
    host_end: usize,
}

// === impl Shape ===

impl Shape {
    /// Reads a URI of a kind that can be a redirect URI. Which custom schemes are allowed is not decided here.
    pub(super) fn of(text: &str) -> Result<Self, RedirectUriProblem> {
        check_characters(text)?;
        let scheme_end = text.find(':').ok_or(RedirectUriProblem::NoScheme)?;
        let (scheme, rest) = (part(text, 0..scheme_end), part(text, scheme_end + 1..text.len()));
        let kind = match scheme {
            "https" => RedirectKind::Web,
            "http" => RedirectKind::Loopback,
            other if is_scheme(other) => RedirectKind::App,
            _ => return Err(RedirectUriProblem::NoScheme),
        };
        let start = text.len() - rest.strip_prefix("//").map_or(rest.len(), str::len);
        let length = if rest.starts_with("//") { part(text, start..text.len()).find(['/', '?']) } else { Some(0) };
        let authority = start..length.map_or(text.len(), |length| start + length);
        if authority.is_empty() && (kind != RedirectKind::App || !rest.starts_with('/')) {
            return Err(RedirectUriProblem::NotHierarchical);
        }
        let host_end = start + check_authority(part(text, authority.clone()), kind)?;
        // Brackets belong to an IPv6 address and to nothing after it.
        if part(text, authority.end..text.len()).contains(['[', ']']) {
            return Err(RedirectUriProblem::Character);
        }
        Ok(Self { kind, scheme_end, authority, host_end })
    }

    pub(super) fn kind(&self) -> RedirectKind {
        self.kind
    }

    pub(super) fn scheme<'a>(&self, text: &'a str) -> &'a str {
        part(text, 0..self.scheme_end)
    }

    /// Host and port.
    pub(super) fn authority<'a>(&self, text: &'a str) -> &'a str {
        part(text, self.authority.clone())
    }

    /// The host alone, an IPv6 address with its brackets.
    pub(super) fn host<'a>(&self, text: &'a str) -> &'a str {
        part(text, self.authority.start..self.host_end)
    }

    /// Scheme and authority: all that comes before the path.
    pub(super) fn head<'a>(&self, text: &'a str) -> &'a str {
        part(text, 0..self.authority.end)
    }

    /// Path and query: all that comes after the port.
    pub(super) fn tail<'a>(&self, text: &'a str) -> &'a str {
        part(text, self.authority.end..text.len())
    }
}

/// All of it is ASCII, so every index is a boundary.
fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// RFC 3986 §2, less what a redirect URI or an attribute of a page must not have.
fn check_characters(text: &str) -> Result<(), RedirectUriProblem> {
    if text.len() > MAX_BYTES {
        return Err(RedirectUriProblem::TooLong);
    }
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'#' => return Err(RedirectUriProblem::Fragment),
            b'*' => return Err(RedirectUriProblem::Wildcard),
            b'%' => {
                let escaped =
                    [bytes.next(), bytes.next()].iter().flatten().filter(|b| b.is_ascii_hexdigit()).count() == 2;
                if !escaped {
                    return Err(RedirectUriProblem::Character);
                }
            }
            _ if byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&()+,;=".contains(&byte) => {}
            _ => return Err(RedirectUriProblem::Character),
        }
    }
    Ok(())
}

/// Checks host and port; returns the length of the host.
fn check_authority(authority: &str, kind: RedirectKind) -> Result<usize, RedirectUriProblem> {
    if authority.contains('@') {
        return Err(RedirectUriProblem::UserInfo);
    }
    let host_length = match authority.find(']') {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = (part(authority, 0..host_length), part(authority, host_length..authority.len()));
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return Err(RedirectUriProblem::Port);
    }
    match kind {
        RedirectKind::Loopback if !LOOPBACK_HOSTS.contains(&host) => Err(RedirectUriProblem::InsecureHost),
        RedirectKind::Web if !is_plain_host(host) => Err(RedirectUriProblem::Host),
        // The host of a custom scheme is only a name, `anysphere.cursor-mcp`; brackets and escapes have no place in it.
        RedirectKind::App if host.contains(['[', ']', '%']) => Err(RedirectUriProblem::Host),
        // A port of nothing.
        RedirectKind::App if host.is_empty() && !authority.is_empty() => Err(RedirectUriProblem::Host),
        _ => Ok(host_length),
    }
}

fn is_port(digits: &str) -> bool {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    plain && digits.parse::<u16>().is_ok()
}

/// Whether a browser reads this host as it is written. Rules out `0x7f.1`, `2130706433`, upper case and escapes.
fn is_plain_host(host: &str) -> bool {
    let parsed = url::Url::parse(&format!("https://{host}/"));
    !host.ends_with('.') && parsed.is_ok_and(|url| url.host_str() == Some(host))
}

/// Names and addresses that always mean this computer.
pub(super) fn is_loopback_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
