//! The two headers in which proxies write down who spoke to them.
//!
//! A chain is read strictly and whole: the left part comes from the client, and must not change how the right is read.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

/// A header that is not of its grammar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Hops from the client to the nearest proxy. None is a hop that gave no address.
pub(super) type Chain = Result<Vec<Option<IpAddr>>, Malformed>;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The addresses of `X-Forwarded-For`, if there is one. Something else between two commas is a hop without an address.
pub(super) fn x_forwarded_for(headers: &HeaderMap) -> Option<Chain> {
    let text = joined(headers, &X_FORWARDED_FOR)?;
    Some(text.map(|text| text.split(',').map(|hop| address(hop.trim())).collect()))
}

/// The `for` addresses of `Forwarded` (RFC 7239 §4), if there is one.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<Chain> {
    Some(joined(headers, &FORWARDED)?.and_then(|text| elements(&text)))
}

/// Several lines of one header are one line with commas (RFC 9110 §5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Result<String, Malformed>> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| line.to_str()).collect();
    if lines.is_empty() {
        return None;
    }
    Some(lines.into_iter().collect::<Result<Vec<_>, _>>().map(|lines| lines.join(",")).map_err(|_| Malformed))
}

/// An address, also with a port, also in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    bare().or_else(with_port).or_else(bracketed).map(|ip| ip.to_canonical())
}

fn elements(text: &str) -> Chain {
    let mut chain = Vec::new();
    let mut hop = None;
    let mut named = false;
    let mut rest = text;
    loop {
        let (pair, after) = pair(rest.trim_start_matches([' ', '\t']))?;
        if let Some((name, value)) = pair
            && name.eq_ignore_ascii_case("for")
        {
            if named {
                return Err(Malformed);
            }
            named = true;
            hop = address(&value);
        }
        let after = after.trim_start_matches([' ', '\t']);
        match after.chars().next() {
            None => {
                chain.push(hop);
                return Ok(chain);
            }
            Some(',') => {
                chain.push(hop.take());
                named = false;
            }
            Some(';') => {}
            Some(_) => return Err(Malformed),
        }
        rest = after.get(1..).unwrap_or_default();
    }
}

/// A parameter and its value, if one is there, and the rest.
type Pair<'a> = (Option<(&'a str, String)>, &'a str);

/// One `name=value` at the start, if there is one, and what follows.
fn pair(text: &str) -> Result<Pair<'_>, Malformed> {
    let (name, rest) = token(text);
    if name.is_empty() {
        return Ok((None, text));
    }
    let rest = rest.strip_prefix('=').ok_or(Malformed)?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => {
            let (value, rest) = token(rest);
            (value.to_owned(), rest)
        }
    };
    if value.is_empty() { Err(Malformed) } else { Ok((Some((name, value)), rest)) }
}

/// A token (RFC 9110 §5.6.2), and what follows.
fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(c));
    text.split_at(end.unwrap_or(text.len()))
}

/// The rest of a quoted string, and what follows.
fn unquote(text: &str) -> Result<(String, &str), Malformed> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => value.push(chars.next().ok_or(Malformed)?.1),
            c => value.push(c),
        }
    }
    Err(Malformed)
}
