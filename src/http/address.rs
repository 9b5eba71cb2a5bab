//! Who a request comes from, as far as it can be known.

mod headers;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, StatusCode, request::Parts};
use ipnet::IpNet;

use headers::{forwarded, x_forwarded_for};

/// The client's address. Handlers take it as an extractor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The peer, or who a trusted proxy says is behind it.
    ///
    /// The addresses that proxies wrote down are read from the right; the first one that is no trusted proxy is the
    /// client. What stands further left was written by the client itself. Proxies write either `X-Forwarded-For` or
    /// `Forwarded` (RFC 7239) and pass the other as it came: where the two disagree, or one is malformed, neither is
    /// believed.
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.to_canonical();
        if !is_trusted(peer, trusted) {
            return Self(peer);
        }
        let chains = [x_forwarded_for(headers), forwarded(headers)];
        let mut clients = chains.into_iter().flatten().map(|chain| match chain {
            Ok(hops) => client(peer, &hops, trusted),
            Err(_) => peer,
        });
        match (clients.next(), clients.next()) {
            (None, _) => Self(peer),
            (Some(one), None) => Self(one),
            (Some(one), Some(other)) => Self(if one == other { one } else { peer }),
        }
    }

    /// What limits count by: an IPv4 address, or an IPv6 network of 64 bits, since one customer has all of it.
    pub fn network(&self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        }
    }
}

/// Whether `peer` may speak for others.
pub(super) fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    trusted.iter().any(|network| network.contains(&peer))
}

/// Goes from the peer to the left while the hop is trusted. A hop without an address ends the way.
fn client(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for hop in hops.iter().rev() {
        match hop {
            Some(hop) if is_trusted(client, trusted) => client = *hop,
            _ => break,
        }
    }
    client
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().copied().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
