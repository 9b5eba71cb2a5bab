//! The way between one node and the database fails, wholly or for a single statement.

use super::{
    attack::{Doomed, Tally, late},
    siege::{LEAST, Siege, VICTIM},
};
use crate::harness::nodes::{ECHO, Nodes, Seen, Side};

const TRIES: usize = 30;
/// What the connection calls itself on which a node renews its lease.
const LEASE_CONNECTION: &str = "sallyport lease";
/// In the statement that renews a lease.
const RENEWAL: &str = "lease_renew";
/// In the statement that looks an access token up.
const LOOKUP: &str = "token_lookup";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_reach_the_database_accepts_nothing_that_is_revoked() {
    let nodes = Nodes::start(3).await;
    let victim = &nodes.node(VICTIM).proxy;

    let tally = Tally::default();
    let siege = Siege::begin(&nodes, &tally).await;
    victim.cut();
    nothing_is_said_to_be_revoked(&nodes).await;
    siege.end(async || victim.heal()).await;
    tally.conclude("connections cut", &nodes, LEAST);

    let tally = Tally::default();
    let siege = Siege::begin(&nodes, &tally).await;
    victim.hold();
    siege.end(async || victim.release()).await;
    tally.conclude("a black hole", &nodes, LEAST);

    let tally = Tally::default();
    let siege = Siege::begin(&nodes, &tally).await;
    assert_eq!(victim.cut_named(LEASE_CONNECTION), 1);
    siege.end(async || victim.heal()).await;
    tally.conclude("no lease to be had, and everything else well", &nodes, LEAST);

    for side in [Side::Request, Side::Answer] {
        let tally = Tally::default();
        let siege = Siege::begin(&nodes, &tally).await;
        let held = victim.hold_next(side, RENEWAL);
        held.caught().await;
        siege.end(async || held.release()).await;
        tally.conclude(&format!("the {side:?} of a renewal held"), &nodes, LEAST);
    }

    let tally = Tally::default();
    for black_hole in [false, true, false] {
        for refresh in [true, false] {
            fill(&nodes, &tally, refresh, black_hole).await;
        }
    }
    tally.conclude("a fill held between read and insert", &nodes, 6 * 3 * TRIES);
}

/// A node that cannot revoke does not say that it did.
async fn nothing_is_said_to_be_revoked(nodes: &Nodes) {
    let holding = nodes.holding().await;
    let answer = nodes.post(VICTIM, "revoke", &holding.client, &[("token", &holding.refresh)]).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(nodes.caller(1).sure(&holding.access[0]).await, Seen::Accepted);
}

/// The token is read while it is good, and revoked before what was read arrives at the node.
async fn fill(nodes: &Nodes, tally: &Tally, refresh: bool, black_hole: bool) {
    let (holding, proxy) = (nodes.holding().await, &nodes.node(VICTIM).proxy);
    let doomed = Doomed::new(&holding.access[0]);
    let held = proxy.hold_next(Side::Answer, LOOKUP);
    let mut caller = nodes.caller(VICTIM);
    let call = caller.prepare(&doomed.token, ECHO);
    let id = call.id;
    let reading = tokio::spawn(async move { caller.send(call).await });
    held.caught().await;
    if black_hole {
        proxy.hold();
    }
    let begun = std::time::Instant::now();
    nodes.revoke(1, &holding.client, if refresh { &holding.refresh } else { &holding.access[0] }).await;
    doomed.answer();
    tally.answered(begun.elapsed());
    held.release();
    proxy.release();
    tally.late(VICTIM, id, reading.await.unwrap());
    late(nodes, tally, &[0, 1, 2], &[&doomed], TRIES).await;
    nodes.ready().await;
}
