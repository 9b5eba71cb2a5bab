//! Whoever has the role that serves, or an odd row, holds up no log, and gets nothing signed that is not so.

use std::time::Duration;

use sallyport::{
    audit::{
        log::{Checkpoint, CheckpointKey, Entry, Hash, Origin, ours, sign},
        restart::{RestartError, restart},
        signer::{Memory, SignError, Signer, Signing},
    },
    clock::Clock,
    ids::TenantId,
    jobs::log::{go_on, round},
    store::{self, Store, StoreError, audit_log},
};
use sqlx::{AssertSqlSafe, PgConnection, pool::PoolConnection};
use uuid::Uuid;

use super::{
    forbidden::refused,
    sequence::{event, happen, head, newest, settled, whole},
};
use crate::harness::{app::TestApp, scratch::Scratch};

const CHECK: &str = "23514";

async fn run(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.unwrap();
}

async fn owner(app: &TestApp, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&app.db.owner).await.unwrap();
}

/// A transaction of the role that serves, for a tenant.
async fn role(app: &TestApp, tenant: TenantId) -> PoolConnection<sqlx::Postgres> {
    let mut connection = app.db.app.acquire().await.unwrap();
    run(&mut connection, format!("begin; set local sallyport.tenant = '{tenant}'")).await;
    connection
}

fn append(size: u64, events: &[Uuid]) -> String {
    let events: Vec<String> = events.iter().map(Uuid::to_string).collect();
    let (root, events) = ("sha256('')", events.join(","));
    format!("select audit_append(1, {size}, {root}, 'infinity', '{{{events}}}', '{{}}', '{{}}', '{{}}')")
}

/// Lets it go on until it is signed as it is.
async fn signed(app: &TestApp, log: TenantId) {
    loop {
        app.clock.advance(Duration::from_secs(10));
        settled(app, log).await;
        go_on(&app.app, log).await.unwrap();
        if newest(app, log).await.size == head(&app.app, log).await.size {
            return;
        }
    }
}

#[tokio::test]
async fn the_log_takes_exactly_what_follows() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    let size = head(&app.app, tenant).await.size;
    let there: Uuid = sqlx::query_scalar("select event from audit_entry where tenant = $1 and index = 0")
        .bind(tenant.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    let (first, second) =
        (happen(&app.app, tenant, "server/first").await, happen(&app.app, tenant, "server/second").await);
    let mut slow = app.app.store.tenant_tx(tenant).await.unwrap();
    let running = app.recorder().row(&event("server/running")).unwrap();
    store::audit::insert(&mut slow, &running).await.unwrap();

    let mut role = role(&app, tenant).await;
    // As long as others' transactions run, not even what follows.
    let wrong =
        [&[second][..], &[second, first], &[first, there], &[there], &[first, second, running.id.0], &[tenant.0]];
    for events in wrong {
        assert_eq!(refused(&mut role, &append(size, events)).await, CHECK, "{events:?}");
    }
    // An event that says that the log begins anew is none, within an epoch.
    run(&mut role, format!("insert into audit_event (tenant, id, at, kind, version, body) values ('{tenant}', '{tenant}', now(), 'log.restarted', 1, '{{}}')")).await;
    assert_eq!(refused(&mut role, &append(size, &[tenant.0])).await, CHECK);
    run(&mut role, "rollback".to_owned()).await;
    drop(slow);
    let entries = whole(&app, tenant).await;
    assert_eq!(entries.len() as u64, size + 2);
    assert!(head(&app.app, tenant).await.grown_at <= app.clock.now());
}

