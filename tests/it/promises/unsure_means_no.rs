//! Promise 10: where Sallyport cannot tell, it refuses, says that the fault is its own, and loses nothing.
//!
//! For every route there is an errand that would be done if all were well. Each fault is brought about, every errand is
//! tried, and the fault is taken away again. A refusal is 503 with `Retry-After` in the form of whoever asks, and never
//! something on which a client throws its credentials away. At the end all errands are done: no code, token, session, form
//! or registration was lost on the way.

mod errands;
mod faults;
mod forms;
mod node;

use futures_util::future::join_all;
use sallyport::{clock::Clock, jobs::janitor, store::Store};
use time::Duration;
use tokio_util::sync::CancellationToken;

use self::{
    errands::{Errand, errands},
    faults::{Fault, after_all, faults},
    node::Node,
};
use crate::{
    gateway::{
        upstream::{Reply, Upstream},
        world::{BOTH, World},
    },
    harness::{app::TestApp, db::TestDb},
};

/// Where nothing can be told, nothing is done: not by any route, and not in any table.
#[tokio::test]
async fn every_route_refuses_in_its_own_form_and_loses_nothing() {
    let app = TestApp::start().await;
    let (upstream, tenant) = (Upstream::start().await, app.tenant("acme").await);
    app.server(tenant.id, "acme", "demo", &upstream.url).await;
    let errands = errands(&app, &tenant).await;
    for fault in faults() {
        let node = Node::beside(&app).await;
        let before = after_all(&app.db).await;
        fault.begin(&app.db, &node).await;
        // What it does not concern would be done.
        let tried = errands.iter().filter(|errand| fault.concerns(errand) || errand.changes_nothing());
        let answers = join_all(tried.map(async |errand| (errand, errand.run(&node).await))).await;
        for (errand, answer) in answers {
            if fault.concerns(errand) {
                answer.assert_refused(errand.guard, &format!("{errand} while {fault}"));
            } else {
                assert_eq!(answer.status, errand.done, "{errand} while {fault}");
            }
        }
        fault.end(&app.db, &node).await;
        assert_eq!(after_all(&app.db).await, before, "what happened while {fault}");
        // The same process goes on when the fault is over.
        for errand in errands.iter().filter(|errand| errand.changes_nothing()) {
            errand.is_done(&node, &format!("after {fault}")).await;
        }
        // The next round begins when nothing of this one is under way.
        node.app.calls.flush().await.unwrap();
    }
    assert!(upstream.seen().len() == 3 * faults().len(), "one call of each method went on after each fault");
    let node = Node::beside(&app).await;
    for errand in &errands {
        errand.is_done(&node, "after all of it").await;
    }
}

/// Where only part of it works, each errand is done, or refused and possible later.
#[tokio::test]
async fn what_is_refused_can_be_done_later() {
    let app = TestApp::start().await;
    let (upstream, tenant) = (Upstream::start().await, app.tenant("acme").await);
    app.server(tenant.id, "acme", "demo", &upstream.url).await;
    for fault in Fault::partial() {
        let errands = errands(&app, &tenant).await;
        let node = Node::beside(&app).await;
        fault.begin(&app.db, &node).await;
        let mut refused = Vec::new();
        for errand in &errands {
            let answer = errand.run(&node).await;
            if answer.status != errand.done {
                answer.assert_refused(errand.guard, &format!("{errand} while {fault}"));
                // Whoever waits tries again: a person more often than wrong passwords are looked at.
                for _ in 0..if errand.what == "log in" { 11 } else { 1 } {
                    let answer = errand.run(&node).await;
                    answer.assert_refused(errand.guard, &format!("{errand} again while {fault}"));
                }
                refused.push(errand);
            }
        }
        fault.end(&app.db, &node).await;
        let must_fail = fault.must_refuse();
        assert!(must_fail.iter().all(|what| refused.iter().any(|errand| errand.what == *what)), "{fault}: {refused:?}");
        for errand in refused {
            let errand: &Errand = errand;
            errand.is_done(&node, &format!("after {fault}")).await;
        }
    }
}

/// By a clock that is a year ahead everything has expired. Nothing is thrown away, and nobody is told that it has.
#[tokio::test]
async fn a_wrong_clock_ends_nothing_for_good() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut stream = world.call(&token).send().await.unwrap();
    events.send("data: {}\n\n".to_owned()).unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let before = after_all(&world.app.db).await;

    world.app.clock.set_by(Duration::days(365));
    let last = stream.text().await.unwrap();
    assert!(last.contains("the gateway's clock is wrong") && !last.contains("expired"), "{last}");
    janitor::sweep(&world.app.app, world.tenant.id).await.unwrap_err();
    let gone = |row: &&String| !row.starts_with("audit_event ");
    let after = after_all(&world.app.db).await;
    assert!(after.iter().filter(gone).eq(before.iter().filter(gone)));

    world.app.clock.set_by(-Duration::days(365));
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    world.app.clock.advance(std::time::Duration::from_secs(366 * 86_400));
    assert!(!janitor::sweep(&world.app.app, world.tenant.id).await.unwrap().is_empty(), "once a year went by");
}

/// Of two clocks that differ nobody can say which is right: a process does not serve by its own until they agree.
#[tokio::test]
async fn a_process_compares_its_clock_with_the_databases() {
    let db = TestDb::new().await;
    let store = Store::over(db.app.clone());
    let clock = Clock::system();
    assert!(clock.is_odd(), "not compared yet");
    store.compare_clock(&clock).await.unwrap();
    assert!(!clock.is_odd());
    let app = TestApp::over(db, store, Clock::system(), |_| {}).await;
    assert!(!app.clock.is_odd());
    app.clock.compare(app.clock.now() - Duration::HOUR).unwrap_err();
    let answer = app.browser().get(app.url("/t/acme/mcp/demo")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    let stop = CancellationToken::new();
    let jobs = sallyport::jobs::start(app.app.clone(), stop.clone());
    let agreed = async {
        while app.clock.is_odd() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), agreed).await.expect("the clocks are compared again");
    stop.cancel();
    jobs.await.unwrap();
}
