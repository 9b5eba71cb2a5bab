//! A Sallyport as it serves in production, with one tenant, one server and some logins.

use std::net::SocketAddr;

use sallyport::{clock::Clock, dev::postgres::Durability, jobs, store::Store};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    harness::{
        app::{TestApp, TestTenant},
        db::{TestDb, postgres_with},
        flow::{Flow, TestClient, Tokens},
    },
    load::Call,
};

pub(crate) struct Site {
    pub(crate) app: TestApp,
    pub(crate) tenant: TestTenant,
    pub(crate) client: TestClient,
    /// Whose access token is used for calls.
    pub(crate) calling: Tokens,
    _stop: DropGuard,
}

impl Site {
    /// Starts it in front of an upstream.
    pub(crate) async fn start(upstream: &SocketAddr) -> Self {
        postgres_with(Durability::Full).await;
        let db = TestDb::new().await;
        let store = Store::connect(db.options(), 16).await.unwrap();
        let app = TestApp::over(db, store, Clock::system(), |_| {}).await;
        let stop = CancellationToken::new();
        jobs::start(app.app.clone(), stop.clone());

        let tenant = app.tenant("bench").await;
        app.server(tenant.id, &tenant.slug, &tenant.server.slug, &format!("http://{upstream}/mcp")).await;
        let flow = Flow::new(&app, &tenant);
        let client = flow.client().await;
        let calling = flow.tokens(&client).await;
        Self { app, tenant, client, calling, _stop: stop.drop_guard() }
    }

    /// The refresh tokens of so many new logins.
    pub(crate) async fn logins(&self, count: usize) -> Vec<String> {
        let flow = Flow::new(&self.app, &self.tenant);
        let mut logins = Vec::new();
        for _ in 0..count {
            logins.push(flow.tokens(&self.client).await.refresh);
        }
        logins
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.app.base.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Where an address of ours leads, without scheme and host.
    pub(crate) fn path(&self, url: &str) -> String {
        url.strip_prefix(&self.app.base).unwrap().to_owned()
    }

    /// A call with a token that is always good.
    pub(crate) fn call(&self) -> Call {
        self.call_with(&self.calling.access)
    }

    pub(crate) fn call_with(&self, access: &str) -> Call {
        Call::to(self.address(), &self.path(&self.tenant.server.resource), access)
    }
}
