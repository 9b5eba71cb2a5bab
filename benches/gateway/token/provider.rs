//! oidc-provider, by the program in benches/oidc-provider.

use std::{net::SocketAddr, path::Path};

use super::super::{
    child::{Talking, bound, free_address},
    login::challenge,
    site::REDIRECT,
};

/// What its access tokens are for.
pub(super) const RESOURCE: &str = "https://tools.example/mcp";
pub(super) const SECRET: &str = "a-secret-of-the-machine-and-of-the-resource";

pub(super) struct Provider {
    process: Talking,
    pub(super) address: SocketAddr,
    /// Its own, and that of Node.js.
    pub(super) version: String,
}

impl Provider {
    pub(super) fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/oidc-provider/server.mjs");
        let address = free_address();
        let mut command = bound("node");
        command.arg(program).arg(address.port().to_string()).args([RESOURCE, REDIRECT, SECRET, &challenge()]);
        let mut process = Talking::start(command.env("NODE_ENV", "production"));
        let version = serde_json::from_str(&process.next());
        let version = version.expect("oidc-provider starts; scripts/setup.sh bench installs it");
        Self { process, address, version }
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// So many codes that nobody has seen yet.
    pub(super) fn fresh(&mut self, count: usize) -> Vec<String> {
        self.process.say(&count.to_string());
        serde_json::from_str(&self.process.next()).unwrap()
    }
}
