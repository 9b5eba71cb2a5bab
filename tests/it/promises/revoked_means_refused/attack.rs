//! Callers that use a token without a pause while it is revoked, and the count of what they saw.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{LocalBoxFuture, join, join_all};
use tokio::sync::watch;

use crate::harness::nodes::{AFTER, Caller, Nodes, STREAM, Seen, WAIT, rest};

/// Answers that a caller must get before its caches count as warm.
const WARM: usize = 2;

/// What was seen in one test.
#[derive(Default)]
pub(super) struct Tally {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Calls before the answer that were accepted.
    accepted: usize,
    /// Calls sent after the answer: refused, and refused by a node that was not sure.
    refused: usize,
    unsure: usize,
    nothing: usize,
    /// The ids of calls sent after the answer.
    late: Vec<u64>,
    violations: Vec<String>,
    answers: Vec<Duration>,
}

impl Tally {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Notes what became of a call that was sent before an answer.
    pub(super) fn early(&self, seen: Seen) {
        self.inner().accepted += usize::from(seen == Seen::Accepted);
    }

    /// Notes what became of a call that was sent after the answer.
    pub(super) fn late(&self, node: usize, id: u64, seen: Seen) {
        let mut inner = self.inner();
        inner.late.push(id);
        match seen {
            Seen::Refused => inner.refused += 1,
            Seen::Unsure => inner.unsure += 1,
            Seen::Nothing => inner.nothing += 1,
            Seen::Accepted | Seen::Odd(_) => inner.violations.push(format!("node {node}: {seen:?} after the answer")),
        }
    }

    pub(super) fn violation(&self, what: String) {
        self.inner().violations.push(what);
    }

    /// Notes how long a revocation took to be answered.
    pub(super) fn answered(&self, took: Duration) {
        self.inner().answers.push(took);
    }

    /// How long the slowest answer took.
    pub(super) fn slowest(&self) -> Duration {
        self.inner().answers.iter().max().copied().unwrap_or_default()
    }

    /// Prints everything, and fails where a promise was broken or nothing was tried.
    #[expect(clippy::print_stdout, reason = "numbers for whoever asks for them")]
    pub(super) fn conclude(&self, what: &str, nodes: &Nodes, tries: usize) {
        let mut inner = self.inner();
        let reached = inner.late.iter().filter(|id| nodes.upstream.arrived(**id).is_some()).count();
        inner.answers.sort();
        let at = |part: usize| inner.answers.get((inner.answers.len() * part / 100).min(inner.answers.len() - 1));
        let (median, late, slowest) = (at(50).unwrap(), at(99).unwrap(), at(100).unwrap());
        println!(
            "{what}: {} calls accepted before; {} sent after an answer: {} refused, {} not sure, {} without an answer, \
             {} violations, {reached} at the upstream; {} answers within {median:.1?} (p50), {late:.1?} (p99), {slowest:.1?} (longest)",
            inner.accepted,
            inner.late.len(),
            inner.refused,
            inner.unsure,
            inner.nothing,
            inner.violations.len(),
            inner.answers.len(),
        );
        let first = inner.violations.iter().take(10).collect::<Vec<_>>();
        assert!(first.is_empty(), "{what}: {first:#?}");
        assert_eq!(reached, 0, "{what}: calls sent after an answer reached the upstream");
        assert!(inner.late.len() >= tries, "only {} tries", inner.late.len());
    }
}

/// A token that is revoked in the course of a round.
pub(super) struct Doomed {
    pub(super) token: String,
    /// The server that it is for.
    server: String,
    /// Whether the answer of a revocation that ends it has arrived.
    answered: AtomicBool,
}

impl Doomed {
    pub(super) fn new(token: &str) -> Self {
        Self::of("tools", token)
    }

    /// A token for another server.
    pub(super) fn of(server: &str, token: &str) -> Self {
        Self { token: token.to_owned(), server: server.to_owned(), answered: AtomicBool::new(false) }
    }

    /// Who uses it at a node.
    pub(super) fn caller(&self, nodes: &Nodes, node: usize) -> Caller {
        nodes.caller_of(node, &self.server)
    }

    pub(super) fn answer(&self) {
        self.answered.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }
}

/// One way to revoke, and the tokens that are dead with its answer.
pub(super) struct Revoker<'a> {
    pub(super) act: LocalBoxFuture<'a, ()>,
    pub(super) ends: Vec<&'a Doomed>,
}

