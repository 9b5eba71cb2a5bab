//! Whoever is not known takes no more than half of the connections, and what is not there is remembered for a moment.

use std::time::Duration;

use futures_util::FutureExt as _;
use sallyport::{
    app::App,
    secret::{Handle, HandleKind},
    token::verify,
};

use crate::harness::app::TestApp;

/// As many as the harness' pool has.
const CONNECTIONS: u32 = 8;

async fn app() -> TestApp {
    TestApp::start_with(|config| config.database.max_connections = CONNECTIONS).await
}

/// Somebody who is known gets an answer of the database.
async fn answers(app: &App) -> bool {
    tokio::time::timeout(Duration::from_secs(2), app.store.ping()).await.is_ok_and(|pong| pong.is_ok())
}

/// Returns while the process holds its lease: without one, nobody is looked up at all. On a busy machine that happens for moments.
async fn held(app: &App) {
    while app.node.check_lease().is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn names_of_no_tenants_leave_connections_to_others() {
    let app = app().await;
    let names: Vec<String> = (0..4 * CONNECTIONS).map(|number| format!("nobody-{number}")).collect();
    let mut asked: Vec<_> = names.iter().map(|name| Box::pin(app.app.tenant(name))).collect();
    held(&app.app).await;
    // Each has begun and goes no further: such are the reads of a database that is busy.
    for asked in &mut asked {
        assert!(asked.now_or_never().is_none());
    }
    assert!(answers(&app.app).await);
    for asked in futures_util::future::join_all(asked).await {
        assert!(asked.unwrap().is_none());
    }
}

#[tokio::test]
async fn tokens_that_nobody_issued_leave_connections_to_others() {
    let app = app().await;
    app.tenant("acme").await;
    let tenant = app.app.tenant("acme").await.unwrap().unwrap();
    let server = &tenant.servers["demo"];
    let entropy = &app.app.entropy;
    let tokens: Vec<_> =
        (0..4 * CONNECTIONS).map(|_| Handle::generate(HandleKind::AccessToken, entropy).unwrap()).collect();
    let mut asked: Vec<_> = tokens.iter().map(|token| Box::pin(verify(&app.app, &tenant, server, token))).collect();
    held(&app.app).await;
    for asked in &mut asked {
        assert!(asked.now_or_never().is_none());
    }
    assert!(answers(&app.app).await);
    for asked in futures_util::future::join_all(asked).await {
        asked.unwrap_err();
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_known_to_be_absent_for_a_second() {
    let app = app().await;
    // At the second try nobody waits for the database, unless this machine took a second for the first.
    let known = async {
        loop {
            assert!(app.app.tenant("acme").await.unwrap().is_none());
            match app.app.tenant("acme").now_or_never() {
                Some(absent) => return absent.unwrap().is_none(),
                None => tokio::task::yield_now().await,
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), known).await.unwrap());
    app.tenant("acme").await;
    app.clock.sleep_through(Duration::from_secs(1));
    assert_eq!(app.app.tenant("acme").await.unwrap().unwrap().slug.as_str(), "acme");
}
