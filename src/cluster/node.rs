//! What this process has applied of the authority log, and the caches that hang on it.

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Entry, Live, LiveCall, Ticket, Verified};
use crate::{
    ids::TenantId,
    store::{Store, StoreError},
    tenants::Tenant,
};

const TOKENS: usize = 100_000;
const TENANTS: usize = 1_000;
/// Hints can be lost with their connection; this asks anyway.
const ASK: Duration = Duration::from_secs(1);

/// What came of putting a fresh read into a cache.
#[derive(Debug)]
pub enum Fill<T> {
    /// It was as new as the log.
    Fresh(T),
    /// Something newer was applied meanwhile: read again.
    Stale,
}

/// This process's view. Shared by all requests.
///
/// `applied` is behind a lock that readers share. Admitting a call and entering it among the live ones is one step under
/// it, and so is applying an entry: purge, then cut. A call is therefore either refused or cut, never missed.
pub struct Node {
    store: Store,
    applied: RwLock<i64>,
    tokens: Cache<[u8; 32], Arc<Verified>>,
    tenants: Cache<String, Arc<Tenant>>,
    live: Live,
    catching_up: Mutex<()>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("live", &self.live.count()).finish_non_exhaustive()
    }
}

impl Node {
    /// Starts at the log's present head, with empty caches.
    pub async fn start(store: Store) -> Result<Self, StoreError> {
        let head = store.authority_head().await?;
        Ok(Self {
            store,
            applied: RwLock::new(head),
            tokens: Cache::new(TOKENS),
            tenants: Cache::new(TENANTS),
            live: Live::default(),
            catching_up: Mutex::new(()),
        })
    }

    /// Admits a call whose token is in the cache, and enters it among the live ones.
    pub fn admit(&self, tenant: TenantId, hash: &[u8; 32]) -> Option<LiveCall> {
        let _applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        let verified = self.tokens.get(hash).filter(|verified| verified.tenant == tenant)?;
        Some(self.live.enter(verified))
    }

    /// Keeps a token that was read when the log's head was `head` and judged by what is known of `tenant`, and enters its
    /// call. Stale reads are thrown away.
    pub fn keep(&self, head: i64, tenant: &Arc<Tenant>, verified: Verified) -> Fill<LiveCall> {
        let applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        if head < *applied || !self.is_current(tenant) {
            return Fill::Stale;
        }
        let verified = Arc::new(verified);
        self.tokens.insert(verified.hash, verified.clone());
        Fill::Fresh(self.live.enter(verified))
    }

    /// Forgets a token, for instance because it expired.
    pub fn forget(&self, hash: &[u8; 32]) {
        self.tokens.remove(hash);
    }

    /// A tenant that is in the cache.
    pub fn tenant(&self, slug: &str) -> Option<Arc<Tenant>> {
        self.tenants.get(slug)
    }

    /// Whether `tenant` is what this process knows now. Asked after a call was admitted: then a change that came before is
    /// seen here, and one that comes later cuts the call.
    pub fn is_current(&self, tenant: &Arc<Tenant>) -> bool {
        self.tenants.get(tenant.slug.as_str()).is_some_and(|known| Arc::ptr_eq(&known, tenant))
    }

    /// Keeps a tenant that was read after the log's head was `head`.
    pub fn keep_tenant(&self, head: i64, tenant: Tenant) -> Fill<Arc<Tenant>> {
        let applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        if head < *applied {
            return Fill::Stale;
        }
        // Whoever read it beside this one and came first stays: what is current must not change without a reason.
        let slug = tenant.slug.to_string();
        let kept = self.tenants.get_or_insert_with(&slug, || Ok::<_, Infallible>(Arc::new(tenant)));
        let Ok(kept) = kept;
        Fill::Fresh(kept)
    }

    /// The newest number that this process has applied.
    pub fn applied(&self) -> i64 {
        *self.applied.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls are in flight.
    pub fn in_flight(&self) -> usize {
        self.live.count()
    }

    /// Returns when `ticket`'s entry, which must be committed, is applied: caches purged, calls in flight cut.
    pub async fn settle(&self, ticket: Ticket) -> Result<(), StoreError> {
        while self.applied() < ticket.seq {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Applies everything that is new in the log.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.catching_up.lock().await;
        loop {
            let rows = self.store.authority_after(self.applied()).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                self.apply(row.seq, row.tenant, &Entry::from_json(row.entry));
            }
        }
    }

    fn apply(&self, seq: i64, tenant: Option<TenantId>, entry: &Entry) {
        let mut applied = self.applied.write().unwrap_or_else(PoisonError::into_inner);
        self.tokens.retain(|_, verified| !entry.hits(tenant, verified));
        if entry.changes_tenant() {
            self.tenants.retain(|_, known| tenant.is_some_and(|tenant| tenant != known.id));
        }
        let cut = self.live.cut(|verified| entry.hits(tenant, verified));
        *applied = seq;
        tracing::debug!(seq, cut, "authority taken away");
    }

    /// Follows the log until `stop`: other processes' entries arrive by hint, or at the next asking.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut listener = None;
        while !stop.is_cancelled() {
            if listener.is_none() {
                // Bounded: while the database cannot be reached, what is kept must be dropped now and not after a long wait.
                let connecting = tokio::time::timeout(ASK, self.store.authority_listener()).await;
                listener = connecting.ok().and_then(Result::ok);
            }
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "cannot read the authority log");
                // Without the log nothing kept may be trusted.
                self.empty();
            }
            let hint = async {
                match listener.as_mut() {
                    Some(listener) => listener.recv().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            let lost = tokio::select! {
                () = stop.cancelled() => return,
                heard = hint => !heard,
                () = tokio::time::sleep(ASK) => false,
            };
            if lost {
                listener = None;
            }
        }
    }

    fn empty(&self) {
        let _all = self.applied.write().unwrap_or_else(PoisonError::into_inner);
        self.tokens.clear();
        self.tenants.clear();
    }
}
