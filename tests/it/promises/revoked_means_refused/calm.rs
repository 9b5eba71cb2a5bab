//! Nothing is broken but the listeners: every way to revoke, many at once, and revokers that race each other.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::{join, join_all};

use super::attack::{Doomed, InFlight, Revoker, Tally, round};
use crate::harness::{
    flow::{Tokens, oauth_error},
    nodes::{ECHO, Holding, Login, Nodes, Seen},
};

const ALL: [usize; 3] = [0, 1, 2];
/// Rounds that run at the same time.
const LANES: usize = 3;
const ROUNDS: usize = 12;
/// Calls of each caller after the answer.
const TRIES: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_answer_on_no_node_accepts_it() {
    let nodes = Nodes::start(3).await;
    let login = nodes.log_in().await;
    let (tally, over) = (Tally::default(), AtomicBool::new(false));
    let lanes = async {
        join_all((0..LANES).map(|lane| rounds(&nodes, &login, &tally, lane))).await;
        over.store(true, Ordering::SeqCst);
    };
    join(lanes, bystander(&nodes, &over)).await;
    in_flight(&nodes, &tally).await;
    tally.conclude("no fault", &nodes, LANES * ROUNDS * ALL.len() * TRIES);

    let tally = Tally::default();
    for at in 0..4 {
        race(&nodes, &login, &tally, at).await;
    }
    tally.conclude("revokers that race", &nodes, 4 * 2 * ALL.len() * TRIES);

    let tally = Tally::default();
    for at in 0..3 {
        beside_refreshes(&nodes, &tally, at).await;
    }
    tally.conclude("revoked beside refreshes", &nodes, 3 * ALL.len() * TRIES);

    let tally = Tally::default();
    for at in 0..3 {
        for node in ALL {
            // It may be about to listen again.
            nodes.node(node).proxy.kill_listeners();
        }
        rounds_of(&nodes, &login, &tally, at, 1).await;
    }
    tally.conclude("listeners killed", &nodes, 3 * ALL.len() * TRIES);
}

async fn rounds(nodes: &Nodes, login: &Login, tally: &Tally, lane: usize) {
    rounds_of(nodes, login, tally, lane, ROUNDS).await;
}

/// So many rounds, each a way on and at another node.
async fn rounds_of(nodes: &Nodes, login: &Login, tally: &Tally, lane: usize, count: usize) {
    for (at, holding) in nodes.holdings(count).await.iter().enumerate() {
        let [one, other] = &holding.access;
        let (one, other) = (Doomed::new(one), Doomed::new(other));
        let (node, way) = ((lane + at) % ALL.len(), (lane + at / ALL.len()) % 4);
        let revoker = Revoker { act: Box::pin(revoke(nodes, login, holding, node, way)), ends: vec![&one] };
        round(nodes, tally, &ALL, &[&one], vec![revoker], TRIES).await;
        // One access token dies alone; everything else takes the family with it.
        for node in ALL {
            let seen = nodes.caller(node).sure(&other.token).await;
            assert_eq!(seen, if way == 0 { Seen::Accepted } else { Seen::Refused }, "way {way} at node {node}");
        }
    }
}

async fn revoke(nodes: &Nodes, login: &Login, holding: &Holding, node: usize, way: usize) {
    match way {
        0 => nodes.revoke(node, &holding.client, &holding.access[0]).await,
        1 => nodes.revoke(node, &holding.client, &holding.refresh).await,
        2 => nodes.take_back(node, login, &holding.grant).await,
        _ => nodes.unregister(node, holding).await,
    }
}

