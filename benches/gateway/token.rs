//! The token endpoint and introspection: Sallyport, whose grants are on the disk when they are answered, beside
//! oidc-provider, which keeps them in memory.
//!
//! The same forms for both, but for their addresses and what they made themselves: codes with PKCE and refresh tokens of a
//! public client, client credentials by `client_secret_basic`, opaque access tokens for one resource.

mod codes;
mod errand;
mod provider;
pub(crate) mod report;
mod server;

use super::{
    CONNECTIONS,
    load::{Measured, Window},
    site::Site,
};
pub(crate) use errand::run;
use provider::Provider;
use server::Server;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An authorization code for tokens. Codes were made before.
    Code,
    /// A refresh token for its successor, each connection with a login of its own.
    Refresh,
    /// A machine's access token.
    Credentials,
    /// What an access token is worth, each connection about one of its own.
    Introspection,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Code, Self::Refresh, Self::Credentials, Self::Introspection];
}

/// The servers that are compared, the first of them with the second.
pub(crate) struct Bench {
    servers: Vec<Server>,
    /// Which oidc-provider, on which Node.js.
    version: String,
}

/// What one round saw.
pub(crate) struct Round(Vec<Sample>);

struct Sample {
    server: usize,
    kind: Kind,
    column: usize,
    measured: Measured,
}

impl Round {
    fn of(&self, server: usize, kind: Kind, column: usize) -> Option<&Measured> {
        let is = |sample: &&Sample| (sample.server, sample.kind, sample.column) == (server, kind, column);
        self.0.iter().find(is).map(|sample| &sample.measured)
    }
}

impl Bench {
    /// Sallyport's first node and oidc-provider, and another node if it is given.
    pub(crate) async fn start(site: &Site, beside: Option<usize>) -> Self {
        let provider = Provider::start();
        let version = provider.version.clone();
        let mut servers = vec![Server::sallyport(site, 0, "Sallyport").await, Server::provider(provider)];
        if let Some(node) = beside {
            servers.push(Server::sallyport(site, node, "beside").await);
        }
        Self { servers, version }
    }

    /// Measures everything once. Each round begins with another server, and every second one with the most connections.
    pub(crate) async fn round(&mut self, number: u32, window: Window) -> Round {
        let mut columns: Vec<usize> = (0..CONNECTIONS.len()).collect();
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        order.rotate_left(number as usize % self.servers.len());
        if number % 2 == 1 {
            columns.reverse();
        }
        let mut samples = Vec::new();
        for kind in Kind::ALL {
            for column in columns.iter().copied() {
                for server in order.iter().copied() {
                    let measured = self.servers[server].measure(kind, CONNECTIONS[column], window).await;
                    samples.extend(measured.map(|measured| Sample { server, kind, column, measured }));
                }
            }
        }
        Round(samples)
    }
}
