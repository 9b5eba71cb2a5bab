//! Revocations: how long one takes while calls run on every node, and whether a call sent after its answer still
//! succeeds anywhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task::JoinSet};

use super::{
    load::Call,
    refresh::Chain,
    site::{Endpoint, OVERLAP, Site},
    wire::Connection,
};

/// Connections to each node that call with the token that is revoked.
const DOOMED: usize = 4;
/// Connections, of all nodes together, that call with another token all the while.
const STEADY: usize = 12;
/// Calls that each doomed connection makes before its token is revoked, and after the answer.
const CALLS: usize = 5;

/// What one revocation came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revocation {
    /// From the request to its answer.
    pub(crate) took: Duration,
    /// Calls with the token that were sent after the answer.
    pub(crate) sent_after: usize,
    /// Those of them that were not refused. Must be none.
    pub(crate) accepted_after: usize,
}

/// What the connections of one revocation know of it.
struct Shared {
    doomed: usize,
    /// Doomed connections that have made their calls.
    warm: AtomicUsize,
    all_warm: Notify,
    /// The revocation was answered.
    answered: AtomicBool,
}

/// Revokes so many access tokens, one after the other. The refresh token of the login that they come from is replaced.
pub(crate) async fn measure(site: &Site, count: u32, steady_token: &str, refresh: &mut String) -> Vec<Revocation> {
    let over = Arc::new(AtomicBool::new(false));
    let mut steady = JoinSet::new();
    for at in 0..STEADY {
        steady.spawn(steadily(site.call(at % site.nodes.len(), OVERLAP, steady_token), over.clone()));
    }
    let mut chain = Chain::begin(site, refresh).await;
    let endpoint = site.endpoint(OVERLAP, "revoke");
    let mut revoking = Connection::open(endpoint.address).await.unwrap();
    let mut revocations = Vec::new();
    for _ in 0..count {
        let access = chain.next().await;
        let calls = (0..site.nodes.len()).map(|node| site.call(node, OVERLAP, &access)).collect();
        revocations.push(revoke(calls, &access, &endpoint, &mut revoking).await);
    }
    over.store(true, Ordering::Relaxed);
    steady.join_all().await;
    *refresh = chain.newest();
    revocations
}

/// Revokes one token while calls with it run on all nodes.
async fn revoke(calls: Vec<Call>, access: &str, endpoint: &Endpoint, revoking: &mut Connection) -> Revocation {
    let shared = Arc::new(Shared {
        doomed: DOOMED * calls.len(),
        warm: AtomicUsize::new(0),
        all_warm: Notify::new(),
        answered: AtomicBool::new(false),
    });
    let mut doomed = JoinSet::new();
    for call in calls {
        for _ in 0..DOOMED {
            doomed.spawn(until_refused(call.clone(), shared.clone()));
        }
    }
    tokio::select! {
        () = shared.all_warm.notified() => {}
        Some(failed) = doomed.join_next() => panic!("a call failed before the revocation: {failed:?}"),
    }
    let asked = Instant::now();
    endpoint.post(revoking, &[("token", access)]).await;
    let took = asked.elapsed();
    shared.answered.store(true, Ordering::SeqCst);
    let after = doomed.join_all().await;
    Revocation {
        took,
        sent_after: after.iter().map(|(sent, _)| sent).sum(),
        accepted_after: after.iter().map(|(_, accepted)| accepted).sum(),
    }
}

/// Calls before and after the revocation's answer. How many calls were sent after it, and how many of them succeeded.
async fn until_refused(call: Call, shared: Arc<Shared>) -> (usize, usize) {
    let mut connection = Connection::open(call.to).await.unwrap();
    let (mut before, mut sent, mut accepted) = (0, 0, 0);
    while sent < CALLS {
        let after = shared.answered.load(Ordering::SeqCst);
        let answer = call.send(&mut connection).await;
        if after {
            sent += 1;
            accepted += usize::from(answer.unwrap() != 401);
            continue;
        }
        let Ok(status) = answer else {
            // In flight when the token was revoked: cut in the middle of its answer.
            connection = Connection::open(call.to).await.unwrap();
            continue;
        };
        before += 1;
        if before <= CALLS {
            assert_eq!(status, 200, "refused before it was revoked");
        }
        if before == CALLS && shared.warm.fetch_add(1, Ordering::SeqCst) + 1 == shared.doomed {
            shared.all_warm.notify_one();
        }
    }
    (sent, accepted)
}

async fn steadily(call: Call, over: Arc<AtomicBool>) {
    let mut connection = Connection::open(call.to).await.unwrap();
    while !over.load(Ordering::Relaxed) {
        assert_eq!(call.send(&mut connection).await.unwrap(), 200, "another token's call was refused");
    }
}