/// Sends one call, and notes it by whether the answer was there before.
pub(super) async fn one(caller: &mut Caller, node: usize, doomed: &Doomed, tally: &Tally) -> (bool, Seen) {
    let call = caller.prepare_next(&doomed.token);
    let (id, late) = (call.id, doomed.is_answered());
    let seen = caller.send(call).await;
    if late {
        tally.late(node, id, seen);
    } else {
        tally.early(seen);
    }
    (late, seen)
}

/// Calls with each token at each node of `at`; when all caches there are warm, the revokers act, all at once; then each
/// caller sends `tries` calls more.
pub(super) async fn round(
    nodes: &Nodes,
    tally: &Tally,
    at: &[usize],
    doomed: &[&Doomed],
    revokers: Vec<Revoker<'_>>,
    tries: usize,
) {
    let warm = watch::Sender::new(0_usize);
    let callers = doomed.iter().flat_map(|doomed| at.iter().map(move |node| (*node, *doomed)));
    let calling: Vec<_> = callers.map(|(node, doomed)| hammer(nodes, tally, node, doomed, &warm, tries)).collect();
    let all = calling.len();
    let revoking = async {
        warm.subscribe().wait_for(|warm| *warm == all).await.unwrap();
        join_all(revokers.into_iter().map(|revoker| act(revoker, tally))).await;
    };
    join(join_all(calling), revoking).await;
}

async fn act(revoker: Revoker<'_>, tally: &Tally) {
    let begun = Instant::now();
    revoker.act.await;
    revoker.ends.iter().for_each(|doomed| doomed.answer());
    tally.answered(begun.elapsed());
}

async fn hammer(nodes: &Nodes, tally: &Tally, node: usize, doomed: &Doomed, warm: &watch::Sender<usize>, tries: usize) {
    let mut caller = doomed.caller(nodes, node);
    let (mut accepted, mut late) = (0, 0);
    while late < tries {
        let (was_late, seen) = one(&mut caller, node, doomed, tally).await;
        late += usize::from(was_late);
        if seen == Seen::Accepted && !was_late {
            accepted += 1;
            if accepted == WARM {
                warm.send_modify(|warm| *warm += 1);
            }
        }
    }
}

/// Sends so many calls with each dead token at each node of `at`.
pub(super) async fn late(nodes: &Nodes, tally: &Tally, at: &[usize], doomed: &[&Doomed], tries: usize) {
    let callers = doomed.iter().flat_map(|doomed| at.iter().map(move |node| (*node, *doomed)));
    let calling = callers.map(async |(node, doomed)| {
        let mut caller = doomed.caller(nodes, node);
        for _ in 0..tries {
            one(&mut caller, node, doomed, tally).await;
        }
    });
    join_all(calling).await;
}

/// A call and a stream of one token that are under way at a node: the upstream has them, and holds back.
pub(super) struct InFlight {
    node: usize,
    waiting: tokio::task::JoinHandle<Seen>,
    stream: hyper::body::Incoming,
}

impl InFlight {
    pub(super) async fn begin(nodes: &Nodes, node: usize, doomed: &Doomed) -> Self {
        let (mut caller, token) = (doomed.caller(nodes, node), &doomed.token);
        assert_eq!(caller.sure(token).await, Seen::Accepted);
        let arrived = nodes.upstream.waiting();
        let stream = loop {
            let call = caller.prepare(token, STREAM);
            let stream = caller.open(call).await.expect("a stream");
            if stream.status() != 503 {
                assert_eq!(stream.status(), 200);
                break stream.into_body();
            }
        };
        let waiting = loop {
            let (mut caller, call) = (doomed.caller(nodes, node), caller.prepare(token, WAIT));
            let mut waiting = tokio::spawn(async move { caller.send(call).await });
            tokio::select! {
                () = nodes.upstream.waited_for(arrived + 2) => break waiting,
                seen = &mut waiting => assert_eq!(seen.unwrap(), Seen::Unsure, "nothing else is answered so soon"),
            }
        };
        Self { node, waiting, stream }
    }

    /// After the answer, and after the upstream let go of them: neither may deliver anything.
    pub(super) async fn must_be_dead(self, tally: &Tally) {
        let seen = self.waiting.await.unwrap();
        if seen == Seen::Accepted {
            tally.violation(format!("node {}: a call in flight was answered", self.node));
        }
        if rest(self.stream, None).await.contains(AFTER) {
            tally.violation(format!("node {}: a stream delivered after the answer", self.node));
        }
    }

    /// Whether both delivered what the upstream sent when it let go of them.
    pub(super) async fn lived_on(self) -> bool {
        let (seen, text) = join(self.waiting, rest(self.stream, Some(AFTER))).await;
        seen.unwrap() == Seen::Accepted && text.contains(AFTER)
    }
}
