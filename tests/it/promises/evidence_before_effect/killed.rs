//! `kill -9` in the middle of everything.

use std::{sync::Arc, time::Duration};

use rustix::process::Signal;
use sallyport::{clock::Clock, secret::Entropy, store::Store};
use sqlx::ConnectOptions as _;

use super::{
    changes::Changes,
    crowd::{ended, everybody},
    door::Door,
    load::{self, ACCEPT, Calls, SLOW},
};
use crate::{
    gateway::world::{BOTH, World},
    harness::{app::TestApp, db::TestDb, evidence, process::Serving},
};

const ROUNDS: usize = 4;
const CALLING: usize = 8;

/// Another process over the world's database, behind the world's address.
async fn process(world: &World) -> (Serving, Door) {
    let app = &world.app;
    let (base, keys) = (app.base.clone(), app.key_file.to_string());
    let database = app.db.options().to_url_lossy().to_string();
    let starting = tokio::task::spawn_blocking(move || {
        Serving::start(&[
            ("SALLYPORT_PUBLIC_URL", &base),
            ("SALLYPORT_LISTEN", "127.0.0.1:0"),
            ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0"),
            ("SALLYPORT_KEYS", &keys),
            ("SALLYPORT_DATABASE__URL", &database),
            ("SALLYPORT_DATABASE__MAX_CONNECTIONS", "6"),
            ("SALLYPORT_UPSTREAM__ALLOW_NETWORKS", "127.0.0.0/8"),
            ("SALLYPORT_LOG__FILTER", "info,sallyport::request=warn"),
        ])
    });
    let serving = starting.await.unwrap();
    let door = Door::to(app, &serving.public.to_string());
    (serving, door)
}

/// Returns when each call has an outcome. It takes a while until a process is given up for dead.
async fn closed(world: &World) {
    let open = "select count(*) from audit_event i where kind = 'call.intent' and not exists
        (select from audit_event o where o.kind = 'call.outcome' and o.body->>'intent' = i.id::text)";
    let closing = async {
        while sqlx::query_scalar::<_, i64>(open).fetch_one(&world.app.db.owner).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), closing).await.expect("calls stay open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_leaves_no_answer_and_no_change_without_evidence() {
    let db = TestDb::new().await;
    let store = Store::over(db.app.clone());
    let world = World::around(TestApp::over(db, store, Clock::system(), |_| {}).await).await;
    for statement in [ACCEPT].into_iter().chain(SLOW) {
        world.change(statement).await;
    }
    let calls = Arc::new(Calls::default());
    let changes = Arc::new(Changes::prepare(&world.app, &world.tenant, 2, 24).await);
    let mut tokens = Vec::new();
    for _ in 0..CALLING {
        tokens.push(world.token(&BOTH).await);
    }
    let tokens = Arc::new(tokens);
    for round in 0..ROUNDS {
        let (serving, door) = process(&world).await;
        let clients = everybody(&door, &calls, &changes, &tokens);
        let [few, moment] = *Entropy::system().bytes::<2>().unwrap();
        calls.answered(10 + usize::from(few % 32)).await;
        if round == 0 {
            changes.all_tried().await;
        }
        // Twice as long as the disk takes: nobody can tell where in its writing it is.
        tokio::time::sleep(Duration::from_micros(u64::from(moment) * 400)).await;
        serving.signal(Signal::KILL);
        serving.end_killed();
        ended(clients).await;
    }
    let (serving, _door) = process(&world).await;
    closed(&world).await;
    drop(serving);
    let told = evidence::calls(&world.app.db.owner).await;
    // With a slow disk some are caught in the middle, whatever the moment.
    assert!(told.iter().any(|told| told.end() == "unknown"));
    calls.check(&world.upstream, &told);
    changes.check(&world.app.db.owner).await;
}

/// SIGTERM: streams that are cut off have their outcome, and nothing is left for others to say.
#[tokio::test]
async fn a_process_that_is_told_to_stop_says_what_became_of_all_its_calls() {
    let db = TestDb::new().await;
    let store = Store::over(db.app.clone());
    let world = World::around(TestApp::over(db, store, Clock::system(), |_| {}).await).await;
    let token = world.token(&BOTH).await;
    let (mut serving, door) = process(&world).await;
    let mut streams = Vec::new();
    for number in 0..3 {
        let (reply, events) = crate::gateway::upstream::Reply::events();
        world.upstream.reply(reply);
        let mut stream = load::request(&door, &token, &format!("change-{number}"));
        stream = stream.timeout(Duration::from_secs(60));
        let mut stream = stream.send().await.unwrap();
        events.send("data: {}\n\n".to_owned()).unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        streams.push((stream, events));
    }
    let told = evidence::calls(&world.app.db.owner).await;
    assert!(told.len() == 3 && told.iter().all(|told| told.end() == "open"), "{told:?}");
    let ending = tokio::task::spawn_blocking(move || {
        serving.signal(Signal::TERM);
        serving.wait_for("stopping; requests in flight may end");
        serving.signal(Signal::TERM);
        serving.end()
    });
    let (code, log) = ending.await.unwrap();
    assert_eq!(code, 0, "{log}");
    let told = evidence::calls(&world.app.db.owner).await;
    assert!(told.len() == 3 && told.iter().all(|told| told.end() == "client_gone"), "{told:?}");
}