#[tokio::test]
async fn what_nobody_can_read_keeps_nothing_out() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    let mut role = role(&app, tenant).await;
    let insert = |at: &str, kind: &str, body: &str| {
        let columns = "(tenant, id, at, kind, version, body)";
        format!("insert into audit_event {columns} values ('{tenant}', '{tenant}', {at}, {kind}, 1, '{body}')")
    };
    for (at, kind) in [("'infinity'", "'k'"), ("'-infinity'", "'k'"), ("now()", "''"), ("now()", "repeat('k', 101)")] {
        assert_eq!(refused(&mut role, &insert(at, kind, "{}")).await, CHECK, "{at} {kind}");
    }
    run(&mut role, insert("now()", "'odd'", r#"{"n": 1e400}"#)).await;
    run(&mut role, "commit".to_owned()).await;
    happen(&app.app, tenant, "server/after").await;
    signed(&app, tenant).await;
    let mut tx = app.app.store.tenant_tx(tenant).await.unwrap();
    let size = head(&app.app, tenant).await.size;
    let entries = store::audit_export::entries(&mut tx, 1, 0, size).await.unwrap();
    tx.commit().await.unwrap();
    let odd = entries.into_iter().filter_map(|(.., event)| event).find(|event| event.kind == "odd").unwrap();
    assert_eq!(odd.body["unreadable"]["bytes"], 408, "{odd:?}");
    assert!(Entry::of(&odd).is_ok());
}

#[tokio::test]
async fn a_fault_in_one_log_keeps_no_other_waiting() {
    let app = TestApp::start().await;
    let (odd, other) = (app.tenant("odd").await.id, app.tenant("other").await.id);
    settled(&app, other).await;
    // As a row may be that was there before the constraint: reading it is a panic in the driver.
    owner(&app, "alter table audit_event drop constraint audit_event_at".to_owned()).await;
    owner(&app, format!("insert into audit_event (tenant, id, at, kind, version, body) values ('{odd}', '{odd}', 'infinity', 'k', 1, '{{}}')")).await;
    happen(&app.app, other, "server/one").await;
    loop {
        let (said, _) = round(&app.app).await;
        assert!(said.contains(&format!("{odd}: a fault of ours")), "{said}");
        let size = head(&app.app, other).await.size;
        let events: i64 = sqlx::query_scalar("select count(*) from audit_event where tenant = $1")
            .bind(other.0)
            .fetch_one(&app.db.owner)
            .await
            .unwrap();
        if i64::try_from(size).unwrap() == events {
            return;
        }
    }
}

#[tokio::test]
async fn what_holds_the_logs_up_is_said_and_is_no_silence() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    signed(&app, tenant).await;
    let mut slow = app.db.owner.acquire().await.unwrap();
    run(&mut slow, "begin; select pg_current_xact_id()".to_owned()).await;
    happen(&app.app, tenant, "server/waiting").await;
    app.clock.advance(Duration::from_secs(7200));
    let (said, _) = round(&app.app).await;
    assert!(said.contains("pg_prepared_xacts"), "{said}");
    let numbers = app.app.metrics.encode().unwrap();
    assert!(numbers.contains("\nsallyport_audit_waiting_seconds 7200\n"), "{numbers}");
    let beats = "select count(*) from audit_event where tenant = $1 and kind = 'log.heartbeat'";
    let beats: i64 = sqlx::query_scalar(beats).bind(tenant.0).fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(beats, 0);
    run(&mut slow, "rollback".to_owned()).await;
    settled(&app, tenant).await;
}

#[tokio::test]
async fn a_checkpoint_that_is_not_ours_is_signed_over_by_the_next() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    signed(&app, tenant).await;
    happen(&app.app, tenant, "server/one").await;
    let log = loop {
        let place = (&app.app.config.public_url, tenant);
        sallyport::audit::sequencer::advance(&app.app.store, place, app.clock.now()).await.unwrap();
        let log = head(&app.app, tenant).await;
        if log.size > newest(&app, tenant).await.size {
            break log;
        }
    };
    let mut connection = role(&app, tenant).await;
    let keep = |size: u64, root: &str| {
        format!("select audit_keep_checkpoint(1, {size}, decode('{root}', 'hex'), 'junk', 'infinity')")
    };
    let root = sallyport::secret::hex(&log.root.0);
    assert_eq!(refused(&mut connection, &keep(log.size - 1, &root)).await, CHECK, "of what it was");
    assert_eq!(refused(&mut connection, &keep(log.size, &"07".repeat(32))).await, CHECK, "of another tree");
    run(&mut connection, keep(log.size, &root)).await;
    run(&mut connection, "commit".to_owned()).await;
    let junk = newest(&app, tenant).await;
    assert!(junk.note == "junk" && junk.signed_at < Clock::system().now() + Duration::from_secs(60));
    app.clock.advance(Duration::from_secs(10));
    let said = go_on(&app.app, tenant).await;
    assert!(matches!(said, Err(SignError::Foreign { size, .. }) if size == log.size), "{said:?}");
    let keys = app.app.keyring.checkpoint_keys();
    loop {
        app.clock.advance(Duration::from_secs(10));
        // Refused until the event of the key is in the log.
        let _ = go_on(&app.app, tenant).await;
        if ours(&newest(&app, tenant).await.note, &keys).is_some_and(|signed| signed.size > log.size) {
            return;
        }
    }
}