/// Somebody who lost nothing is served all the time. On a machine so busy that a lease runs out, a node may not be sure.
async fn bystander(nodes: &Nodes, over: &AtomicBool) {
    let holding = nodes.holding().await;
    let mut callers = ALL.map(|node| nodes.caller(node));
    let (mut accepted, mut unsure) = (0, 0);
    while !over.load(Ordering::SeqCst) {
        for caller in &mut callers {
            let call = caller.prepare(&holding.access[0], ECHO);
            let id = call.id;
            match caller.send(call).await {
                Seen::Accepted => {
                    accepted += 1;
                    assert_eq!(
                        nodes.upstream.arrived(id).as_ref(),
                        Some(&holding.client),
                        "under whose name it arrived"
                    );
                }
                Seen::Unsure => unsure += 1,
                seen => panic!("{seen:?} for somebody who lost nothing"),
            }
        }
        // Most of the machine is for the others.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(accepted > 10 * unsure, "{accepted} accepted, {unsure} times not sure");
}

/// Calls and streams on their way at every node end with the answer; those of others go on.
async fn in_flight(nodes: &Nodes, tally: &Tally) {
    loop {
        let lapses = nodes.lapses().await;
        let (holding, other) = (nodes.holding().await, nodes.holding().await);
        let (mut dead, mut living) = (Vec::new(), Vec::new());
        for node in ALL {
            for token in &holding.access {
                dead.push(InFlight::begin(nodes, node, &Doomed::new(token)).await);
            }
            living.push(InFlight::begin(nodes, node, &Doomed::new(&other.access[0])).await);
        }
        nodes.revoke(1, &holding.client, &holding.refresh).await;
        nodes.upstream.release();
        for flight in dead {
            flight.must_be_dead(tally).await;
        }
        let living = join_all(living.into_iter().map(InFlight::lived_on)).await;
        // A lease that runs out takes all with it, which a busy machine can bring about.
        if nodes.lapses().await == lapses {
            return assert_eq!(living, [true; 3], "what others have in flight goes on");
        }
    }
}

/// The same grant is taken away by several at once, at several nodes, some of them twice: each answer is true.
async fn race(nodes: &Nodes, login: &Login, tally: &Tally, at: usize) {
    let holding = nodes.holding().await;
    let doomed = [Doomed::new(&holding.access[0]), Doomed::new(&holding.access[1])];
    let [one, other] = &doomed;
    let mut revokers = Vec::new();
    for twice in 0..2 {
        let node = |way: usize| (at + way + twice) % ALL.len();
        for way in 0..3 {
            let ends = if way == 0 { vec![one] } else { vec![one, other] };
            revokers.push(Revoker { act: Box::pin(revoke(nodes, login, &holding, node(way), way)), ends });
        }
    }
    round(nodes, tally, &ALL, &[one, other], revokers, TRIES).await;
}

/// The client refreshes at all nodes while it is revoked: nothing that it got on the way works after the answer.
async fn beside_refreshes(nodes: &Nodes, tally: &Tally, at: usize) {
    let holding = nodes.holding().await;
    let doomed = Doomed::new(&holding.access[0]);
    let form = [("grant_type", "refresh_token"), ("refresh_token", holding.refresh.as_str())];
    let refreshed = RefCell::new(Vec::new());
    let refreshes = async {
        for answer in join_all((0..6).map(|at| nodes.post(at % ALL.len(), "token", &holding.client, &form))).await {
            if answer.status() == 200 {
                let tokens = Tokens::read(&answer.json().await.unwrap());
                refreshed.borrow_mut().push(tokens);
            } else {
                assert_eq!(oauth_error(answer).await.1, "invalid_grant");
            }
        }
    };
    let act = Box::pin(async {
        join(nodes.revoke(at % ALL.len(), &holding.client, &holding.refresh), refreshes).await;
    });
    round(nodes, tally, &ALL, &[&doomed], vec![Revoker { act, ends: vec![&doomed] }], TRIES).await;
    for tokens in refreshed.into_inner() {
        for node in ALL {
            assert_eq!(nodes.caller(node).sure(&tokens.access).await, Seen::Refused, "a token of a refresh");
            let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
            let again = nodes.post(node, "token", &holding.client, &form).await;
            assert_eq!(oauth_error(again).await.1, "invalid_grant");
        }
    }
}
