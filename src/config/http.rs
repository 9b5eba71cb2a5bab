//! `[http]`

use std::{fmt, time::Duration};

use ipnet::IpNet;

use super::{
    listen::{BadListen, ListenAddress},
    reader::Reader,
    tls::Tls,
};

/// The edge.
#[derive(Clone, Debug)]
pub struct Http {
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed. None: the peer is the client.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS of the public listener. None: plain http, for a balancer in front.
    pub tls: Option<Tls>,
    /// Where `/healthz`, `/readyz` and `/metrics` are. None: nowhere.
    pub operations_listen: Option<ListenAddress>,
    /// How long requests and streams in flight may take to end after a signal to stop.
    pub shutdown: Duration,
    /// How long a client may take for the TLS handshake, and then to say the first bytes.
    pub handshake: Duration,
    /// How long a client may take to send a request's head, counted from the end of the one before. So this also ends
    /// idle connections: a balancer in front must end them earlier, or it meets closed ones.
    pub keep_alive: Duration,
    /// How long a stream may be silent before a comment is sent on it, which keeps proxies patient and finds clients that
    /// are gone.
    pub stream_keepalive: Duration,
    /// Bytes of a request's body at most.
    pub max_body_bytes: usize,
    /// Bytes of a request's head at most.
    pub max_header_bytes: usize,
    /// How deep JSON from outside may be nested.
    pub json_depth: usize,
}

impl Http {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            trusted_proxies: reader.list("http.trusted_proxies", Vec::new(), network),
            tls: Tls::read(reader),
            operations_listen: operations(reader),
            shutdown: reader.duration("http.shutdown_seconds", 1, 30, 0..=3600),
            handshake: reader.duration("http.handshake_seconds", 1, 15, 1..=300),
            keep_alive: reader.duration("http.keep_alive_seconds", 1, 75, 1..=3600),
            stream_keepalive: reader.duration("http.stream_keepalive_seconds", 1, 15, 1..=300),
            max_body_bytes: size(reader.number("http.max_body_bytes", 4 << 20, (16 << 10)..=(64 << 20))),
            max_header_bytes: size(reader.number("http.max_header_bytes", 32 << 10, (8 << 10)..=(1 << 20))),
            json_depth: size(reader.number("http.json_depth", 64, 8..=120)),
        }
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Reads a network, `10.0.0.0/8`, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse().map(|ip: std::net::IpAddr| IpNet::from(ip)));
    let network: IpNet = network.map_err(|_| format!("\"{text}\" is no network such as 10.0.0.0/8 or fd00::/8"))?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(format!("{network} has bits set beyond its prefix; write {}", network.trunc()))
    }
}

enum Operations {
    Off,
    On(ListenAddress),
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On(address) => address.fmt(f),
        }
    }
}

fn operations(reader: &mut Reader) -> Option<ListenAddress> {
    let default = Operations::On(ListenAddress::Socket((std::net::Ipv4Addr::LOCALHOST, 9464).into()));
    let parse = |text: &str| -> Result<Operations, BadListen> {
        if text == "off" { Ok(Operations::Off) } else { ListenAddress::parse(text).map(Operations::On) }
    };
    match reader.value("http.operations_listen", default, parse) {
        Operations::Off => None,
        Operations::On(address) => Some(address),
    }
}
