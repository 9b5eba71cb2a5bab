//! Refreshes: each worker has a login of its own and always the newest refresh token.

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{
    harness::flow::Tokens,
    load::{Connection, Measured, Window, Worker, measure},
    site::Site,
};

/// Posts forms to one of the issuer's endpoints, as one client.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    path: String,
    headers: HeaderMap,
    client: String,
}

impl Endpoint {
    pub(crate) fn of(site: &Site, name: &str) -> Self {
        let headers = [
            (header::HOST, site.address().to_string()),
            (header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
        let path = site.path(&format!("{}/{name}", site.tenant.issuer));
        Self { path, headers, client: site.client.id.clone() }
    }

    pub(crate) async fn post(&self, connection: &mut Connection, form: &[(&str, &str)]) -> Value {
        let body = Serializer::new(String::new()).append_pair("client_id", &self.client).extend_pairs(form).finish();
        let (status, answer) = connection.post(&self.path, &self.headers, body.into()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{}: {answer:?}", self.path);
        serde_json::from_slice(&answer).unwrap_or_default()
    }
}

/// A login that goes on by refreshing.
pub(crate) struct Chain {
    endpoint: Endpoint,
    connection: Connection,
    refresh: String,
}

impl Chain {
    pub(crate) async fn begin(site: &Site, refresh: &str) -> Self {
        Self {
            endpoint: Endpoint::of(site, "token"),
            connection: Connection::open(site.address()).await,
            refresh: refresh.to_owned(),
        }
    }

    /// The next access token.
    pub(crate) async fn next(&mut self) -> String {
        let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh.as_str())];
        let Tokens { access, refresh, .. } = Tokens::read(&self.endpoint.post(&mut self.connection, &form).await);
        self.refresh = refresh;
        access
    }

    /// The refresh token to go on with.
    pub(crate) fn newest(self) -> String {
        self.refresh
    }
}

impl Worker for Chain {
    async fn once(&mut self) {
        self.next().await;
    }
}

/// Refreshes by all these logins at once. `newest` are their refresh tokens, before and after.
pub(crate) async fn measure_all(site: &Site, newest: &mut [String], window: Window) -> Measured {
    let mut chains = Vec::new();
    for refresh in newest.iter() {
        chains.push(Chain::begin(site, refresh).await);
    }
    let (chains, measured) = measure(chains, window).await;
    for (refresh, chain) in newest.iter_mut().zip(chains) {
        *refresh = chain.newest();
    }
    measured
}
