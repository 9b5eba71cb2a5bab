//! Promise 9: evidence can be checked by others. Here: whatever ends in the middle, the log is whole.

use std::sync::atomic::{AtomicUsize, Ordering};

use sallyport::{
    audit::log::Checkpoint,
    store::audit_log::{self, PLATFORM},
};

use crate::{
    audit::sequence,
    harness::{
        flow::{Flow, TestClient, Tokens},
        nodes::Nodes,
    },
};

/// Processes that are killed, one after the other, while they answer.
const KILLED: usize = 2;

/// Refreshes at one process, one after the other, until it answers no more. Counts what was answered.
async fn refresh(
    nodes: &Nodes,
    node: usize,
    client: &TestClient,
    mut tokens: Tokens,
    answered: &AtomicUsize,
    most: usize,
) {
    for _ in 0..most {
        let url = format!("{}/token", nodes.tenant.issuer);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh.as_str()),
            ("client_id", client.id.as_str()),
        ];
        let Ok(answer) = nodes.node(node).http.post(url).form(&form).send().await else { return };
        if answer.status() != 200 {
            return;
        }
        let Ok(body) = answer.json().await else { return };
        tokens = Tokens::read(&body);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_leave_no_gap_and_no_double_and_nothing_unsaid() {
    let nodes = Nodes::start_with(KILLED + 1, &[("SALLYPORT_AUDIT__CHECKPOINT_SECONDS", "1")]).await;
    let flow = Flow::new(&nodes.app, &nodes.tenant);
    let client = flow.client().await;
    let answered = AtomicUsize::new(0);
    for victim in (0..KILLED).rev() {
        let mut families = Vec::new();
        for _ in 0..nodes.count() {
            families.push(flow.tokens(&client).await);
        }
        let work = futures_util::future::join_all(families.into_iter().enumerate().map(|(node, tokens)| {
            // The last one lives, so it works for a while and ends.
            refresh(&nodes, node, &client, tokens, &answered, 40)
        }));
        let goal = answered.load(Ordering::Relaxed) + 20;
        let kill = async {
            while answered.load(Ordering::Relaxed) < goal {
                tokio::task::yield_now().await;
            }
            // Logins and consents of the next round go to the first process.
            nodes.node(victim + 1).kill();
        };
        tokio::join!(work, kill);
    }
    let tenant = nodes.tenant.id;
    let told = "select count(*) from audit_event where kind = 'token.refreshed' and body->>'retried' = 'false'";
    let told: i64 = sqlx::query_scalar(told).fetch_one(&nodes.app.db.owner).await.unwrap();
    assert!(told >= i64::try_from(answered.load(Ordering::Relaxed)).unwrap(), "an answer without its event");
    for log in [tenant, PLATFORM] {
        let entries = sequence::whole(&nodes.app, log).await;
        let mut tx = nodes.app.app.store.tenant_tx(log).await.unwrap();
        let newest = audit_log::newest_checkpoint(&mut tx).await.unwrap().unwrap();
        let [key] = &nodes.app.app.keyring.checkpoint_keys()[..] else { panic!("one key") };
        let origin = Checkpoint::unverified(&newest.note).unwrap().origin;
        let checkpoint = Checkpoint::verified(&newest.note, &key.verifier(&origin).unwrap()).unwrap();
        let then = &entries[..usize::try_from(checkpoint.size).unwrap()];
        assert_eq!(sequence::root(then), checkpoint.root, "what was signed while processes died");
    }
}
