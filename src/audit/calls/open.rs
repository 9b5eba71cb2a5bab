//! Which announced calls have no outcome yet, as the database is told.
//!
//! A slot is a row with the intents of one batch. It may say too much, never too little: it stays as it is while its calls
//! end, and is used again only once the last of them has its outcome, in the same commit or before it. So an outcome costs
//! nothing here, and a batch of intents one row that is changed in place.

use std::collections::{HashMap, HashSet};

use crate::ids::{EventId, TenantId};

/// As many as the table allows: the row must stay in its page.
const SLOT: usize = 100;

/// One row to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) number: i32,
    pub(super) intents: Vec<EventId>,
}

#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    slot_of: HashMap<EventId, i32>,
    tenants: HashMap<TenantId, Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// How many calls of each slot are open; none of a slot that is free.
    open: Vec<usize>,
    free: Vec<i32>,
}

impl Slots {
    fn take(&mut self, calls: usize) -> Option<i32> {
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.open.push(0);
                i32::try_from(self.open.len() - 1).ok()?
            }
        };
        *self.open.get_mut(usize::try_from(number).ok()?)? = calls;
        Some(number)
    }

    fn release(&mut self, number: i32) {
        let Some(open) = usize::try_from(number).ok().and_then(|at| self.open.get_mut(at)) else { return };
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.free.push(number);
        }
    }
}

impl OpenCalls {
    /// Notes what one commit holds for a tenant: calls that begin, and calls that end. Says which slots it must write.
    pub(super) fn note(&mut self, tenant: TenantId, begun: &[EventId], ended: &HashSet<EventId>) -> Vec<Slot> {
        let slots = self.tenants.entry(tenant).or_default();
        for intent in ended {
            if let Some(number) = self.slot_of.remove(intent) {
                slots.release(number);
            }
        }
        let open: Vec<EventId> = begun.iter().filter(|intent| !ended.contains(intent)).copied().collect();
        let mut written = Vec::new();
        for intents in open.chunks(SLOT) {
            // Two milliards of slots are more than there is room for calls.
            let Some(number) = slots.take(intents.len()) else { continue };
            self.slot_of.extend(intents.iter().map(|intent| (*intent, number)));
            written.push(Slot { number, intents: intents.to_vec() });
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    fn id(number: u128) -> EventId {
        EventId(Uuid::from_u128(number * 2))
    }

    #[test]
    fn a_call_within_one_commit_takes_no_slot() {
        let mut open = OpenCalls::default();
        assert_eq!(open.note(TENANT, &[id(1)], &HashSet::from([id(1)])), []);
    }

    #[test]
    fn a_slot_is_used_again_by_the_commit_that_ends_its_last_call() {
        let mut open = OpenCalls::default();
        let first = open.note(TENANT, &[id(1), id(2)], &HashSet::new());
        assert_eq!(first, [Slot { number: 0, intents: vec![id(1), id(2)] }]);
        let second = open.note(TENANT, &[id(3)], &HashSet::from([id(1)]));
        assert_eq!(second[0].number, 1, "a call of the first slot is open");
        let third = open.note(TENANT, &[id(4)], &HashSet::from([id(2)]));
        assert_eq!(third[0].number, 0);
    }

    proptest! {
        /// Whatever begins and ends when: the rows in the database name every call that is open.
        #[test]
        fn no_open_call_is_missing_in_the_rows(commits in prop::collection::vec((0..250_usize, 0..250_usize), 1..40)) {
            let (mut open, mut rows, mut alive, mut next) = (OpenCalls::default(), BTreeMap::new(), Vec::new(), 0);
            for (begins, ends) in commits {
                let begun: Vec<EventId> = (next..next + begins as u128).map(id).collect();
                next += begins as u128;
                alive.extend(begun.iter().copied());
                // From both sides, so that slots become free in any order.
                let ended: HashSet<EventId> = (0..ends.min(alive.len()))
                    .map(|n| if n % 3 == 0 { alive.remove(0) } else { alive.pop().unwrap() })
                    .collect();
                for slot in open.note(TENANT, &begun, &ended) {
                    prop_assert!((1..=SLOT).contains(&slot.intents.len()));
                    rows.insert(slot.number, slot.intents);
                }
                let named: HashSet<EventId> = rows.values().flatten().copied().collect();
                prop_assert!(alive.iter().all(|call| named.contains(call)));
                prop_assert_eq!(open.slot_of.len(), alive.len());
            }
        }
    }
}
