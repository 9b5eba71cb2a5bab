//! How much is fetched for strangers: so that nobody scans or floods others through us, and nobody keeps others waiting.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, sync::Arc};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Asker;
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

const ASKER_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const ASKER_BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// At the same time, for one stranger.
const OF_ASKER: usize = 4;

/// What is left. Strangers name any number of addresses, also of hosts where known clients are, and of hosts that keep us
/// waiting: so what they name and what belongs to known clients is counted apart.
#[derive(Default)]
pub(super) struct Budget {
    known: Lane,
    strangers: Lane,
    askers: Askers,
}

struct Lane {
    origins: DefaultKeyedRateLimiter<String>,
    tenants: DefaultKeyedRateLimiter<TenantId>,
    at_once: Arc<Semaphore>,
    of_tenant: Cache<TenantId, Arc<Semaphore>>,
}

struct Askers {
    often: DefaultKeyedRateLimiter<IpAddr>,
    at_once: Cache<IpAddr, Arc<Semaphore>>,
}

/// One fetch. Gives its room back when it is dropped.
pub(super) struct Room(#[expect(dead_code, reason = "held")] Vec<OwnedSemaphorePermit>);

impl Default for Lane {
    fn default() -> Self {
        Self {
            origins: RateLimiter::keyed(Quota::per_minute(ORIGIN_PER_MINUTE).allow_burst(ORIGIN_BURST)),
            tenants: RateLimiter::keyed(Quota::per_minute(TENANT_PER_MINUTE).allow_burst(TENANT_BURST)),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            of_tenant: Cache::new(KEYS),
        }
    }
}

impl Default for Askers {
    fn default() -> Self {
        let often = RateLimiter::keyed(Quota::per_minute(ASKER_PER_MINUTE).allow_burst(ASKER_BURST));
        Self { often, at_once: Cache::new(KEYS) }
    }
}

impl Budget {
    /// Room for one fetch now, or none.
    pub(super) fn enter(&self, asker: Asker, tenant: TenantId, origin: &str) -> Option<Room> {
        let (lane, own) = match asker {
            Asker::Known => (&self.known, None),
            Asker::Stranger(from) => (&self.strangers, Some(self.askers.enter(from)?)),
        };
        let mut room = lane.enter(tenant, origin)?;
        room.extend(own);
        Some(Room(room))
    }
}

impl Askers {
    fn enter(&self, from: IpAddr) -> Option<OwnedSemaphorePermit> {
        if self.often.len() > KEYS {
            self.often.retain_recent();
        }
        let room = room(&self.at_once, &from, OF_ASKER)?;
        self.often.check_key(&from).ok()?;
        Some(room)
    }
}

impl Lane {
    fn enter(&self, tenant: TenantId, origin: &str) -> Option<Vec<OwnedSemaphorePermit>> {
        if self.origins.len() > KEYS {
            self.origins.retain_recent();
        }
        let held = vec![room(&self.of_tenant, &tenant, OF_TENANT)?, self.at_once.clone().try_acquire_owned().ok()?];
        // Room is taken before it is counted: what finds none costs nothing.
        self.tenants.check_key(&tenant).ok()?;
        self.origins.check_key(&origin.to_owned()).ok()?;
        Some(held)
    }
}

fn room<K: Eq + Hash + Clone>(of: &Cache<K, Arc<Semaphore>>, key: &K, at_once: usize) -> Option<OwnedSemaphorePermit> {
    let new = || Ok::<_, std::convert::Infallible>(Arc::new(Semaphore::new(at_once)));
    let own = of.get_or_insert_with(key, new).unwrap_or_else(|never| match never {});
    own.try_acquire_owned().ok()
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
        let asked = (0..30).filter(|_| budget.enter(Asker::Known, tenant(1), "https://a.example").is_some()).count();
        assert_eq!(asked, 20);
        assert!(budget.enter(Asker::Known, tenant(2), "https://a.example").is_none(), "whoever asks");
        assert!(budget.enter(Asker::Known, tenant(1), "https://b.example").is_some());
    }

    #[test]
    fn one_tenant_leaves_room_for_others() {
        let budget = Budget::default();
        let origin = |n: usize| format!("https://{n}.example");
        let held: Vec<_> = (0..20).filter_map(|n| budget.enter(Asker::Known, tenant(1), &origin(n))).collect();
        assert_eq!(held.len(), OF_TENANT);
        let other: Vec<_> = (20..40).filter_map(|n| budget.enter(Asker::Known, tenant(2), &origin(n))).collect();
        assert_eq!(other.len(), AT_ONCE - OF_TENANT);
        assert!(budget.enter(Asker::Known, tenant(3), "https://x.example").is_none());
        drop(held);
        assert!(budget.enter(Asker::Known, tenant(3), "https://x.example").is_some());
    }

    #[test]
    fn strangers_keep_nobody_waiting_but_themselves() {
        let budget = Budget::default();
        let stranger = |n: u8| Asker::Stranger(IpAddr::from([198, 51, 100, n]));
        let held: Vec<_> =
            (0..9).filter_map(|_| budget.enter(stranger(1), tenant(1), "https://slow.example")).collect();
        assert_eq!(held.len(), OF_ASKER);
        assert!(budget.enter(stranger(2), tenant(1), "https://a.example").is_some());
        drop(held);
        let named = (2..99).filter(|n| budget.enter(stranger(*n), tenant(1), "https://claude.example").is_some());
        assert_eq!(named.count(), 20, "of one origin, whoever asks");
        assert!(budget.enter(Asker::Known, tenant(1), "https://claude.example").is_some());
        let origin = |n: usize| format!("https://{n}.example");
        let named = (0..99).filter(|n| budget.enter(stranger(1), tenant(2), &origin(*n)).is_some()).count();
        assert_eq!(named, 16, "of 20 in all");
    }
}
