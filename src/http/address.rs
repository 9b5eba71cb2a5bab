//! Which address a request came from.
//!
//! The peer of the connection, unless it is a proxy that the configuration trusts: then the nearest address in the
//! proxies' header that is no such proxy. What stands further left was written by the client itself.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

use crate::app::App;

#[cfg(test)]
mod tests;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client of a request. In the request's extensions, put there by [`note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

// === impl ClientAddress ===

impl ClientAddress {
    /// Finds the client behind `peer`.
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.to_canonical();
        if !is_trusted(peer, trusted) {
            return Self(peer);
        }
        let found = (
            headers.contains_key(FORWARDED).then(|| walk(peer, forwarded(headers), trusted)),
            headers.contains_key(X_FORWARDED_FOR).then(|| walk(peer, x_forwarded_for(headers), trusted)),
        );
        Self(match found {
            (Some(one), None) | (None, Some(one)) => one,
            (Some(one), Some(other)) if one == other => one,
            // A proxy writes one of the two; the other may be the client's own invention.
            _ => peer,
        })
    }

    /// What limits count by: an IPv4 address, or an IPv6 network of 64 bits, since one customer has all of it.
    pub fn network(&self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        }
    }
}

/// Middleware that puts the [`ClientAddress`] into the request's extensions. Without the address of the peer it puts
/// nothing there, and whoever needs one refuses.
pub async fn note(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let trusted = &app.config.http.trusted_proxies;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if let Some(peer) = peer {
        let address = ClientAddress::of(peer, request.headers(), trusted);
        request.extensions_mut().insert(address);
    }
    next.run(request).await
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// From the nearest hop to the farthest, until one is no proxy of ours. An unreadable hop ends the walk at the last
/// that could be read.
fn walk(peer: IpAddr, hops: Vec<Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        match hop {
            Some(address) => nearest = address.to_canonical(),
            None => return nearest,
        }
        if !is_trusted(nearest, trusted) {
            return nearest;
        }
    }
    nearest
}

fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers, &X_FORWARDED_FOR).map(address).collect()
}

/// RFC 7239: `for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let of_element = |element: &str| {
        let mut named = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        let (_, node) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
        address(node.trim().trim_matches('"'))
    };
    elements(headers, &FORWARDED).map(of_element).collect()
}

/// A line that is no text counts as an element that cannot be read.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',').map(str::trim))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    text.parse().ok().or_else(with_port).or_else(bare)
}
