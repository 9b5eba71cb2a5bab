//! What one process takes away, another one hears of.

use std::sync::Arc;

use sallyport::{
    app::App,
    cluster::{self, Entry, LiveCall},
    ids::ClientId,
    jobs,
    store::tenants,
    token::revoke,
};
use tokio_util::sync::CancellationToken;

use super::{LONG, cached, call};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient, Tokens},
};

/// As the endpoint of that process does it.
async fn revoke(app: &App, tenant: &TestTenant, client: &TestClient, token: &str) {
    let tx = app.store.tenant_tx(tenant.id).await.unwrap();
    let client = ClientId::parse(&client.id).unwrap();
    revoke::by_client(app, &app.recorder(None), &client, token, tx).await.unwrap();
}

async fn cut(call: &LiveCall) {
    tokio::time::timeout(LONG, call.cut().cancelled()).await.expect("the call is cut");
}

struct Two {
    here: TestApp,
    there: Arc<App>,
    tenant: TestTenant,
    jobs: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Two {
    /// `here` does its background work; `there` only acts.
    async fn start() -> Self {
        let here = TestApp::start().await;
        let tenant = here.tenant("acme").await;
        let there = here.sibling().await;
        let stop = CancellationToken::new();
        let jobs = jobs::start(here.app.clone(), stop.clone());
        Self { here, there, tenant, jobs, stop }
    }

    async fn tokens(&self) -> (TestClient, Tokens) {
        let flow = Flow::new(&self.here, &self.tenant);
        let client = flow.client().await;
        let tokens = flow.tokens(&client).await;
        (client, tokens)
    }
}

#[tokio::test]
async fn a_revocation_by_another_process_empties_the_cache_and_cuts_the_call() {
    let two = Two::start().await;
    let (client, tokens) = two.tokens().await;
    let (_, others) = two.tokens().await;
    let (doomed, kept) = (
        call(&two.here.app, &two.tenant, &tokens.access).await,
        call(&two.here.app, &two.tenant, &others.access).await,
    );
    assert!(cached(&two.here.app, &two.tenant, &tokens.access));

    revoke(&two.there, &two.tenant, &client, &tokens.refresh).await;
    cut(&doomed).await;
    assert!(!cached(&two.here.app, &two.tenant, &tokens.access));
    assert!(!Flow::new(&two.here, &two.tenant).accepts(&tokens.access).await);
    assert!(!kept.cut().is_cancelled(), "another family's call goes on");
    assert!(cached(&two.here.app, &two.tenant, &others.access));
}

#[tokio::test]
async fn one_access_token_that_another_process_revokes_ends_alone() {
    let two = Two::start().await;
    let flow = Flow::new(&two.here, &two.tenant);
    let (client, tokens) = two.tokens().await;
    let fresh = Tokens::read(&flow.refresh(&client, &tokens.refresh).await.json().await.unwrap());
    let doomed = call(&two.here.app, &two.tenant, &tokens.access).await;
    let kept = call(&two.here.app, &two.tenant, &fresh.access).await;
    revoke(&two.there, &two.tenant, &client, &tokens.access).await;
    cut(&doomed).await;
    assert!(!flow.accepts(&tokens.access).await);
    assert!(!kept.cut().is_cancelled() && flow.accepts(&fresh.access).await, "the family lives on");
}

#[tokio::test]
async fn a_server_that_another_process_disables_ends_its_calls_and_is_read_anew() {
    let two = Two::start().await;
    let (_, tokens) = two.tokens().await;
    let doomed = call(&two.here.app, &two.tenant, &tokens.access).await;

    let now = two.here.clock.now();
    let mut tx = two.there.store.tenant_tx(two.tenant.id).await.unwrap();
    let mut row = tenants::servers(&mut tx).await.unwrap().remove(0);
    row.status = "disabled".to_owned();
    tenants::upsert_server(&mut tx, &row, now).await.unwrap();
    let ticket = cluster::take(&mut tx, &Entry::Server(row.id), now).await.unwrap();
    tx.commit().await.unwrap();
    two.there.node.settle(ticket).await.unwrap();

    cut(&doomed).await;
    let tenant = two.here.app.tenant(&two.tenant.slug).await.unwrap().unwrap();
    assert!(tenant.server(&two.tenant.server.slug).is_none(), "the tenant was read again");
}

#[tokio::test]
async fn background_work_ends_when_it_is_told_to() {
    let two = Two::start().await;
    assert!(!two.jobs.is_finished());
    two.stop.cancel();
    tokio::time::timeout(LONG, two.jobs).await.expect("it ends").unwrap();
}
