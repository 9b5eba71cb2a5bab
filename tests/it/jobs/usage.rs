//! Calls by hour, counted from the audit log.

use sallyport::{
    ids::{EventId, FamilyId, GrantId},
    jobs::{janitor, usage},
    store::{audit, usage as rows},
};
use serde_json::json;
use time::Duration;

use crate::{
    audit::sequence::settled,
    console::clients::administrator,
    harness::{
        app::{TestApp, TestTenant},
        flow::Flow,
    },
};

/// Puts a call into the log, and how it ended.
pub(crate) async fn call(app: &TestApp, tenant: &TestTenant, family: FamilyId, client: &str, end: Option<(&str, u64)>) {
    let facts = json!({ "family": family, "client": client, "server": tenant.server.id, "subject": "person:x" });
    let id = EventId::of_intent(&app.clock, &app.app.entropy).unwrap();
    let row = |id, kind: &str, body| audit::EventRow {
        id,
        at: app.clock.now(),
        kind: kind.to_owned(),
        version: 1,
        request_id: None,
        body,
    };
    let rows = match end {
        Some((outcome, millis)) => vec![
            row(id, "call.intent", facts),
            row(id.outcome(), "call.outcome", json!({ "intent": id, "outcome": outcome, "millis": millis })),
        ],
        None => vec![row(id, "call.denied", facts)],
    };
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    audit::insert_batch(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn granted(app: &TestApp, tenant: &TestTenant) -> (FamilyId, GrantId, String) {
    let flow = Flow::new(app, tenant);
    let client = flow.client().await;
    flow.tokens(&client).await;
    let (family, grant): (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as("select id, grant_id from family").fetch_one(&app.db.owner).await.unwrap();
    (FamilyId(family), GrantId(grant), client.id)
}

async fn totals(app: &TestApp) -> Vec<(String, i64)> {
    sqlx::query_as("select outcome, sum(calls)::bigint from usage_hour group by 1 order by 1")
        .fetch_all(&app.db.owner)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_is_counted_once_whoever_counts() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (family, grant, client) = granted(&app, &tenant).await;
    for n in 0..3 {
        call(&app, &tenant, family, &client, Some(("answered", 5 + n * 100))).await;
        call(&app, &tenant, family, &client, None).await;
    }
    call(&app, &tenant, family, &client, Some(("revoked", 7))).await;
    settled(&app, tenant.id).await;
    // Two at once, and again: nothing is counted twice.
    let (one, other) = tokio::join!(usage::round(&app.app), usage::round(&app.app));
    one.unwrap();
    other.unwrap();
    usage::round(&app.app).await.unwrap();
    let expected = [("answered", 3), ("denied", 3), ("revoked", 1)].map(|(what, calls)| (what.to_owned(), calls));
    assert_eq!(totals(&app).await, expected);
    // What comes later is added, in the same hour and in another.
    app.clock.advance(std::time::Duration::from_secs(3600));
    call(&app, &tenant, family, &client, Some(("answered", 20_000))).await;
    settled(&app, tenant.id).await;
    usage::round(&app.app).await.unwrap();
    assert_eq!(totals(&app).await[0], ("answered".to_owned(), 4));

    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let since = app.clock.now() - Duration::DAY;
    let of = rows::Whose { grants: Some(vec![grant]), ..rows::Whose::default() };
    let spans = rows::spans(&mut tx, &of, "hour", since).await.unwrap();
    assert_eq!(spans.iter().map(|span| (span.forwarded, span.denied)).collect::<Vec<_>>(), [(4, 3), (1, 0)]);
    let nobody = rows::Whose { client: Some("c_nobody".to_owned()), ..rows::Whose::default() };
    assert!(rows::spans(&mut tx, &nobody, "day", since).await.unwrap().is_empty());
    let latency = &rows::latencies(&mut tx, since).await.unwrap()[0];
    assert_eq!(latency.buckets, [1, 0, 0, 2, 0, 0, 0, 1]);
    let days = rows::by_grant(&mut tx, &[grant], since).await.unwrap();
    assert_eq!(days.iter().map(|day| day.calls).sum::<i64>(), 5);
    tx.commit().await.unwrap();
}

/// Events that are not there any more keep nothing up.
#[tokio::test]
async fn what_is_gone_keeps_nothing_up() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (family, _, client) = granted(&app, &tenant).await;
    call(&app, &tenant, family, &client, Some(("answered", 5))).await;
    settled(&app, tenant.id).await;
    let gone = "update usage_cursor set next_index = 0";
    usage::round(&app.app).await.unwrap();
    sqlx::query(gone).execute(&app.db.owner).await.unwrap();
    sqlx::query("delete from audit_event where kind like 'call.%'").execute(&app.db.owner).await.unwrap();
    sqlx::query("delete from usage_hour").execute(&app.db.owner).await.unwrap();
    usage::round(&app.app).await.unwrap();
    assert!(totals(&app).await.is_empty());
    call(&app, &tenant, family, &client, None).await;
    while totals(&app).await.is_empty() {
        sallyport::jobs::log::round(&app.app).await;
        usage::round(&app.app).await.unwrap();
    }
    assert_eq!(totals(&app).await, [("denied".to_owned(), 1)]);
}

#[tokio::test]
async fn pages_draw_what_was_counted_and_the_janitor_forgets_it() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let (family, grant, client) = granted(&app, &tenant).await;
    for _ in 0..4 {
        call(&app, &tenant, family, &client, Some(("answered", 5))).await;
        call(&app, &tenant, family, &client, None).await;
        app.clock.advance(std::time::Duration::from_secs(3600));
    }
    settled(&app, tenant.id).await;
    usage::round(&app.app).await.unwrap();
    let overview = browser.get("/console/t/acme").await.body;
    assert!(overview.contains("8 calls in 24 hours, 4 of them denied") && overview.contains("<svg"), "{overview}");
    assert!(overview.contains("How servers answered") && overview.contains("10 ms"), "{overview}");
    let server = browser.get("/console/t/acme/servers/demo").await.body;
    assert!(server.contains("8 calls in 30 days"), "{server}");
    let page = browser.get(&format!("/console/t/acme/grants/{grant}")).await.body;
    assert!(page.contains("8 calls in 30 days"), "{page}");
    let account = browser.get("/t/acme/account").await.body;
    assert!(account.contains("4 calls in 30 days"), "{account}");
    assert_eq!(janitor::forget(&app.app, tenant.id).await.unwrap(), 0);
    app.clock.advance(std::time::Duration::from_secs(401 * 86_400));
    assert_eq!(janitor::forget(&app.app, tenant.id).await.unwrap(), 8);
}
