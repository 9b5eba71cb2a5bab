//! Other nodes, and which of them are dead.
//!
//! A revocation waits for every registered node, and one that was killed never answers. So each node that has a lease
//! watches the others, in two steps. One whose renewals have stopped is first made a *suspect*: it gets no lease any more,
//! and the store refuses its reads. Only when whatever it had read or been granted before has run out is it removed, so that
//! a later revocation, which does not wait for it, cannot be overtaken by it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::barrier::LONGEST_WAIT;
use crate::{ids::NodeId, store::nodes::NodeRow};

/// A node that has not renewed its lease for so long is given up for dead.
const SILENCE: Duration = Duration::from_secs(10);

/// What to do with another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is silent.
    Suspect(NodeRow),
    /// It was given up, and nothing that it holds is good any more.
    Remove(NodeId),
}

/// What was seen of the others, by this process's own monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Others {
    seen: HashMap<NodeId, Sighting>,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    row: NodeRow,
    /// Since when it was seen like this.
    since: Instant,
}

impl Others {
    /// Looks at the rows that were read just now. Whoever has no lease of its own must [forget](Self::forget): that nobody
    /// renewed may have been the database's fault.
    pub(super) fn judge(&mut self, rows: &[NodeRow], now: Instant) -> Vec<Judgement> {
        let mut seen = HashMap::with_capacity(rows.len());
        for row in rows {
            let before = self.seen.get(&row.id).filter(|before| before.row == *row);
            seen.insert(row.id, before.copied().unwrap_or(Sighting { row: *row, since: now }));
        }
        self.seen = seen;
        self.seen.values().filter_map(|sighting| sighting.judgement(now)).collect()
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }
}

impl Sighting {
    fn judgement(&self, now: Instant) -> Option<Judgement> {
        let unchanged = now.saturating_duration_since(self.since);
        if self.row.suspect {
            (unchanged >= LONGEST_WAIT).then_some(Judgement::Remove(self.row.id))
        } else {
            (unchanged >= SILENCE).then_some(Judgement::Suspect(self.row))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ID: NodeId = NodeId(Uuid::from_u128(7));

    fn row(beat: i64, suspect: bool) -> NodeRow {
        NodeRow { id: ID, beat, suspect }
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn one_that_renews_is_left_alone() {
        let (mut others, start) = (Others::default(), Instant::now());
        for beat in 0..100 {
            let at = start + seconds(9.9) * u32::try_from(beat).unwrap();
            assert_eq!(others.judge(&[row(beat, false)], at), []);
        }
    }

    #[test]
    fn one_that_is_silent_is_suspected_and_removed_later() {
        let (mut others, start) = (Others::default(), Instant::now());
        assert_eq!(others.judge(&[row(3, false)], start), []);
        assert_eq!(others.judge(&[row(3, false)], start + seconds(9.9)), []);
        assert_eq!(others.judge(&[row(3, false)], start + seconds(10.0)), [Judgement::Suspect(row(3, false))]);
        // However long ago it was suspected: what counts is since when this process has known.
        assert_eq!(others.judge(&[row(3, true)], start + seconds(12.0)), []);
        assert_eq!(others.judge(&[row(3, true)], start + seconds(13.0)), []);
        assert_eq!(others.judge(&[row(3, true)], start + seconds(13.1)), [Judgement::Remove(ID)]);
        assert_eq!(others.judge(&[], start + seconds(14.0)), []);
    }

    #[test]
    fn silence_before_this_process_had_a_lease_does_not_count() {
        let (mut others, start) = (Others::default(), Instant::now());
        others.judge(&[row(3, false)], start);
        others.forget();
        assert_eq!(others.judge(&[row(3, false)], start + seconds(60.0)), []);
        assert_eq!(others.judge(&[row(3, false)], start + seconds(69.9)), []);
        assert_eq!(others.judge(&[row(3, false)], start + seconds(70.0)).len(), 1);
    }
}
