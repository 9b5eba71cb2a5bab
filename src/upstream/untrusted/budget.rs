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
const LOGINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(1_200).unwrap();
const LOGINS_BURST: NonZeroU32 = NonZeroU32::new(300).unwrap();
/// Keys after which those are forgotten whose buckets are full again.
const KEYS: usize = 10_000;

const ASKER_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const ASKER_BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// At the same time, for one stranger.
const OF_ASKER: usize = 4;

/// What is left. Strangers name any number of addresses, also of hosts where known clients are, and of hosts that keep us
/// waiting: so what they name and what belongs to known clients is counted apart.
pub(super) struct Budget {
    known: Lane,
    strangers: Lane,
    configured: Lane,
    askers: Askers,
}

struct Lane {
    origins: DefaultKeyedRateLimiter<String>,
    tenants: DefaultKeyedRateLimiter<TenantId>,
    at_once: Arc<Semaphore>,
    of_tenant: Cache<TenantId, Arc<Semaphore>>,
    /// At the same time, for one tenant.
    each: usize,
}

struct Askers {
    often: DefaultKeyedRateLimiter<IpAddr>,
    at_once: Cache<IpAddr, Arc<Semaphore>>,
}

/// One fetch. Gives its room back when it is dropped.
pub(super) struct Room(#[expect(dead_code, reason = "held")] Vec<OwnedSemaphorePermit>);

/// How much a lane lets through.
struct Most {
    at_once: usize,
    of_tenant: usize,
    origin: Quota,
    tenant: Quota,
}

impl Most {
    /// What strangers name, and what belongs to clients that are known: keys and documents, now and then.
    const fn now_and_then() -> Self {
        Self {
            at_once: AT_ONCE,
            of_tenant: OF_TENANT,
            origin: Quota::per_minute(ORIGIN_PER_MINUTE).allow_burst(ORIGIN_BURST),
            tenant: Quota::per_minute(TENANT_PER_MINUTE).allow_burst(TENANT_BURST),
        }
    }

    /// What an administrator wrote down: each login of a person asks there once, and many log in when work begins.
    const fn at_each_login() -> Self {
        Self {
            at_once: 64,
            of_tenant: 32,
            origin: Quota::per_minute(LOGINS_PER_MINUTE).allow_burst(LOGINS_BURST),
            tenant: Quota::per_minute(LOGINS_PER_MINUTE).allow_burst(LOGINS_BURST),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            known: Lane::new(&Most::now_and_then()),
            strangers: Lane::new(&Most::now_and_then()),
            configured: Lane::new(&Most::at_each_login()),
            askers: Askers::default(),
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
            Asker::Configured => (&self.configured, None),
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
    fn new(most: &Most) -> Self {
        Self {
            origins: RateLimiter::keyed(most.origin),
            tenants: RateLimiter::keyed(most.tenant),
            at_once: Arc::new(Semaphore::new(most.at_once)),
            of_tenant: Cache::new(KEYS),
            each: most.of_tenant,
        }
    }

    fn enter(&self, tenant: TenantId, origin: &str) -> Option<Vec<OwnedSemaphorePermit>> {
        if self.origins.len() > KEYS {
            self.origins.retain_recent();
        }
        let held = vec![room(&self.of_tenant, &tenant, self.each)?, self.at_once.clone().try_acquire_owned().ok()?];
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
