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

use self::{
    errands::{Errand, errands},
    faults::{Fault, after_all, faults},
    node::Node,
};
use crate::{gateway::upstream::Upstream, harness::app::TestApp};

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
        let answers = join_all(errands.iter().map(async |errand| (errand, errand.run(&node).await))).await;
        for (errand, answer) in answers {
            if errand.needs_the_store() {
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