#[tokio::test]
async fn nobody_gets_a_signature_under_another_logs_name() {
    let app = TestApp::start().await;
    let (victim, mine) = (app.tenant("victim").await.id, app.tenant("mine").await.id);
    settled(&app, victim).await;
    let origin = head(&app.app, victim).await.origin;
    let mut connection = role(&app, mine).await;
    run(&mut connection, format!("select audit_begin('{origin}', sha256(''), now())")).await;
    run(&mut connection, "commit".to_owned()).await;
    settled_without_signing(&app, mine).await;
    app.clock.advance(Duration::from_secs(10));
    let said = go_on(&app.app, mine).await;
    assert!(matches!(said, Err(SignError::Name { log, .. }) if log == mine), "{said:?}");
    let mut tx = app.app.store.tenant_tx(mine).await.unwrap();
    assert!(audit_log::newest_checkpoint(&mut tx).await.unwrap().is_none());
}

async fn settled_without_signing(app: &TestApp, log: TenantId) {
    while head(&app.app, log).await.size == 0 {
        let place = (&app.app.config.public_url, log);
        sallyport::audit::sequencer::advance(&app.app.store, place, app.clock.now()).await.unwrap();
    }
}

/// A dump that was restored elsewhere: transactions have lower numbers there, and it would be long until they are as high.
#[tokio::test]
async fn on_another_server_a_log_stops_until_it_begins_anew_and_passes_nothing_over() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    signed(&app, tenant).await;
    owner(
        &app,
        format!("update audit_log set server = server + 1, cursor_xact = cursor_xact + 1000 where tenant = '{tenant}'"),
    )
    .await;
    let meanwhile = happen(&app.app, tenant, "server/meanwhile").await;
    let size = head(&app.app, tenant).await.size;
    let said = go_on(&app.app, tenant).await;
    assert!(matches!(said, Err(SignError::Store(StoreError::Moved))), "{said:?}");
    let mut connection = role(&app, tenant).await;
    assert_eq!(refused(&mut connection, &append(size, &[meanwhile])).await, "55000");
    run(&mut connection, "rollback".to_owned()).await;

    let note = newest(&app, tenant).await.note;
    let known = Checkpoint::unverified(&note).unwrap();
    let place = (&app.app.config.public_url, tenant);
    let by_role = restart(&app.app.store, &app.recorder(), place, (&known, &note)).await;
    assert!(matches!(by_role, Err(RestartError::Store(_))), "only the owner: {by_role:?}");
    let owner = Store::over(app.db.owner.clone());
    restart(&owner, &app.recorder(), place, (&known, &note)).await.unwrap();
    signed(&app, tenant).await;
    let entries = super::sequence::entries(&app, tenant, 2).await;
    assert!(entries.iter().any(|entry| Entry::parse(entry.bytes()).unwrap().1.id.0 == meanwhile));
}

/// What signing a log comes to for a process that remembers this note.
async fn with_memory(app: &TestApp, log: TenantId, note: &str) -> Result<Signing, SignError> {
    let files = Scratch::new();
    std::fs::write(files.path(&format!("{log}.checkpoint")), note).unwrap();
    let memory = Memory::open(Some(&files.path(""))).unwrap();
    let (keys, recorder) = (app.app.keyring.checkpoint_keys(), app.recorder());
    let signer = Signer { store: &app.app.store, memory: &memory, keys: &keys, recorder: &recorder };
    loop {
        match signer.sign(log, app.clock.now() + Duration::from_secs(60)).await {
            Ok(Signing::Busy) => tokio::task::yield_now().await,
            said => return said,
        }
    }
}

