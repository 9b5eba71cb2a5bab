//! A process stands still, or is gone, in the middle of taking authority away: its transaction is nobody's.

use std::time::{Duration, Instant};

use super::siege::VICTIM;
use crate::harness::nodes::{Nodes, Seen, Side, poll};

/// What the database waits for a transaction in which nothing happens, and what a busy machine adds.
const UNDER_THE_LOCK: Duration = Duration::from_secs(8);
const BEFORE_THE_LOCK: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_nobody_ends_keeps_nobody_from_revoking() {
    let nodes = Nodes::start(3).await;
    // The answer is all that is missing: the entry is written, and the log's lock held. Or a row is, that others want.
    for (statement, bound) in [("authority_append", UNDER_THE_LOCK), ("update family", BEFORE_THE_LOCK)] {
        let victim = nodes.node(VICTIM);
        let (orphaned, other) = (nodes.holding().await, nodes.holding().await);
        for node in 0..3 {
            assert_eq!(nodes.caller(node).sure(&orphaned.access[0]).await, Seen::Accepted);
        }
        let held = victim.proxy.hold_next(Side::Answer, statement);
        let form = [("token", orphaned.refresh.as_str())];
        let revoking = nodes.post(VICTIM, "revoke", &orphaned.client, &form);
        let meanwhile = async {
            held.caught().await;
            victim.pause().await;
            let begun = Instant::now();
            let another = if statement == "update family" { &orphaned } else { &other };
            nodes.revoke(1, &another.client, &another.refresh).await;
            assert!(begun.elapsed() < bound, "{statement}: {:?}", begun.elapsed());
            println!("{statement}: another revocation was answered after {:.1?}", begun.elapsed());
            for node in [1, 2] {
                assert_eq!(nodes.caller(node).sure(&another.access[0]).await, Seen::Refused);
            }
            poll("leases beside the one that stands still", async || renewed(&nodes).await).await;
            victim.resume();
            held.release();
        };
        let (answer, ()) = futures_util::future::join(revoking, meanwhile).await;
        assert_eq!(answer.status(), 503, "what was rolled back is not said to be done");
        nodes.ready().await;
        // It can be done now.
        nodes.revoke(VICTIM, &orphaned.client, &orphaned.refresh).await;
        for node in 0..3 {
            assert_eq!(nodes.caller(node).sure(&orphaned.access[0]).await, Seen::Refused);
        }
    }
}

/// Whether two processes of three have renewed their leases just now.
async fn renewed(nodes: &Nodes) -> bool {
    let before: Vec<i64> = beats(nodes).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = beats(nodes).await;
    after.iter().filter(|beat| !before.contains(beat)).count() >= 2
}

async fn beats(nodes: &Nodes) -> Vec<i64> {
    sqlx::query_scalar("select beat from node").fetch_all(&nodes.app.db.owner).await.unwrap()
}
