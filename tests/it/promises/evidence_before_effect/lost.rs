//! A process that ends without a word: others say of its calls that their outcome is not known.

use std::sync::Arc;

use sallyport::{
    app::App,
    audit::{Announced, CallFacts, Outcome},
    ids::{ClientId, FamilyId},
    jobs::lost_calls,
    tenants::Evidence,
};
use uuid::Uuid;

use crate::harness::{
    app::{TestApp, TestTenant},
    evidence,
};

/// Announces a call on `process`, as if it went on.
async fn announced(app: &App, tenant: &TestTenant) -> Announced {
    let facts = CallFacts {
        family: FamilyId(Uuid::nil()),
        client: ClientId::new(&app.clock, &app.entropy).unwrap(),
        subject: "person:1".to_owned(),
        server: tenant.server.id,
        era: "modern",
        method: "tools/call".to_owned(),
        name: None,
        name_digest: None,
        token: String::new(),
        arguments: String::new(),
    };
    let recorder = app.recorder(None);
    let mut announced = app.calls.announce(tenant.id, &recorder, |_| facts, (false, Evidence::Before)).await.unwrap();
    announced.durable().await.unwrap();
    announced.forwarding();
    announced
}

/// What `node` says of a process.
async fn register(app: &TestApp, process: &App) {
    let register = "insert into node (id, process, applied, registered_at) values ($1, $1, 0, now())";
    sqlx::query(register).bind(process.process.0).execute(&app.db.owner).await.unwrap();
}

async fn forget(app: &TestApp, how: &'static str, process: &App) {
    sqlx::query(how).bind(process.process.0).execute(&app.db.owner).await.unwrap();
}

async fn ends(app: &TestApp) -> Vec<String> {
    let mut ends: Vec<String> = evidence::calls(&app.db.owner).await.iter().map(|call| call.end().to_owned()).collect();
    ends.sort();
    ends
}

const GONE: &str = "delete from node where process = $1";
const SUSPECT: &str = "update node set suspect = true where process = $1";

#[tokio::test]
async fn calls_of_a_process_that_is_gone_are_closed_once_by_whoever_comes() {
    let app = TestApp::start().await;
    let tenants = [app.tenant("acme").await, app.tenant("beta").await];
    for how in [GONE, SUSPECT] {
        let before = ends(&app).await.len();
        let dying = app.sibling().await;
        // Alive, it would register anew as soon as it finds that it was forgotten.
        dying.lease.end().await;
        register(&app, &dying).await;
        let mut open = Vec::new();
        for number in 0..250 {
            let announced = announced(&dying, &tenants[number % 2]).await;
            // Some have ended, of the same batches.
            if number % 5 == 0 { announced.end(Outcome::Answered, 200, 0) } else { open.push(announced) }
        }
        dying.calls.flush().await.unwrap();
        assert_eq!(lost_calls::close(&app.app).await.unwrap(), 0, "it lives");
        forget(&app, how, &dying).await;
        let others: Vec<Arc<App>> = vec![app.app.clone(), app.sibling().await, app.sibling().await];
        let closing = others.iter().map(|other| lost_calls::close(other));
        let closed: usize = futures_util::future::join_all(closing).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(closed, 200);
        // It was not dead after all, and says what it has to say.
        for announced in open {
            announced.end(Outcome::Answered, 200, 0);
        }
        dying.calls.finish().await.unwrap();
        let ends = ends(&app).await;
        assert_eq!(ends.len() - before, 250);
        assert_eq!(ends.iter().filter(|end| *end == "unknown").count(), 200 * (before / 250 + 1));
        assert!(ends.iter().all(|end| ["unknown", "answered"].contains(&end.as_str())), "each has exactly one outcome");
        assert_eq!(lost_calls::close(&app.app).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_process_closes_none_of_its_own_calls() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let _open = announced(&app.app, &tenant).await;
    assert_eq!(lost_calls::close(&app.app).await.unwrap(), 0);
    assert_eq!(ends(&app).await, ["open"]);
}
