//! `sallyport healthcheck`: for containers, which have no other program to ask with.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;

use super::{CliError, Place, output};
use crate::config::ListenAddress;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport healthcheck --config /etc/sallyport/sallyport.toml
  HEALTHCHECK CMD [\"sallyport\", \"healthcheck\"]      in a Dockerfile

Asks http.operations_listen. Exit codes: 0 it can serve, 1 it cannot.")]
pub(super) struct HealthcheckArgs {
    #[command(flatten)]
    place: Place,
}

/// How long the process may take to answer. Longer than its own checks.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(args: HealthcheckArgs) -> Result<(), CliError> {
    let config = args.place.config()?;
    let listen = config.http.operations_listen.ok_or(CliError::NoOperations)?;
    let url = format!("http://{}/readyz", reachable(listen));
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let asked = async { client?.get(&url).send().await?.error_for_status() };
    asked.await.map_err(|error| CliError::NotReady(error.without_url().to_string()))?;
    output::line("ready")
}

/// An address to connect to. A listener on all addresses is here, too.
fn reachable(listen: ListenAddress) -> SocketAddr {
    let socket = match listen {
        ListenAddress::Localhost(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        ListenAddress::Socket(socket) => socket,
    };
    let ip = match socket.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, socket.port())
}