#[tokio::test]
async fn a_log_that_begins_anew_must_say_where_it_ended() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    signed(&app, tenant).await;
    let older = newest(&app, tenant).await.note;
    happen(&app.app, tenant, "server/kept-back").await;
    signed(&app, tenant).await;
    let newer = newest(&app, tenant).await.note;
    let (known, newest_known) = (Checkpoint::unverified(&older).unwrap(), Checkpoint::unverified(&newer).unwrap());
    let (place, owners) = ((&app.app.config.public_url, tenant), Store::over(app.db.owner.clone()));
    let refused = restart(&owners, &app.recorder(), place, (&known, &older)).await;
    assert!(matches!(refused, Err(RestartError::Older { .. })), "{refused:?}");

    // Whoever owns the database takes the newer one away, and begins the log anew from the older one.
    owner(&app, format!("delete from audit_checkpoint where tenant = '{tenant}' and size > {}", known.size)).await;
    restart(&owners, &app.recorder(), place, (&known, &older)).await.unwrap();
    let said = with_memory(&app, tenant, &newer).await;
    assert!(matches!(said, Err(SignError::Silent(_))), "{said:?}");
    // One that was away for longer knows no better.
    assert!(matches!(with_memory(&app, tenant, &older).await, Ok(Signing::Signed(_) | Signing::Nothing)));
    let other = Checkpoint { root: Hash([7; 32]), ..known.clone() };
    let said = with_memory(&app, tenant, &sign(&other, &app.app.keyring.checkpoint_keys()).unwrap()).await;
    assert!(matches!(said, Err(SignError::Silent(_))), "as long, and another: {said:?}");
    let elsewhere = Checkpoint { origin: Origin::parse("elsewhere/audit/platform").unwrap(), ..newest_known };
    let said = with_memory(&app, tenant, &sign(&elsewhere, &app.app.keyring.checkpoint_keys()).unwrap()).await;
    assert!(matches!(said, Err(SignError::Unknown(_))), "{said:?}");
}

/// The key for checkpoints was lost: what is remembered was signed by nobody who is known.
#[tokio::test]
async fn with_another_key_the_log_begins_anew_and_goes_on() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    signed(&app, tenant).await;
    let known = Checkpoint::unverified(&newest(&app, tenant).await.note).unwrap();
    let lost = CheckpointKey::of(&[9; 32]).unwrap();
    let note = sign(&known, &[lost]).unwrap();
    let said = with_memory(&app, tenant, &note).await;
    assert!(matches!(said, Err(SignError::Memory(_))), "{said:?}");
    let owners = Store::over(app.db.owner.clone());
    restart(&owners, &app.recorder(), (&app.app.config.public_url, tenant), (&known, &note)).await.unwrap();
    let said = with_memory(&app, tenant, &note).await;
    assert!(matches!(said, Ok(Signing::Signed(_))), "{said:?}");
}

#[tokio::test]
async fn old_checkpoints_are_thinned_to_one_an_hour() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    let insert = |size: i32, at: &str| {
        let columns = "(tenant, epoch, size, root, note, signed_at)";
        let at = format!("audit_month(now(), -1) + interval '{at}'");
        format!("insert into audit_checkpoint {columns} values ('{tenant}', 1, {size}, sha256(''), 'n', {at})")
    };
    // The first hour of a month, the second one, and now.
    for (size, at) in [(101, "1 min"), (102, "2 min"), (103, "59 min"), (104, "60 min"), (105, "61 min")] {
        owner(&app, insert(size, at)).await;
    }
    let witnessed = "(tenant, epoch, size, key, line, kept_at) values";
    owner(&app, format!("insert into audit_cosignature {witnessed} ('{tenant}', 1, 102, 'k', 'l', now())")).await;
    let mut tx = app.app.store.tenant_tx(tenant).await.unwrap();
    assert_eq!(audit_log::thin_checkpoints(&mut tx, 1).await.unwrap(), 1);
    assert_eq!(audit_log::thin_checkpoints(&mut tx, 100).await.unwrap(), 1);
    assert_eq!(audit_log::thin_checkpoints(&mut tx, 100).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let left = "select size from audit_checkpoint where tenant = $1 and size > 100 order by size";
    let left: Vec<i64> = sqlx::query_scalar(left).bind(tenant.0).fetch_all(&app.db.owner).await.unwrap();
    assert_eq!(left, [102, 103, 105]);
}
