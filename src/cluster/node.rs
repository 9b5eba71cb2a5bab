//! What this process has applied of the authority log, and the caches that hang on it.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    LiveCall, MostCalls, Ticket, Verified,
    barrier::Barrier,
    lease::{Lease, TERM},
    live::Live,
    taken::Taken,
};
use crate::{
    clock::{BootTime, Clock},
    ids::{NodeId, ProcessId, TenantId},
    store::{
        Store, StoreError,
        authority::{AuthorityRow, Position},
    },
    tenants::Tenant,
};

const TOKENS: usize = 100_000;
const TENANTS: usize = 1_000;

/// What came of putting a fresh read into a cache.
#[derive(Debug)]
pub enum Fill<T> {
    /// It was as new as the log.
    Fresh(T),
    /// Something newer was applied meanwhile: read again.
    Stale,
}

/// A read of the store on behalf of a node, begun before it was sent. The store says whether the node is registered; what
/// it says is good for [`TERM`] from the beginning even without a lease.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    node: NodeId,
    sent: BootTime,
}

impl Reading {
    /// Who reads.
    pub fn node(&self) -> NodeId {
        self.node
    }
}

/// This process's view. Shared by all requests.
///
/// `state` is behind a lock that readers share. Admitting a call and entering it among the live ones is one step under it,
/// and so is applying an entry: purge, then cut. A call is therefore either refused or cut, never missed.
///
/// Only the thread that keeps the lease applies entries, grants, and gives up.
pub struct Node {
    pub(super) process: ProcessId,
    pub(super) lease: Arc<Lease>,
    state: RwLock<State>,
    tokens: Cache<[u8; 32], Arc<Verified>>,
    tenants: Cache<String, Known>,
    filling: Mutex<()>,
    live: Live,
    barrier: Arc<Barrier>,
    /// Tells the thread that keeps the lease to ask at once.
    pub(super) asked: Notify,
    /// Cancelled by the first lease.
    leased_once: CancellationToken,
    /// The log has lost what was applied of it. Nothing heals that but a new start.
    lost: AtomicBool,
    head_seen: AtomicI64,
    lapses: AtomicU64,
}

#[derive(Clone, Copy)]
struct State {
    /// None: this process may not serve.
    registration: Option<NodeId>,
    applied: Position,
}

#[derive(Clone)]
struct Known {
    tenant: Arc<Tenant>,
    /// Until when it may be used without a lease.
    until: BootTime,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("live", &self.live.count()).finish_non_exhaustive()
    }
}

impl Node {
    /// Without a registration, so it admits nobody yet.
    pub(super) fn new(process: ProcessId, store: Store, clock: Clock, most: MostCalls) -> Self {
        let lease = Arc::new(Lease::new(clock));
        Self {
            process,
            state: RwLock::new(State { registration: None, applied: Position::default() }),
            tokens: Cache::new(TOKENS),
            tenants: Cache::new(TENANTS),
            filling: Mutex::new(()),
            live: Live::new(lease.clone(), most),
            lease,
            barrier: Barrier::new(store),
            asked: Notify::new(),
            leased_once: CancellationToken::new(),
            lost: AtomicBool::new(false),
            head_seen: AtomicI64::new(0),
            lapses: AtomicU64::new(0),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    // ---------------------------------------------------------------- requests

    /// Admits a call whose token is in the cache, and enters it among the live ones. Nobody without a lease.
    pub fn admit(&self, tenant: TenantId, hash: &[u8; 32]) -> Option<LiveCall> {
        let _state = self.read();
        let verified = self.tokens.get(hash).filter(|verified| verified.tenant == tenant)?;
        self.lease.is_held().then(|| self.live.enter(verified, BootTime::START))
    }

    /// Begins a read of the store. Whatever it returns is kept only if the store says, too, that this node is registered.
    ///
    /// # Errors
    /// While this process is not registered: it may not serve.
    pub fn reading(&self) -> Result<Reading, StoreError> {
        let sent = self.lease.now();
        let node = self.read().registration.ok_or(StoreError::Unregistered)?;
        Ok(Reading { node, sent })
    }

    /// Keeps a token that was read when the log's head was `head` and judged by what is known of `tenant`, and enters its
    /// call. Stale reads are thrown away.
    pub fn keep(&self, reading: Reading, head: i64, tenant: &Arc<Tenant>, verified: Verified) -> Fill<LiveCall> {
        let state = self.read();
        let known = self.tenants.get(tenant.slug.as_str()).filter(|known| Arc::ptr_eq(&known.tenant, tenant));
        let Some(known) = known.filter(|_| state.takes(reading, head)) else { return Fill::Stale };
        let verified = Arc::new(verified);
        if self.lease.is_held() {
            self.tokens.insert(verified.hash, verified.clone());
        }
        // It rests on both reads.
        let until = reading.sent.after(TERM).min(known.until);
        Fill::Fresh(self.live.enter(verified, until))
    }

    /// Forgets a token, for instance because it expired.
    pub fn forget(&self, hash: &[u8; 32]) {
        self.tokens.remove(hash);
    }

    /// A tenant that is in the cache and may be used.
    pub fn tenant(&self, slug: &str) -> Option<Arc<Tenant>> {
        self.tenants.get(slug).filter(|known| self.is_usable(known)).map(|known| known.tenant)
    }

    /// Whether `tenant` is what this process knows now. Asked after a call was admitted: then a change that came before is
    /// seen here, and one that comes later cuts the call.
    pub fn is_current(&self, tenant: &Arc<Tenant>) -> bool {
        self.tenants.get(tenant.slug.as_str()).is_some_and(|known| Arc::ptr_eq(&known.tenant, tenant))
    }

    /// Keeps a tenant that was read after the log's head was `head`.
    pub fn keep_tenant(&self, reading: Reading, head: i64, tenant: Tenant) -> Fill<Arc<Tenant>> {
        let state = self.read();
        if !state.takes(reading, head) {
            return Fill::Stale;
        }
        let _one_at_a_time = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        let slug = tenant.slug.to_string();
        // Whoever read it beside this one and came first stays: what is current must not change without a reason.
        if let Some(kept) = self.tenant(&slug) {
            return Fill::Fresh(kept);
        }
        let known = Known { tenant: Arc::new(tenant), until: reading.sent.after(TERM) };
        self.tenants.insert(slug, known.clone());
        Fill::Fresh(known.tenant)
    }

    /// Without a lease, only while it leaves a call that begins now some time.
    fn is_usable(&self, known: &Known) -> bool {
        let now = self.lease.now();
        now < self.lease.until() || now.after(TERM / 2) < known.until
    }

    // ---------------------------------------------------------------- the end of authority

    /// Returns when `ticket`'s entry, just committed, is applied by all nodes, this one among them: caches purged, calls in
    /// flight cut. Or when whoever has not said so cannot have a lease any more.
    ///
    /// # Errors
    /// When the database has lost the entry, in a failover: nothing was taken away.
    pub async fn settle(&self, ticket: Ticket) -> Result<(), StoreError> {
        self.asked.notify_one();
        self.barrier.pass(ticket.seq).await
    }

    // ---------------------------------------------------------------- numbers

    /// The number of the newest entry that this process has applied.
    pub fn applied(&self) -> i64 {
        self.read().applied.seq
    }

    /// The newest number that it has heard of.
    pub fn head_seen(&self) -> i64 {
        self.head_seen.load(Ordering::Relaxed)
    }

    /// How many calls are in flight.
    pub fn in_flight(&self) -> usize {
        self.live.count()
    }

    /// How often the lease ran out.
    pub fn lapses(&self) -> u64 {
        self.lapses.load(Ordering::Relaxed)
    }

    /// How long ago the renewal was sent that was granted last, if one ever was.
    pub fn lease_age(&self) -> Option<Duration> {
        self.lease.age()
    }

    /// Whether caches may be used at this moment.
    ///
    /// # Errors
    /// Why not.
    pub fn check_lease(&self) -> Result<(), NoLease> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(NoLease::Lost);
        }
        if self.lease.is_held() {
            return Ok(());
        }
        self.read().registration.map_or(Err(NoLease::Unregistered), |_| Err(NoLease::Lapsed))
    }

