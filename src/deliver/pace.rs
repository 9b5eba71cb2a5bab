//! When a log is sent again that was not accepted: each log of a target by itself, and all of them where the target is away.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::ids::TenantId;

/// Between rounds that found nothing more to send.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures: the next one is twice as long as the last until then.
const LONGEST: Duration = Duration::from_secs(60);

/// What a process knows of how it goes with one target. A new one waits for nothing.
#[derive(Debug, Default)]
pub struct Pace {
    /// Which log comes first in the next round.
    turn: usize,
    /// Rounds one after the other in which the target was away.
    away: u32,
    /// Logs that were not accepted: how often one after the other, and until when they wait.
    logs: HashMap<TenantId, (u32, Instant)>,
}

impl Pace {
    /// The order of the next round: another log first than in the last one.
    pub(super) fn order<T>(&mut self, logs: &mut [T]) {
        if !logs.is_empty() {
            logs.rotate_left(self.turn % logs.len());
        }
        self.turn = self.turn.wrapping_add(1);
    }

    pub(super) fn waits(&self, log: TenantId, now: Instant) -> bool {
        self.logs.get(&log).is_some_and(|(_, until)| *until > now)
    }

    pub(super) fn accepted(&mut self, log: TenantId) {
        self.logs.remove(&log);
    }

    pub(super) fn refused(&mut self, log: TenantId, now: Instant) {
        let failures = self.logs.get(&log).map_or(0, |(failures, _)| *failures).saturating_add(1);
        self.logs.insert(log, (failures, now + pause(failures)));
    }

    /// Whether the target was away in the whole round.
    pub(super) fn away(&mut self, away: bool) {
        self.away = if away { self.away.saturating_add(1) } else { 0 };
    }

    /// Until the next round, if there is nothing more to send at once.
    pub fn pause(&self) -> Duration {
        pause(self.away)
    }
}

/// After so many failures one after the other.
fn pause(failures: u32) -> Duration {
    PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| pause(failures).as_secs()).to_vec();
        assert_eq!(seconds, [1, 1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn a_log_that_is_refused_waits_longer_each_time_and_others_do_not() {
        let (bad, good) = (TenantId(uuid::Uuid::from_u128(1)), TenantId(uuid::Uuid::from_u128(2)));
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for seconds in [1, 2, 4] {
            pace.refused(bad, now);
            assert!(pace.waits(bad, now) && !pace.waits(good, now));
            now += Duration::from_secs(seconds);
            assert!(!pace.waits(bad, now), "{seconds}");
        }
        pace.refused(bad, now);
        pace.accepted(bad);
        assert!(!pace.waits(bad, now));
        let firsts = [0; 4].map(|_| {
            let mut logs = [1, 2, 3];
            pace.order(&mut logs);
            logs[0]
        });
        assert_eq!(firsts, [1, 2, 3, 1]);
    }
}
