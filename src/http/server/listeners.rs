//! Opens listening sockets.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
};

use crate::config::ListenAddress;

/// A socket that does not open.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("cannot listen on {0}: another program uses this port; stop that program, or choose another port")]
    Taken(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// How often a port that the system chose for IPv4 may turn out to be taken for IPv6.
const ATTEMPTS: usize = 16;

/// Opens all sockets of `addresses`.
///
/// `localhost` opens 127.0.0.1, and ::1 on the same port where this machine has it.
///
/// # Errors
/// The first socket that does not open. Those that did are closed again.
pub fn bind(addresses: impl IntoIterator<Item = ListenAddress>) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for address in addresses {
        match address {
            ListenAddress::Socket(socket) => listeners.push(open(socket)?),
            ListenAddress::Localhost(port) => listeners.extend(localhost(port)?),
        }
    }
    Ok(listeners)
}

fn localhost(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut attempts = 1..ATTEMPTS;
    loop {
        match both(port) {
            Err(BindError::Taken(_)) if port == 0 && attempts.next().is_some() => {}
            result => return result,
        }
    }
}

fn both(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let v4 = SocketAddr::from(([127, 0, 0, 1], port));
    let first = open(v4)?;
    let port = first.local_addr().map_err(|source| BindError::Other { address: v4, source })?.port();
    let second = match open(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port))) {
        Ok(listener) => Some(listener),
        Err(error @ BindError::Taken(_)) => return Err(error),
        // A machine without IPv6.
        Err(BindError::Other { .. }) => None,
    };
    Ok(std::iter::once(first).chain(second).collect())
}

fn open(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open().map_err(|source: io::Error| match source.kind() {
        ErrorKind::AddrInUse => BindError::Taken(address),
        _ => BindError::Other { address, source },
    })
}
