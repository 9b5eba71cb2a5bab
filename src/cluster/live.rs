//! Calls and streams in flight, so that they end with what they rest on.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Poll, ready},
};

use tokio_util::sync::CancellationToken;

use super::{
    Verified,
    crowd::{Crowd, MostCalls},
    lease::Lease,
};
use crate::clock::BootTime;

type Calls = Arc<Mutex<InFlight>>;

#[derive(Debug)]
struct InFlight {
    calls: HashMap<u64, (Arc<Verified>, Still)>,
    crowd: Crowd,
}

/// All calls in flight on this process.
#[derive(Clone, Debug)]
pub(super) struct Live {
    lease: Arc<Lease>,
    calls: Calls,
    next: Arc<AtomicU64>,
}

impl Live {
    pub(super) fn new(lease: Arc<Lease>, most: MostCalls) -> Self {
        let calls = InFlight { calls: HashMap::new(), crowd: Crowd::new(most) };
        Self { lease, calls: Arc::new(Mutex::new(calls)), next: Arc::default() }
    }

    /// Enters a call, good until `own_until` even without a lease. It leaves when the guard is dropped. One too many of its
    /// family or tenant enters, too, so that it can be told so; it takes no room from others.
    pub(super) fn enter(&self, verified: Arc<Verified>, own_until: BootTime) -> LiveCall {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (lease, token) = (self.lease.clone(), CancellationToken::new());
        let still = Still(Arc::new(State { lease, own_until, over: AtomicU8::new(LIVE), token }));
        let mut in_flight = self.lock();
        let counts = in_flight.crowd.enter(&verified);
        in_flight.calls.insert(id, (verified.clone(), still.clone()));
        drop(in_flight);
        LiveCall { id, calls: self.calls.clone(), verified, still, counts }
    }

    /// Cuts the calls that `hit` names, since their authority was taken away; says how many.
    pub(super) fn cut(&self, hit: impl Fn(&Verified) -> bool) -> usize {
        let in_flight = self.lock();
        let cut = in_flight.calls.values().filter(|(verified, _)| hit(verified));
        cut.map(|(_, still)| still.end(REVOKED)).count()
    }

    /// Cuts the calls that nothing vouches for any more; says how many.
    pub(super) fn cut_lapsed(&self) -> usize {
        let in_flight = self.lock();
        let lapsed = in_flight.calls.values().filter(|(_, still)| !still.is_good());
        lapsed.map(|(_, still)| still.end(LAPSED)).count()
    }

    /// Cuts all calls: this process may not serve.
    pub(super) fn cut_all(&self) -> usize {
        self.lock().calls.values().map(|(_, still)| still.end(LAPSED)).count()
    }

    /// How many calls are in flight.
    pub(super) fn count(&self) -> usize {
        self.lock().calls.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, InFlight> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a call may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Its authority was taken away.
    Revoked,
    /// This process cannot tell any more whether its authority was taken away.
    Lapsed,
}

const LIVE: u8 = 0;
const LAPSED: u8 = 1;
const REVOKED: u8 = 2;

/// Whether a call may still go on: not cut, and vouched for by the lease or by its own read of the store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Still(Arc<State>);

#[derive(Debug)]
struct State {
    lease: Arc<Lease>,
    own_until: BootTime,
    over: AtomicU8,
    token: CancellationToken,
}

impl Still {
    /// Asked again just before something leaves the building, in either direction. So a process that was stopped passes
    /// nothing on when it is woken, before any timer of its own has run.
    pub fn is_good(&self) -> bool {
        self.why_over().is_none()
    }

    /// Why the call may not go on, if it may not.
    pub fn why_over(&self) -> Option<Over> {
        match self.0.over.load(Ordering::Acquire) {
            LIVE => {
                let now = self.0.lease.now();
                (now >= self.0.own_until.max(self.0.lease.until())).then_some(Over::Lapsed)
            }
            LAPSED => Some(Over::Lapsed),
            _ => Some(Over::Revoked),
        }
    }

    /// Completes when the call was cut, or as soon as it is polled and the call is not good any more.
    pub async fn over(&self) -> Over {
        let mut cut = std::pin::pin!(self.0.token.cancelled());
        poll_fn(|context| {
            if let Some(over) = self.why_over() {
                return Poll::Ready(over);
            }
            ready!(cut.as_mut().poll(context));
            Poll::Ready(self.why_over().unwrap_or(Over::Lapsed))
        })
        .await
    }

    /// One that rests on a read of the store that was sent now.
    #[cfg(test)]
    pub(crate) fn of_a_read(clock: &crate::clock::Clock) -> Self {
        let (lease, own_until) = (Arc::new(Lease::new(clock.clone())), clock.boot().after(super::TERM));
        Self(Arc::new(State { lease, own_until, over: AtomicU8::new(LIVE), token: CancellationToken::new() }))
    }

    fn end(&self, why: u8) {
        // A revocation is the stronger reason, and none is ever taken back.
        self.0.over.fetch_max(why, Ordering::AcqRel);
        self.0.token.cancel();
    }
}

/// A call in flight: what it rests on, and the signal that ends it.
#[derive(Debug)]
pub struct LiveCall {
    id: u64,
    calls: Calls,
    verified: Arc<Verified>,
    still: Still,
    /// Whether there was room for it.
    counts: bool,
}

impl LiveCall {
    /// What the call rests on.
    pub fn verified(&self) -> &Arc<Verified> {
        &self.verified
    }

    /// Whether its family or its tenant has too many others in flight. Then it must go no further.
    pub fn is_one_too_many(&self) -> bool {
        !self.counts
    }

