//! There is room for so many events and no more: whoever finds none waits, and nothing is dropped.

use futures_util::FutureExt as _;
use sallyport::{
    audit::{CallFacts, CallLog, Outcome},
    http::metrics::Metrics,
    ids::{ClientId, FamilyId, ProcessId},
    tenants::Evidence,
};
use uuid::Uuid;

use super::count;
use crate::harness::app::{TestApp, TestTenant};

fn facts(app: &TestApp, tenant: &TestTenant) -> CallFacts {
    CallFacts {
        family: FamilyId(Uuid::nil()),
        client: ClientId::new(&app.clock, &app.app.entropy).unwrap(),
        subject: "person:1".to_owned(),
        server: tenant.server.id,
        era: "modern",
        method: "tools/call".to_owned(),
        name: None,
        name_digest: None,
        token: String::new(),
        arguments: String::new(),
    }
}

fn log(app: &TestApp, room: u32) -> CallLog {
    let process = ProcessId::new(&app.clock, &app.app.entropy).unwrap();
    CallLog::with_room(app.app.store.clone(), process, &Metrics::new(), room)
}

#[tokio::test]
async fn a_call_without_room_waits_until_another_has_its_outcome_on_the_disk() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (log, recorder) = (log(&app, 2), app.recorder());
    let announce = || log.announce(tenant.id, &recorder, |_| facts(&app, &tenant), (false, Evidence::Before));
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut announced = announce().await.unwrap();
        announced.durable().await.unwrap();
        announced.forwarding();
        open.push(announced);
    }
    let mut third = Box::pin(announce());
    assert!((&mut third).now_or_never().is_none(), "there was no room");
    open.pop().unwrap().end(Outcome::Answered, 200, 0);
    let third = third.await.unwrap();
    assert_eq!(count(&app.db.owner, "call.outcome").await, 1, "there is room once the outcome is on the disk");
    // Nothing was forwarded: as if it had never been, or said to be so.
    drop(third);
    drop(open);
    log.finish().await.unwrap();
    assert_eq!(count(&app.db.owner, "call.intent").await, count(&app.db.owner, "call.outcome").await);
}

/// Clients that come and go while the disk is slow leave messages behind, and these take up memory.
#[tokio::test]
async fn an_intent_that_is_taken_back_keeps_its_room_while_it_is_queued() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (log, recorder) = (log(&app, 2), app.recorder());
    let announce = || log.announce(tenant.id, &recorder, |_| facts(&app, &tenant), (false, Evidence::Before));
    let mut held = app.db.owner.begin().await.unwrap();
    sqlx::query("lock table audit_event in share mode").execute(&mut *held).await.unwrap();
    let mut first = announce().await.unwrap();
    // The writer has it, and has come no further.
    app.db.waiting(1).await;
    drop(announce().await.unwrap());
    let mut third = Box::pin(announce());
    assert!((&mut third).now_or_never().is_none(), "the queue has not become shorter");
    held.rollback().await.unwrap();
    first.durable().await.unwrap();
    first.end(Outcome::Answered, 200, 0);
    drop(third.await.unwrap());
    log.finish().await.unwrap();
    assert!(count(&app.db.owner, "call.intent").await <= 2, "what was taken back is not written");
}

#[tokio::test]
async fn nothing_is_dropped_of_what_many_tenants_leave_at_the_same_time() {
    let app = TestApp::start().await;
    let log = log(&app, 64);
    let mut calls = tokio::task::JoinSet::new();
    for slug in ["acme", "beta", "gamma"] {
        let tenant = std::sync::Arc::new(app.tenant(slug).await);
        for number in 0..400_u64 {
            let (log, recorder, facts, tenant) = (log.clone(), app.recorder(), facts(&app, &tenant), tenant.clone());
            calls.spawn(async move {
                let how = (true, if number % 2 == 0 { Evidence::Before } else { Evidence::Overlap });
                let mut announced = log.announce(tenant.id, &recorder, |_| facts, how).await.unwrap();
                announced.forwarding();
                announced.durable().await.unwrap();
                announced.end(Outcome::Answered, 200, number);
            });
        }
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    log.finish().await.unwrap();
    let per_tenant = "select count(*) from audit_event where kind like 'call.%' group by tenant";
    let per_tenant: Vec<i64> = sqlx::query_scalar(per_tenant).fetch_all(&app.db.owner).await.unwrap();
    assert_eq!(per_tenant, [800, 800, 800]);
    let whole = "select count(distinct o.body->>'bytes') from audit_event i join audit_event o
                     on o.tenant = i.tenant and o.body->>'intent' = i.id::text where i.kind = 'call.intent'";
    assert_eq!(sqlx::query_scalar::<_, i64>(whole).fetch_one(&app.db.owner).await.unwrap(), 400);
    let rows: i64 = sqlx::query_scalar("select count(*) from open_call").fetch_one(&app.db.owner).await.unwrap();
    assert!(rows <= 3 * 64, "slots are used again: {rows}");
}
