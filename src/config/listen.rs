//! Where a listener opens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::reader::Reader;

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `localhost:PORT`: 127.0.0.1, and ::1 where the machine has it.
    Localhost(u16),
    /// An IP address and port.
    Socket(SocketAddr),
}

impl ListenAddress {
    /// Reads `localhost:8080`, `0.0.0.0:443` or `[::]:443`.
    pub fn parse(text: &str) -> Result<Self, BadListen> {
        if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Ok(Self::Localhost(port));
        }
        text.parse().map(Self::Socket).map_err(|_| BadListen(text.to_owned()))
    }

    /// The port. 0 asks the system for a free one.
    pub fn port(self) -> u16 {
        match self {
            Self::Localhost(port) => port,
            Self::Socket(socket) => socket.port(),
        }
    }

    /// The same place at another port.
    pub fn with_port(self, port: u16) -> Self {
        match self {
            Self::Localhost(_) => Self::Localhost(port),
            Self::Socket(socket) => Self::Socket(SocketAddr::new(socket.ip(), port)),
        }
    }

    /// The sockets this stands for, the one that must open first.
    pub fn sockets(self) -> Vec<SocketAddr> {
        match self {
            Self::Localhost(port) => {
                let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                loopback.map(|ip| SocketAddr::new(ip, port)).to_vec()
            }
            Self::Socket(socket) => vec![socket],
        }
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Socket(socket) => socket.fmt(f),
        }
    }
}

/// A text that names no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be localhost:PORT or IP:PORT, such as 0.0.0.0:8080 or [::]:8080, and \"{0}\" is not")]
pub struct BadListen(String);

/// The addresses of one listener. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    first: ListenAddress,
    more: Vec<ListenAddress>,
}

impl Listen {
    /// One address.
    pub fn on(address: ListenAddress) -> Self {
        Self { first: address, more: Vec::new() }
    }

    /// Reads one address, as the command line takes it.
    pub fn parse(text: &str) -> Result<Self, BadListen> {
        ListenAddress::parse(text).map(Self::on)
    }

    /// All addresses.
    pub fn addresses(&self) -> impl Iterator<Item = ListenAddress> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// The port of the first address.
    pub fn port(&self) -> u16 {
        self.first.port()
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut list = reader.list("listen", vec![ListenAddress::Localhost(8080)], ListenAddress::parse).into_iter();
        match list.next() {
            Some(first) => Self { first, more: list.collect() },
            None => {
                reader.problem("listen", "names no address");
                Self::on(ListenAddress::Localhost(0))
            }
        }
    }
}
