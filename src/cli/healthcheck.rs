//! `sallyport healthcheck`: for containers, which have no other program to ask with.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;
use serde_json::Value;

use super::{CliError, Place, output};
use crate::{config::ListenAddress, http::words::why};

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
    let address = reachable(listen);
    match ask(address).await {
        Ok((true, _)) => output::line("ready"),
        Ok((false, body)) => Err(CliError::NotReady(failing(&body))),
        Err(error) => Err(CliError::NobodyAnswers { address, why: cause(&error) }),
    }
}

/// Whether it can serve, and what it says of that.
async fn ask(address: SocketAddr) -> reqwest::Result<(bool, String)> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client.get(format!("http://{address}/readyz")).send().await?;
    Ok((answer.status().is_success(), answer.text().await?))
}

/// The checks that fail, with their reasons.
fn failing(body: &str) -> String {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let checks = answer.get("checks").and_then(Value::as_object).into_iter().flatten();
    let reasons = checks.filter_map(|(name, outcome)| Some((name, outcome.as_str().filter(|text| *text != "ok")?)));
    let reasons: Vec<String> = reasons.map(|(name, reason)| format!("{name}: {reason}")).collect();
    if reasons.is_empty() { "it does not say why".to_owned() } else { reasons.join("; ") }
}

/// The innermost of what went wrong; the others say only that something did.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer in {} seconds", PATIENCE.as_secs());
    }
    let mut at: &(dyn Error + 'static) = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.downcast_ref().map_or_else(|| at.to_string(), why)
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
