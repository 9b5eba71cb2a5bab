//! One process stands still, or is gone.

use std::time::{Duration, Instant};

use super::{
    attack::{Doomed, Tally, late},
    siege::{LEAST, Siege, VICTIM},
};
use crate::harness::nodes::{Nodes, Seen, poll};

/// Far below a lease: nobody was waited for.
const QUICK: Duration = Duration::from_millis(700);
/// A lease and a tenth, and what a busy machine adds.
const BOUND: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stood_still_accepts_nothing_that_was_revoked_meanwhile() {
    let nodes = Nodes::start(3).await;
    let victim = nodes.node(VICTIM);
    for _ in 0..2 {
        let tally = Tally::default();
        let mut siege = Siege::begin(&nodes, &tally).await;
        victim.pause().await;
        let parked = siege.park().await;
        siege.end(async || victim.resume()).await;
        parked.must_be_refused(&tally).await;
        tally.conclude("a node paused and resumed", &nodes, LEAST);
        assert!(tally.slowest() < BOUND, "nobody waits for a paused node for long");
    }

    // So long that nobody waits for it any more: it must still not trust what it holds.
    let (tally, holding) = (Tally::default(), nodes.holding().await);
    let doomed = Doomed::new(&holding.access[0]);
    let mut caller = nodes.caller(VICTIM);
    for _ in 0..2 {
        assert_eq!(caller.sure(&doomed.token).await, Seen::Accepted);
    }
    victim.pause().await;
    poll("revocations to be quick beside a paused node", async || revocation(&nodes).await < QUICK).await;
    let begun = Instant::now();
    nodes.revoke(1, &holding.client, &holding.refresh).await;
    doomed.answer();
    tally.answered(begun.elapsed());
    victim.resume();
    late(&nodes, &tally, &[0, 1, 2], &[&doomed], 30).await;
    tally.conclude("a node paused for long", &nodes, 90);
    victim.ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_is_waited_for_once_and_then_forgotten() {
    let nodes = Nodes::start(3).await;
    let (tally, holding) = (Tally::default(), nodes.holding().await);
    let doomed = Doomed::new(&holding.access[0]);
    for node in 0..3 {
        assert_eq!(nodes.caller(node).sure(&doomed.token).await, Seen::Accepted);
    }
    nodes.node(VICTIM).kill();
    let begun = Instant::now();
    nodes.revoke(1, &holding.client, &holding.refresh).await;
    doomed.answer();
    tally.answered(begun.elapsed());
    assert!(tally.slowest() < BOUND, "{:?}", tally.slowest());
    late(&nodes, &tally, &[1, 2], &[&doomed], 30).await;
    tally.conclude("a node killed", &nodes, 60);

    let killed = Instant::now();
    poll("revocations to be quick beside a killed node", async || revocation(&nodes).await < QUICK).await;
    println!("a node killed: forgotten after {:.1?}", killed.elapsed());
}

/// How long a revocation at a node that is well takes to be answered.
async fn revocation(nodes: &Nodes) -> Duration {
    let holding = nodes.holding().await;
    let begun = Instant::now();
    nodes.revoke(1, &holding.client, &holding.access[0]).await;
    begun.elapsed()
}
