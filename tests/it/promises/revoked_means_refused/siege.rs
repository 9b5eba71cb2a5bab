//! Tokens that are warm at all nodes, one of which fails in some way before they are revoked at the others.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use futures_util::future::{join, join_all};

use sallyport::ids::PersonId;

use super::attack::{Doomed, InFlight, Tally, late, one};
use crate::harness::{
    app::TestServer,
    nodes::{ECHO, Holding, Nodes, Seen, poll},
};

/// The node that fails.
pub(super) const VICTIM: usize = 0;
const OTHERS: [usize; 2] = [1, 2];
const ALL: [usize; 3] = [0, 1, 2];
const TOKENS: usize = 4;
const TRIES: usize = 20;
/// Calls after the answer that a siege makes at least.
pub(super) const LEAST: usize = TOKENS * TRIES * (OTHERS.len() + ALL.len());

pub(super) struct Siege<'a> {
    nodes: &'a Nodes,
    tally: &'a Tally,
    holdings: Vec<Holding>,
    doomed: Vec<Doomed>,
    flights: Vec<InFlight>,
    /// Of somebody who loses nothing.
    other: Holding,
}

impl<'a> Siege<'a> {
    /// Makes tokens of the tenant's person and uses them everywhere; of the first, a call and a stream stay under way.
    pub(super) async fn begin(nodes: &'a Nodes, tally: &'a Tally) -> Self {
        Self::of(nodes, tally, nodes.tenant.person.id, &nodes.server).await
    }

    /// The same with tokens of this person for this server.
    pub(super) async fn of(nodes: &'a Nodes, tally: &'a Tally, person: PersonId, server: &TestServer) -> Self {
        let holdings = nodes.holdings_of(person, server.id, TOKENS).await;
        let doomed: Vec<_> = holdings.iter().map(|holding| Doomed::of(&server.slug, &holding.access[0])).collect();
        let other = nodes.holding().await;
        let innocent = Doomed::new(&other.access[0]);
        for node in ALL {
            for one in doomed.iter().chain([&innocent]) {
                let (mut caller, token) = (one.caller(nodes, node), &one.token);
                // Twice: the second time it is in the cache.
                assert_eq!(caller.sure(token).await, Seen::Accepted, "node {node} before anything happens");
                assert_eq!(caller.sure(token).await, Seen::Accepted, "node {node} before anything happens");
            }
        }
        let mut flights = Vec::new();
        for node in ALL {
            flights.push(InFlight::begin(nodes, node, &doomed[0]).await);
        }
        Self { nodes, tally, holdings, doomed, flights, other }
    }

    /// Revokes everything at the other nodes while callers use it; lets the failure end; and then nothing is accepted
    /// anywhere, but of the one who lost nothing.
    pub(super) async fn end(self, lift: impl AsyncFnOnce()) {
        self.run(self.revoke(), lift).await;
        self.aftermath().await;
    }

    /// The same, with another way to take everything away. It returns with the answer.
    pub(super) async fn end_by(self, act: impl Future<Output = ()>, lift: impl AsyncFnOnce()) {
        let act = async {
            let begun = Instant::now();
            act.await;
            self.doomed.iter().for_each(Doomed::answer);
            self.tally.answered(begun.elapsed());
        };
        self.run(act, lift).await;
        self.aftermath().await;
    }

    async fn run(&self, act: impl Future<Output = ()>, lift: impl AsyncFnOnce()) {
        let lifted = AtomicBool::new(false);
        let pressing = join_all(self.doomed.iter().map(|doomed| self.press(doomed, &lifted)));
        let revoking = async {
            act.await;
            self.nodes.upstream.release();
            late(self.nodes, self.tally, &OTHERS, &self.all(), TRIES).await;
            let latecomers = self.latecomers().await;
            lift().await;
            lifted.store(true, Ordering::SeqCst);
            for (id, calling) in latecomers {
                self.tally.late(VICTIM, id, calling.await.unwrap());
            }
        };
        join(pressing, revoking).await;
    }

    async fn aftermath(self) {
        late(self.nodes, self.tally, &ALL, &self.all(), TRIES).await;
        for flight in self.flights {
            flight.must_be_dead(self.tally).await;
        }
        // Without a restart.
        self.nodes.node(VICTIM).ready().await;
        for node in ALL {
            let served = async || self.nodes.caller(node).echo(&self.other.access[0]).await == Seen::Accepted;
            poll("a node to serve again", served).await;
        }
    }

    fn all(&self) -> Vec<&Doomed> {
        self.doomed.iter().collect()
    }

    /// One call after the other at the node that fails, until it does not fail any more.
    async fn press(&self, doomed: &Doomed, lifted: &AtomicBool) {
        let mut caller = doomed.caller(self.nodes, VICTIM);
        while !lifted.load(Ordering::SeqCst) {
            one(&mut caller, VICTIM, doomed, self.tally).await;
        }
    }

    /// All at once, tokens and families by turns.
    async fn revoke(&self) {
        let revoking = self.holdings.iter().zip(&self.doomed).enumerate().map(async |(at, (holding, doomed))| {
            let token = if at % 2 == 0 { &holding.refresh } else { &holding.access[0] };
            let begun = Instant::now();
            self.nodes.revoke(OTHERS[at % OTHERS.len()], &holding.client, token).await;
            doomed.answer();
            self.tally.answered(begun.elapsed());
        });
        join_all(revoking).await;
    }

    /// Calls over new connections, sent after the answer and before the failure ends.
    async fn latecomers(&self) -> Vec<(u64, tokio::task::JoinHandle<Seen>)> {
        let mut sent = Vec::new();
        for doomed in &self.doomed {
            let mut caller = doomed.caller(self.nodes, VICTIM);
            caller.connect().await;
            let call = caller.prepare(&doomed.token, ECHO);
            sent.push((call.id, tokio::spawn(async move { caller.send(call).await })));
        }
        sent
    }

    /// Calls at the failing node that are sent before the revocation, and that it can look at only afterwards.
    pub(super) async fn park(&mut self) -> Parked {
        Parked(self.latecomers().await)
    }
}

/// Calls that a node has not looked at yet.
pub(super) struct Parked(Vec<(u64, tokio::task::JoinHandle<Seen>)>);

impl Parked {
    /// They were looked at after the answer.
    pub(super) async fn must_be_refused(self, tally: &Tally) {
        for (id, calling) in self.0 {
            tally.late(VICTIM, id, calling.await.unwrap());
        }
    }
}
