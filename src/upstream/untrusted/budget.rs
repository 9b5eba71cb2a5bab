//! How much is fetched for strangers: so that nobody scans or floods others through us, and nobody keeps others waiting.

use std::{num::NonZeroU32, sync::Arc};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ids::TenantId;

/// At the same time, in all.
const AT_ONCE: usize = 16;
/// At the same time, for one tenant.
const OF_TENANT: usize = 8;
const ORIGIN_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const ORIGIN_BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
const TENANT_PER_MINUTE: NonZeroU32 = NonZeroU32::new(240).unwrap();
const TENANT_BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Keys after which those are forgotten whose buckets are full again.
const KEYS: usize = 10_000;

/// What is left.
pub(super) struct Budget {
    origins: DefaultKeyedRateLimiter<String>,
    tenants: DefaultKeyedRateLimiter<TenantId>,
    at_once: Arc<Semaphore>,
    of_tenant: quick_cache::sync::Cache<TenantId, Arc<Semaphore>>,
}

/// One fetch. Gives its room back when it is dropped.
pub(super) struct Room(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl Default for Budget {
    fn default() -> Self {
        Self {
            origins: RateLimiter::keyed(Quota::per_minute(ORIGIN_PER_MINUTE).allow_burst(ORIGIN_BURST)),
            tenants: RateLimiter::keyed(Quota::per_minute(TENANT_PER_MINUTE).allow_burst(TENANT_BURST)),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            of_tenant: quick_cache::sync::Cache::new(KEYS),
        }
    }
}

impl Budget {
    /// Room for one fetch now, or none.
    pub(super) fn enter(&self, tenant: TenantId, origin: &str) -> Option<Room> {
        if self.origins.len() > KEYS {
            self.origins.retain_recent();
        }
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Semaphore::new(OF_TENANT)));
        let own = self.of_tenant.get_or_insert_with(&tenant, new).unwrap_or_else(|never| match never {});
        let room = [own.try_acquire_owned().ok()?, self.at_once.clone().try_acquire_owned().ok()?];
        // Room is taken before it is counted: what finds none costs nothing.
        self.tenants.check_key(&tenant).ok()?;
        self.origins.check_key(&origin.to_owned()).ok()?;
        Some(Room(room))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(n: u128) -> TenantId {
        TenantId(Uuid::from_u128(n))
    }

    #[test]
    fn one_origin_is_asked_so_often() {
        let budget = Budget::default();
        let asked = (0..30).filter(|_| budget.enter(tenant(1), "https://a.example").is_some()).count();
        assert_eq!(asked, 20);
        assert!(budget.enter(tenant(2), "https://a.example").is_none(), "whoever asks");
        assert!(budget.enter(tenant(1), "https://b.example").is_some());
    }

    #[test]
    fn one_tenant_leaves_room_for_others() {
        let budget = Budget::default();
        let origin = |n: usize| format!("https://{n}.example");
        let held: Vec<_> = (0..20).filter_map(|n| budget.enter(tenant(1), &origin(n))).collect();
        assert_eq!(held.len(), OF_TENANT);
        let other: Vec<_> = (20..40).filter_map(|n| budget.enter(tenant(2), &origin(n))).collect();
        assert_eq!(other.len(), AT_ONCE - OF_TENANT);
        assert!(budget.enter(tenant(3), "https://x.example").is_none());
        drop(held);
        assert!(budget.enter(tenant(3), "https://x.example").is_some());
    }
}