    /// Cancelled when the call was cut.
    pub fn cut(&self) -> &CancellationToken {
        &self.still.0.token
    }

    /// What says whether the call may still go on.
    pub fn still(&self) -> &Still {
        &self.still
    }
}

impl Drop for LiveCall {
    fn drop(&mut self) {
        let mut in_flight = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.calls.remove(&self.id);
        if self.counts {
            in_flight.crowd.leave(&self.verified);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;
    use uuid::Uuid;

    use super::{
        super::lease::{Lease, TERM},
        *,
    };
    use crate::{
        clock::Clock,
        ids::{ClientId, FamilyId, GrantId, ServerId, TenantId},
        policy::ScopeSet,
    };

    const MOST: MostCalls = MostCalls { of_family: 3, of_tenant: 5 };

    struct World {
        clock: Clock,
        lease: Arc<Lease>,
        live: Live,
    }

    impl World {
        fn new() -> Self {
            let clock = Clock::manual(datetime!(2026-08-03 10:00 UTC));
            let lease = Arc::new(Lease::new(clock.clone()));
            Self { clock, live: Live::new(lease.clone(), MOST), lease }
        }

        /// A call that rests on the lease alone, or on a read of the store that was just sent.
        fn enter(&self, read: bool) -> LiveCall {
            self.enter_of(read, 0)
        }

        fn enter_of(&self, read: bool, family: u128) -> LiveCall {
            let verified = Verified {
                tenant: TenantId(Uuid::nil()),
                token: crate::ids::AccessTokenId(uuid::Uuid::nil()),
                audit_handle: String::new(),
                hash: [0; 32],
                family: FamilyId(Uuid::from_u128(family)),
                grant: GrantId(Uuid::nil()),
                grant_version: 1,
                subject: "person:1".to_owned(),
                recorded_subject: "person:1".to_owned(),
                person: None,
                client: ClientId::parse("c").unwrap(),
                server: ServerId(Uuid::nil()),
                scopes: ScopeSet::default(),
                auth_time: None,
                expires_at: datetime!(2026-08-03 11:00 UTC),
            };
            let own_until = if read { self.clock.boot().after(TERM) } else { BootTime::START };
            self.live.enter(Arc::new(verified), own_until)
        }
    }

    #[test]
    fn a_call_is_good_while_the_lease_is_held() {
        let world = World::new();
        let call = world.enter(false);
        assert_eq!(call.still().why_over(), Some(Over::Lapsed), "there was never one");
        world.lease.grant(world.clock.boot());
        assert!(call.still().is_good() && world.lease.is_held());
        world.clock.sleep_through(TERM);
        assert_eq!(call.still().why_over(), Some(Over::Lapsed));
        // It was sent before the machine slept, and its answer came after.
        world.lease.grant(BootTime::START.after(Duration::from_nanos(1)));
        assert!(!call.still().is_good() && !world.lease.is_held());
    }

    #[test]
    fn a_read_of_the_store_is_good_for_its_own_time() {
        let world = World::new();
        let call = world.enter(true);
        assert!(call.still().is_good());
        world.clock.sleep_through(TERM / 2);
        assert!(call.still().is_good());
        world.clock.sleep_through(TERM / 2);
        assert_eq!(call.still().why_over(), Some(Over::Lapsed));
    }

    #[test]
    fn a_read_of_the_store_is_as_good_as_any_once_there_is_a_lease() {
        let world = World::new();
        let (read, lost) = (world.enter(true), world.enter(false));
        assert_eq!(world.live.cut_lapsed(), 1);
        world.lease.grant(world.clock.boot().after(TERM));
        world.clock.sleep_through(TERM);
        assert!(read.still().is_good());
        assert!(!lost.still().is_good(), "what was cut stays cut");
    }

    #[test]
    fn calls_of_one_family_and_of_one_tenant_are_counted_while_they_last() {
        let world = World::new();
        let enter = |family| world.enter_of(true, family);
        let first: Vec<_> = (0..3).map(|_| enter(1)).collect();
        let beyond = enter(1);
        assert!(first.iter().all(|call| !call.is_one_too_many()) && beyond.is_one_too_many());
        let second: Vec<_> = (0..2).map(|_| enter(2)).collect();
        assert!(second.iter().all(|call| !call.is_one_too_many()));
        assert!(enter(3).is_one_too_many(), "the tenant has as many as it may");
        assert_eq!(world.live.cut(|_| true), 6, "what is one too many is cut like the others");
        // It had no room to give back.
        drop(beyond);
        assert!(enter(1).is_one_too_many());
        drop(first);
        let again: Vec<_> = (0..3).map(|_| enter(1)).collect();
        assert!(again.iter().all(|call| !call.is_one_too_many()));
        drop((again, second));
        let empty = world.live.lock();
        assert!(format!("{:?}", empty.crowd).contains("families: {}, tenants: {}"), "{:?}", empty.crowd);
    }

    #[tokio::test]
    async fn a_revocation_is_told_from_a_lapse() {
        let world = World::new();
        let (revoked, lapsed) = (world.enter(true), world.enter(true));
        assert_eq!(world.live.cut(|_| false), 0);
        drop(lapsed);
        assert_eq!(world.live.cut(|_| true), 1);
        assert_eq!(revoked.still().over().await, Over::Revoked);
        world.live.cut_all();
        assert_eq!(revoked.still().why_over(), Some(Over::Revoked), "the stronger reason stays");

        let late = world.enter(true);
        let still = late.still().clone();
        let waiting = tokio::spawn(async move { still.over().await });
        world.live.cut_all();
        assert_eq!(waiting.await.unwrap(), Over::Lapsed);
        assert_eq!(world.live.count(), 2);
    }
}
