//! Events come into the log once, in order, whoever puts them there; and what is signed is what is there.

use std::{sync::Arc, time::Duration};

use sallyport::{
    app::App,
    audit::{
        Event,
        log::{Checkpoint, CheckpointKey, Entry, Frontier, Hash, Origin, VerifierKey, sign},
        restart::{RestartError, heartbeat, restart},
        sequencer,
        signer::{Memory, SignError, Signer, Signing},
    },
    ids::TenantId,
    jobs::log::go_on,
    keys::Keyring,
    store::{
        self, Store,
        audit::EventRow,
        audit_log::{self, Head, PLATFORM},
    },
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::harness::{app::TestApp, scratch::Scratch};

pub(super) fn event(object: &str) -> Event {
    Event::changed(object.to_owned(), "created")
}

pub(crate) async fn happen(app: &App, tenant: TenantId, object: &str) -> Uuid {
    let row = app.recorder(None).row(&event(object)).unwrap();
    let mut tx = app.store.tenant_tx(tenant).await.unwrap();
    store::audit::insert(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
    row.id.0
}

async fn count(app: &TestApp, statement: &'static str, tenant: TenantId) -> i64 {
    sqlx::query_scalar(statement).bind(tenant.0).fetch_one(&app.db.owner).await.unwrap()
}

/// Lets the log go on until all that happened is in it. Transactions of other tests in the same cluster hold it up for moments.
pub(crate) async fn settled(app: &TestApp, log: TenantId) {
    let events = if log == PLATFORM {
        "select count(*) from platform_event where $1 = $1::uuid"
    } else {
        "select count(*) from audit_event where tenant = $1"
    };
    while count(app, "select count(*) from audit_entry where tenant = $1", log).await < count(app, events, log).await {
        match go_on(&app.app, log).await {
            // Where a test has put something in the place of a checkpoint: the log grows all the same.
            Ok(_) | Err(SignError::Foreign { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) async fn head(app: &App, log: TenantId) -> Head {
    let mut tx = app.store.tenant_tx(log).await.unwrap();
    audit_log::head(&mut tx).await.unwrap().unwrap()
}

/// The entries of an epoch as they follow from the events, in the order of the log.
pub(crate) async fn entries(app: &TestApp, log: TenantId, epoch: i32) -> Vec<Entry> {
    let table =
        if log == PLATFORM { "platform_event e on e.id" } else { "audit_event e on e.tenant = n.tenant and e.id" };
    let statement = format!(
        "select n.index, e.id, e.at, e.kind, e.version, e.request_id, e.body from audit_entry n join {table} = n.event
          where n.tenant = $1 and n.epoch = $2 order by n.index"
    );
    type Row = (i64, Uuid, OffsetDateTime, String, i16, Option<String>, serde_json::Value);
    let rows: Vec<Row> =
        sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(log.0).bind(epoch).fetch_all(&app.db.owner).await.unwrap();
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.0, i64::try_from(n).unwrap(), "no gap");
    }
    let entry = |(_, id, at, kind, version, request_id, body): Row| {
        Entry::of(&EventRow { id: id.into(), at, kind, version, request_id, body }).unwrap()
    };
    rows.into_iter().map(entry).collect()
}

pub(crate) fn root(entries: &[Entry]) -> Hash {
    let mut frontier = Frontier::default();
    entries.iter().for_each(|entry| frontier.push(entry.leaf(), |_, _, _| {}));
    frontier.root()
}

fn key(app: &TestApp, origin: &Origin) -> VerifierKey {
    let [key] = <[CheckpointKey; 1]>::try_from(app.app.keyring.checkpoint_keys()).ok().unwrap();
    key.verifier(origin).unwrap()
}

pub(crate) async fn newest(app: &TestApp, log: TenantId) -> audit_log::CheckpointRow {
    let mut tx = app.app.store.tenant_tx(log).await.unwrap();
    audit_log::newest_checkpoint(&mut tx).await.unwrap().unwrap()
}

/// What is in the log is all that happened, once; and the tree, and what was signed, is over that.
pub(crate) async fn whole(app: &TestApp, log: TenantId) -> Vec<Entry> {
    settled(app, log).await;
    let head = head(&app.app, log).await;
    let entries = entries(app, log, head.epoch).await;
    assert_eq!((entries.len() as u64, root(&entries)), (head.size, head.root));
    entries
}

#[tokio::test]
async fn all_that_happens_is_in_the_log_once_and_what_is_signed_is_that() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    for n in 0..300 {
        happen(&app.app, tenant, &format!("server/{n}")).await;
    }
    for log in [tenant, PLATFORM] {
        // The first checkpoint leaves an event of the key behind it, which comes into the log then.
        settled(&app, log).await;
        app.clock.advance(Duration::from_secs(10));
        go_on(&app.app, log).await.unwrap();
        let entries = whole(&app, log).await;
        app.clock.advance(Duration::from_secs(10));
        go_on(&app.app, log).await.unwrap();
        let signed = newest(&app, log).await;
        let origin = Origin::of(&app.app.config.public_url, log, 1);
        let checkpoint = Checkpoint::verified(&signed.note, &key(&app, &origin)).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (entries.len() as u64, root(&entries)));
        let kinds: Vec<String> = entries.iter().map(|entry| Entry::parse(entry.bytes()).unwrap().1.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "checkpoint_key.in_use").count(), 1);
    }
    let before = head(&app.app, tenant).await;
    go_on(&app.app, tenant).await.unwrap();
    assert_eq!(head(&app.app, tenant).await.size, before.size, "nothing new");
}

#[tokio::test]
async fn what_began_before_comes_before_and_nothing_is_passed_over() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    let before = head(&app.app, tenant).await.size;
    let mut slow = app.app.store.tenant_tx(tenant).await.unwrap();
    let first = app.recorder().row(&event("first")).unwrap();
    store::audit::insert(&mut slow, &first).await.unwrap();
    let second = happen(&app.app, tenant, "second").await;
    for _ in 0..3 {
        go_on(&app.app, tenant).await.unwrap();
    }
    assert_eq!(head(&app.app, tenant).await.size, before, "nobody knows yet whether the first one is to come");
    slow.commit().await.unwrap();
    settled(&app, tenant).await;
    let order = "select event from audit_entry where tenant = $1 and event = any($2) order by index";
    let order: Vec<Uuid> =
        sqlx::query_scalar(order).bind(tenant.0).bind([second, first.id.0]).fetch_all(&app.db.owner).await.unwrap();
    assert_eq!(order, [first.id.0, second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_sequencers_race_and_there_is_no_gap_and_no_double() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant("acme").await.id;
    let writers = (0..4).map(|writer| {
        let app = app.clone();
        tokio::spawn(async move {
            for n in 0..40 {
                happen(&app.app, tenant, &format!("server/{writer}-{n}")).await;
            }
        })
    });
    let sequencers = (0..4).map(|_| {
        let app = app.clone();
        tokio::spawn(async move {
            for _ in 0..60 {
                let place = (&app.app.config.public_url, tenant);
                sequencer::advance(&app.app.store, place, app.clock.now()).await.unwrap();
            }
        })
    });
    for task in writers.chain(sequencers).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(whole(&app, tenant).await.len() >= 160);
}

#[tokio::test]
async fn silence_is_said_every_hour() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    let (recorder, hour) = (app.recorder(), time::Duration::HOUR);
    assert!(!heartbeat(&app.app.store, &recorder, tenant, hour).await.unwrap());
    app.clock.advance(Duration::from_secs(3601));
    let before = head(&app.app, tenant).await.size;
    settled(&app, tenant).await;
    go_on(&app.app, tenant).await.unwrap();
    settled(&app, tenant).await;
    let entries = whole(&app, tenant).await;
    let last = entries.iter().rev().map(|entry| Entry::parse(entry.bytes()).unwrap().1);
    let beats: Vec<EventRow> = last.filter(|event| event.kind == "log.heartbeat").collect();
    assert_eq!((beats.len(), &beats[0].body["entries"]), (1, &before.into()));
    assert_eq!(app.app.store.logs_with_news(app.clock.now() - hour).await.unwrap().last(), Some(&PLATFORM));
}

#[tokio::test]
async fn nothing_is_signed_that_does_not_go_on_with_what_was() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    go_on(&app.app, tenant).await.unwrap();
    let signed = newest(&app, tenant).await;
    happen(&app.app, tenant, "server/one").await;
    settled(&app, tenant).await;
    let (keys, recorder, head) = (app.app.keyring.checkpoint_keys(), app.recorder(), head(&app.app, tenant).await);
    let later = app.clock.now() + Duration::from_secs(60);
    let files = Scratch::new();
    let try_with = async |size: u64, root: Hash, origin: &Origin| {
        let memory = Memory::open(Some(&files.path(&format!("{size}-{}", root.0[0])))).unwrap();
        let note = sign(&Checkpoint { origin: origin.clone(), size, root }, &keys).unwrap();
        memory.keep(tenant, &note, &keys).unwrap();
        let signer = Signer { store: &app.app.store, memory: &memory, keys: &keys, recorder: &recorder };
        loop {
            match signer.sign(tenant, later).await {
                // What was refused before gives the turn back in a moment.
                Ok(Signing::Busy) => tokio::task::yield_now().await,
                said => return said,
            }
        }
    };
    let longer = try_with(head.size + 1, head.root, &head.origin).await;
    assert!(matches!(longer, Err(SignError::SetBack { known, .. }) if known == head.size + 1), "{longer:?}");
    let other = try_with(signed.size, Hash([7; 32]), &head.origin).await;
    assert!(matches!(other, Err(SignError::Fork(_))), "{other:?}");
    let next = Origin::of(&app.app.config.public_url, tenant, 2);
    let unknown = try_with(1, head.root, &next).await;
    assert!(matches!(unknown, Err(SignError::Unknown(_))), "{unknown:?}");
    assert_eq!(newest(&app, tenant).await.size, signed.size, "nothing was signed");
    let known = Checkpoint::unverified(&signed.note).unwrap();
    assert!(matches!(try_with(signed.size, known.root, &head.origin).await.unwrap(), Signing::Signed(_)));
    assert_eq!(newest(&app, tenant).await.size, head.size);
}

