//! How many calls may be in flight at the same time: of one family, and of one tenant.
//!
//! Room for calls is shared by all tenants of a process. Whoever could hold all of it, with streams that are never read for
//! instance, would have everybody else's calls refused.

use std::{collections::HashMap, hash::Hash};

use super::Verified;
use crate::ids::{FamilyId, TenantId};

/// The most calls in flight on this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MostCalls {
    /// Of one family: of what one installation of a client holds.
    pub(crate) of_family: u32,
    /// Of one tenant.
    pub(crate) of_tenant: u32,
}

/// The calls that count.
#[derive(Debug)]
pub(super) struct Crowd {
    most: MostCalls,
    families: HashMap<FamilyId, u32>,
    tenants: HashMap<TenantId, u32>,
}

impl Crowd {
    pub(super) fn new(most: MostCalls) -> Self {
        Self { most, families: HashMap::new(), tenants: HashMap::new() }
    }

    /// Counts one more call. False: there are too many, and it does not count.
    pub(super) fn enter(&mut self, verified: &Verified) -> bool {
        if !add(&mut self.families, verified.family, self.most.of_family) {
            return false;
        }
        let room = add(&mut self.tenants, verified.tenant, self.most.of_tenant);
        if !room {
            remove(&mut self.families, &verified.family);
        }
        room
    }

    /// A call that counted has ended.
    pub(super) fn leave(&mut self, verified: &Verified) {
        remove(&mut self.families, &verified.family);
        remove(&mut self.tenants, &verified.tenant);
    }
}

fn add<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: K, most: u32) -> bool {
    let count = counts.entry(key).or_default();
    let room = *count < most;
    *count += u32::from(room);
    room
}

/// Nothing is remembered of those who have no call in flight.
fn remove<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
