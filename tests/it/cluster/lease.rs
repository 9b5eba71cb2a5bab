//! What a process does with a lease, and without one.

use std::time::Duration;

use sallyport::{
    cluster::{Fill, NoLease, Over, TERM},
    store::StoreError,
    token::{VerifyError, revoke},
};

use super::{LONG, cached, call, held_lock, lapsed, leased, nodes, until};
use crate::{
    gateway::{
        upstream::Reply,
        world::{BOTH, World, error},
    },
    harness::{app::TestApp, flow::Flow},
};

#[tokio::test]
async fn without_a_lease_every_call_reads_the_database() {
    let world = World::start().await;
    let (app, tenant) = (&world.app.app, &world.tenant);
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    assert!(cached(app, tenant, &token.text));

    let lock = held_lock(&world.app).await;
    lapsed(app).await;
    assert_eq!(app.node.check_lease(), Err(NoLease::Lapsed));
    for _ in 0..3 {
        assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
        assert!(!cached(app, tenant, &token.text), "nothing is served from the cache");
    }
    // A revocation that nobody was told of: whoever reads cannot miss it.
    world.change("update family set revoked_at = now(), revoke_reason = 'client_revoked'").await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 401);
    until("the lapse is counted", async || app.node.lapses() > 0).await;

    drop(lock);
    leased(app).await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    assert!(cached(app, tenant, &token.text));
}

#[tokio::test]
async fn a_lapse_empties_the_caches_and_cuts_the_calls() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    let under_way = call(&app.app, &tenant, &tokens.access).await;
    assert!(under_way.still().is_good() && cached(&app.app, &tenant, &tokens.access));

    // As if the machine had slept. Nothing has run since, and nothing is good any more.
    app.clock.sleep_through(Duration::from_secs(2));
    assert_eq!(under_way.still().why_over(), Some(Over::Lapsed));
    tokio::time::timeout(LONG, under_way.cut().cancelled()).await.expect("the call is cut");
    leased(&app.app).await;
    assert!(!cached(&app.app, &tenant, &tokens.access), "the cache was emptied before there was another lease");
    assert!(!app.app.node.is_current(&known), "and tenants are read anew");
    assert_eq!(under_way.still().why_over(), Some(Over::Lapsed), "what was cut stays cut");
    assert!(flow.accepts(&tokens.access).await && cached(&app.app, &tenant, &tokens.access));
}

#[tokio::test]
async fn a_process_that_slept_passes_no_piece_of_an_answer_on() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut response = world.call(&token).send().await.unwrap();
    events.send("data: before\n\n".to_owned()).unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: before\n\n");

    world.app.clock.sleep_through(Duration::from_secs(2));
    events.send("data: after\n\n".to_owned()).unwrap();
    let mut rest = String::new();
    // It ends with a last word, or is broken off.
    while let Ok(Some(chunk)) = response.chunk().await {
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(!rest.contains("after"), "{rest}");
    world.upstream.dropped(1).await;
    // The client did nothing wrong, and its token is as good as before.
    leased(&world.app.app).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
}

/// Evidence comes before a call, and can take its time.
#[tokio::test]
async fn a_call_that_was_held_up_while_the_lease_ran_out_is_not_sent() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    world.app.app.calls.finish().await.unwrap();
    let owner = &world.app.db.owner;
    let mut lock = owner.begin().await.unwrap();
    sqlx::query("lock table audit_event in exclusive mode").execute(&mut *lock).await.unwrap();
    let call = tokio::spawn(world.call(&token).send());
    until("the intent waits", async || {
        let waiting = "select count(*) from pg_locks where relation = 'audit_event'::regclass and not granted";
        sqlx::query_scalar::<_, i64>(waiting).fetch_one(owner).await.unwrap() > 0
    })
    .await;
    world.app.clock.sleep_through(Duration::from_secs(2));
    lock.rollback().await.unwrap();
    let (status, _, message) = error(call.await.unwrap().unwrap()).await;
    assert_eq!(status, 503);
    assert!(message.contains("not executed"), "{message}");
    assert_eq!(world.upstream.seen().len(), 1, "the first one");
}

/// Requests can keep all threads of a process busy.
#[tokio::test]
async fn a_lease_is_renewed_while_everything_else_stands_still() {
    let app = TestApp::start().await;
    leased(&app.app).await;
    // Not to wait for something, but to keep busy the thread on which all else runs.
    std::thread::sleep(TERM * 2);
    let age = app.app.node.lease_age().unwrap();
    assert!(age < TERM, "renewed meanwhile: {age:?}");
}

#[tokio::test]
async fn a_call_that_waits_when_the_lease_runs_out_is_not_told_that_its_token_is_bad() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::Silence);
    let call = tokio::spawn(world.call(&token).send());
    world.upstream.asked(1).await;
    world.app.clock.sleep_through(Duration::from_secs(2));
    let response = call.await.unwrap().unwrap();
    assert!(!response.headers().contains_key("www-authenticate"));
    let (status, _, message) = error(response).await;
    assert_eq!(status, 503);
    assert!(message.contains("may have been executed"), "{message}");
}