    // ---------------------------------------------------------------- for the thread that keeps the lease

    /// Completes with the first lease.
    pub(super) async fn leased_once(&self) {
        self.leased_once.cancelled().await;
    }

    /// As whom to renew, and from where.
    pub(super) fn standing(&self) -> (Option<NodeId>, Position) {
        let state = self.read();
        (state.registration, state.applied)
    }

    /// Starts anew under another registration, which the store has made at this head.
    pub(super) fn registered(&self, node: NodeId, head: Position) {
        let mut state = self.write();
        self.drop_all();
        *state = State { registration: Some(node), applied: head };
        self.head_seen.store(head.seq, Ordering::Relaxed);
    }

    /// Serves no more: until it is registered anew, or for ever.
    pub(super) fn unregistered(&self) {
        let mut state = self.write();
        state.registration = None;
        self.drop_all();
    }

    /// The log has lost what this process has applied.
    pub(super) fn lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
        self.unregistered();
    }

    fn drop_all(&self) {
        self.lease.end();
        self.tokens.clear();
        self.tenants.clear();
        self.live.cut_all();
    }

    /// A renewal that was sent then was granted, and all of the log up to the head that it found is applied.
    pub(super) fn granted(&self, sent: BootTime) {
        self.lease.grant(sent);
        self.leased_once.cancel();
        self.barrier.look();
    }

    /// The newest number in the log.
    pub(super) fn saw_head(&self, head: i64) {
        self.head_seen.store(head, Ordering::Relaxed);
    }

    /// Ends what the lease, or a read of the store, does not vouch for any more.
    pub(super) fn lapse(&self) {
        if self.lease.is_held() {
            return;
        }
        if self.lease.until() > BootTime::START {
            let _state = self.write();
            self.lease.end();
            self.tokens.clear();
            self.tenants.clear();
            self.lapses.fetch_add(1, Ordering::Relaxed);
            let cut = self.live.cut_lapsed();
            tracing::warn!(cut, "the lease has run out: requests read the database until there is another");
        } else {
            self.live.cut_lapsed();
        }
    }

    /// Applies entries. They come in order, and none is left out.
    pub(super) fn apply(&self, rows: &[AuthorityRow]) {
        let Some(last) = rows.last() else { return };
        let taken = Taken::by(rows);
        let mut state = self.write();
        self.tokens.retain(|_, verified| !taken.hits(verified));
        self.tenants.retain(|_, known| !taken.changes(known.tenant.id));
        let cut = self.live.cut(|verified| taken.hits(verified));
        state.applied = last.position();
        tracing::debug!(seq = last.seq, entries = rows.len(), cut, "authority taken away");
    }
}

impl State {
    /// Whether what was read then may be used now.
    fn takes(&self, reading: Reading, head: i64) -> bool {
        self.registration == Some(reading.node) && head >= self.applied.seq
    }
}

/// Why there is no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLease {
    /// It could not be renewed in time. Requests read the database.
    #[error("the lease has run out; it cannot be renewed while the database is slow, locked or away")]
    Lapsed,
    /// Given up for dead, or not registered yet. Nothing is served.
    #[error("this process is not registered as a node")]
    Unregistered,
    /// Nothing is served until it is started again.
    #[error("the database has lost entries of the authority log that this process has applied: start it again")]
    Lost,
}
