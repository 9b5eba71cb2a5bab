//! Whoever is not known takes no more than half of the connections, and what is not there is remembered for a moment.

use std::{pin::Pin, time::Duration};

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

/// Asks, until all have begun and go no further: such are the reads of a database that is busy. Without a lease nobody is looked up at
/// all, and on a busy machine there is none for moments.
async fn begun<F: Future>(ask: impl Fn() -> Vec<Pin<Box<F>>>) -> Vec<Pin<Box<F>>> {
    let all = async {
        loop {
            let mut asked = ask();
            if asked.iter_mut().all(|asked| asked.now_or_never().is_none()) {
                return asked;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("they wait for the database")
}

#[tokio::test]
async fn names_of_no_tenants_leave_connections_to_others() {
    let app = app().await;
    let names: Vec<String> = (0..4 * CONNECTIONS).map(|number| format!("nobody-{number}")).collect();
    let asked = begun(|| names.iter().map(|name| Box::pin(app.app.tenant(name))).collect()).await;
    assert!(answers(&app.app).await);
    for asked in futures_util::future::join_all(asked).await {
        // Without a lease, which a busy machine may lose meanwhile, it cannot tell.
        assert!(asked.is_ok_and(|tenant| tenant.is_none()) || app.app.node.check_lease().is_err());
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
    let ask = || tokens.iter().map(|token| Box::pin(verify(&app.app, &tenant, server, token))).collect();
    let asked = begun(ask).await;
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