#[tokio::test]
async fn a_read_that_was_under_way_during_a_revocation_is_thrown_away() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    let node = &app.app.node;
    let verified = call(&app.app, &tenant, &tokens.access).await.verified().as_ref().clone();
    node.forget(&verified.hash);

    let reading = node.reading().unwrap();
    let head = app.app.store.authority_head_for(reading.node()).await.unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let reason = revoke::Reason::PersonRevoked;
    let ticket = revoke::family(&mut tx, &app.recorder(), verified.family, reason).await.unwrap();
    tx.commit().await.unwrap();
    node.settle(ticket).await.unwrap();
    assert!(matches!(node.keep(reading, head, &known, verified), Fill::Stale));
    assert!(!cached(&app.app, &tenant, &tokens.access));
}

#[tokio::test]
async fn a_process_that_was_given_up_for_dead_serves_nothing_until_it_began_anew() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    let under_way = call(&app.app, &tenant, &tokens.access).await;
    let before = app.app.node.reading().unwrap();

    sqlx::query("update node set suspect = true").execute(&app.db.owner).await.unwrap();
    // What it asks of the store under its old name is refused, whether it has noticed or not.
    let hashes = [under_way.verified().hash];
    let refused = app.app.store.lookup_token(before.node(), tenant.id, &hashes).await;
    assert!(matches!(refused, Err(StoreError::Unregistered)), "{refused:?}");
    let refused = app.app.store.authority_head_for(before.node()).await;
    assert!(matches!(refused, Err(StoreError::Unregistered)), "{refused:?}");

    tokio::time::timeout(LONG, under_way.cut().cancelled()).await.expect("the call is cut");
    let anew = async || app.app.node.reading().is_ok_and(|reading| reading.node() != before.node());
    until("another registration", anew).await;
    leased(&app.app).await;
    assert!(!app.app.node.is_current(&known) && !cached(&app.app, &tenant, &tokens.access), "with empty caches");
    // A read that was begun under the old name comes too late.
    let head = app.app.node.applied();
    let verified = under_way.verified().as_ref().clone();
    assert!(matches!(app.app.node.keep(before, head, &known, verified), Fill::Stale));
    assert!(flow.accepts(&tokens.access).await);
    // The old registration goes, a lease after it was seen that it is suspect.
    until("the old registration gone", async || nodes(&app.db.owner).await == 1).await;
}

#[tokio::test]
async fn a_log_that_lost_entries_ends_serving_for_good() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let under_way = call(&app.app, &tenant, &tokens.access).await;
    // The same number, but another entry: a failover lost the one that this process has applied, and the log grew again.
    sqlx::query("update authority_log set mark = gen_random_uuid()").execute(&app.db.owner).await.unwrap();
    until("it noticed", async || app.app.node.check_lease() == Err(NoLease::Lost)).await;
    assert!(under_way.cut().is_cancelled());
    assert!(matches!(app.app.tenant("acme").await, Err(StoreError::Unregistered)));
    assert!(matches!(app.app.node.reading(), Err(StoreError::Unregistered)));
    until("nobody waits for it", async || nodes(&app.db.owner).await == 0).await;
    let asked = flow.get("/t/acme/mcp/demo").await;
    assert_eq!(asked.status(), 503);
    // A new start reads what is there.
    let another = app.sibling().await;
    assert!(call(&another, &tenant, &tokens.access).await.still().is_good());
}

#[tokio::test]
async fn a_node_leaves_when_it_ends() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let sibling = app.sibling().await;
    let under_way = call(&sibling, &tenant, &tokens.access).await;
    assert_eq!(nodes(&app.db.owner).await, 2);
    sibling.lease.end().await;
    assert_eq!(nodes(&app.db.owner).await, 1, "at once");
    assert!(under_way.cut().is_cancelled());
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    let token = super::handle(&tokens.access);
    let refused = sallyport::token::verify(&sibling, &known, &known.servers["demo"], &token).await;
    assert!(matches!(refused, Err(VerifyError::Moved | VerifyError::Fault(StoreError::Unregistered))), "{refused:?}");

    let dropped = app.sibling().await;
    assert_eq!(nodes(&app.db.owner).await, 2);
    drop(dropped);
    until("the one that was dropped is gone", async || nodes(&app.db.owner).await == 1).await;
}

/// Whoever has many tokens can revoke without a pause, and must not take the caches from everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_while_somebody_takes_authority_away_without_a_pause() {
    let app = TestApp::start().await;
    let node = &app.app.node;
    let revokers: Vec<_> = (0..6)
        .map(|_| {
            let pool = app.db.app.clone();
            tokio::spawn(async move {
                // With a commit that takes its time, so that others are always waiting for the lock.
                let append = "select authority_append(null, jsonb_build_object('family', gen_random_uuid()), now()),
                                     pg_sleep(0.005)";
                loop {
                    sqlx::query(append).execute(&pool).await.unwrap();
                }
            })
        })
        .collect();
    let first = node.applied();
    until("the log grows", async || node.applied() > first + 20).await;
    let (mut renewed, mut before) = (0, node.lease_age().unwrap());
    until("it is renewed again and again", async || {
        let age = node.lease_age().unwrap();
        renewed += usize::from(age < before);
        before = age;
        renewed >= 10
    })
    .await;
    for revoker in revokers {
        assert!(!revoker.is_finished(), "all the while");
        revoker.abort();
    }
    until("all of it is applied", async || app.app.store.authority_head().await.unwrap() == node.applied()).await;
}