/// Somebody with all rights in the database changes what an event says, or takes one away. Neither helps.
#[tokio::test]
async fn whoever_owns_the_database_cannot_make_the_tree_fit() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    let victim = happen(&app.app, tenant, "server/victim").await;
    let entries_before = whole(&app, tenant).await;
    let statement =
        "update audit_event set body = '{\"object\": \"server/other\", \"change\": \"created\"}' where id = $1";
    sqlx::query(statement).bind(victim).execute(&app.db.owner).await.unwrap();
    let head = head(&app.app, tenant).await;
    let changed = entries(&app, tenant, 1).await;
    assert_eq!(changed.len(), entries_before.len());
    assert_ne!(root(&changed), head.root);
}

#[tokio::test]
async fn a_log_that_was_set_back_begins_anew_and_names_what_was() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    go_on(&app.app, tenant).await.unwrap();
    let old = head(&app.app, tenant).await;
    let keys = app.app.keyring.checkpoint_keys();
    // What was signed before the backup was restored.
    let lost = Checkpoint { origin: old.origin.clone(), size: old.size + 9, root: Hash([7; 32]) };
    let note = sign(&lost, &keys).unwrap();
    let pending = happen(&app.app, tenant, "server/pending").await;
    let place = (&app.app.config.public_url, tenant);
    let owner = Store::over(app.db.owner.clone());
    let other = Checkpoint { origin: Origin::parse("elsewhere/audit/platform").unwrap(), ..lost.clone() };
    let refused = restart(&owner, &app.recorder(), place, (&other, &note)).await;
    assert!(matches!(refused, Err(RestartError::Other { .. })), "{refused:?}");
    let new = restart(&owner, &app.recorder(), place, (&lost, &note)).await.unwrap();
    assert_eq!((new.epoch, new.size), (2, 1));
    assert_eq!(new.origin.as_str(), format!("{}/2", old.origin));
    let entries = {
        settled(&app, tenant).await;
        entries(&app, tenant, 2).await
    };
    let first = Entry::parse(entries[0].bytes()).unwrap().1;
    assert_eq!((first.kind.as_str(), &first.body["size"]), ("log.restarted", &lost.size.into()));
    assert_eq!(first.body["checkpoint"], note);
    let events: Vec<Uuid> = entries.iter().map(|entry| Entry::parse(entry.bytes()).unwrap().1.id.0).collect();
    assert!(events.contains(&pending), "what was in no log is in the new one");
    let head = head(&app.app, tenant).await;
    assert_eq!((head.size, head.root), (entries.len() as u64, root(&entries)));
    go_on(&app.app, tenant).await.unwrap();
    let later = app.clock.now() + Duration::from_secs(60);
    let signer =
        Signer { store: &app.app.store, memory: &app.app.evidence.memory, keys: &keys, recorder: &app.recorder() };
    signer.sign(tenant, later).await.unwrap();
    assert_eq!(newest(&app, tenant).await.epoch, 2);
}

#[tokio::test]
async fn keys_follow_one_another_and_old_ones_go_on_signing_until_they_are_retired() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    settled(&app, tenant).await;
    let mut file = sallyport::keys::KeyFile::parse(&app.key_file).unwrap();
    let id = file.add(sallyport::keys::KeyKind::Checkpoint, &app.app.entropy).unwrap();
    let both = Keyring::parse(&file.render()).unwrap();
    let [first, second] = <[CheckpointKey; 2]>::try_from(both.checkpoint_keys()).ok().unwrap();
    assert_eq!(
        both.in_use(sallyport::keys::KeyKind::Checkpoint),
        app.app.keyring.in_use(sallyport::keys::KeyKind::Checkpoint)
    );
    assert_ne!(both.in_use(sallyport::keys::KeyKind::Checkpoint), id);
    let head = head(&app.app, tenant).await;
    let checkpoint = Checkpoint { origin: head.origin.clone(), size: head.size, root: head.root };
    let note = sign(&checkpoint, &[second, first]).unwrap();
    for key in both.checkpoint_keys() {
        assert_eq!(Checkpoint::verified(&note, &key.verifier(&head.origin).unwrap()), Ok(checkpoint.clone()));
    }
}
