//! A client that refreshes, with always the newest refresh token.

use super::{
    login::Tokens,
    site::{Endpoint, OVERLAP, Site},
    wire::Connection,
};

/// A login that goes on by refreshing.
pub(crate) struct Chain {
    endpoint: Endpoint,
    connection: Connection,
    refresh: String,
}

impl Chain {
    pub(crate) async fn begin(site: &Site, refresh: &str) -> Self {
        let endpoint = site.endpoint(OVERLAP, "token");
        let connection = Connection::open(endpoint.address).await.unwrap();
        Self { endpoint, connection, refresh: refresh.to_owned() }
    }

    /// The next access token.
    pub(crate) async fn next(&mut self) -> String {
        let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh.as_str())];
        let tokens = Tokens::read(&self.endpoint.post(&mut self.connection, &form).await);
        self.refresh = tokens.refresh;
        tokens.access
    }

    /// The refresh token to go on with.
    pub(crate) fn newest(self) -> String {
        self.refresh
    }
}
