//! Refreshes: each worker has a login of its own and always the newest refresh token.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{
    load::Window,
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

/// What a round of refreshes came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refreshed {
    pub(crate) per_second: f64,
    /// In milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Refreshes by all these logins at once. `newest` are their refresh tokens, before and after.
pub(crate) async fn measure(site: &Site, newest: &mut [String], window: Window) -> Refreshed {
    let begin = Instant::now() + window.warm_up;
    let end = begin + window.length;
    let mut tasks = JoinSet::new();
    for (at, refresh) in newest.iter().enumerate() {
        let mut chain = Chain::begin(site, refresh).await;
        tasks.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < end {
                let asked = Instant::now();
                chain.next().await;
                if Instant::now() >= begin {
                    took.push(asked.elapsed());
                }
            }
            (at, chain.newest(), took)
        });
    }
    let mut took: Vec<Duration> = Vec::new();
    for (at, refresh, own) in tasks.join_all().await {
        newest[at] = refresh;
        took.extend(own);
    }
    took.sort_unstable();
    let quantile = |part: f64| took[(took.len() as f64 * part) as usize].as_secs_f64() * 1000.0;
    Refreshed { per_second: took.len() as f64 / window.length.as_secs_f64(), p50: quantile(0.5), p99: quantile(0.99) }
}
