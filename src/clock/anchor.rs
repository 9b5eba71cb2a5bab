//! Whether the wall clock can be believed: it must go on as the time since boot does, from a moment at which it agreed with
//! the database's clock.

use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};

use super::BootTime;

/// How far the wall clock may be from where it should be. Far more than clocks that are kept right differ, and less than the
/// life of anything that is issued but a JWT and a code.
pub const TOLERANCE: Duration = Duration::seconds(30);

/// Nothing has been agreed on.
const NONE: i64 = i64::MIN;

/// By how much the wall clock was ahead of the time since boot when it agreed last.
#[derive(Debug)]
pub(super) struct Anchor(AtomicI64);

/// The wall clocks of this machine and of the database's say different things, and nobody knows which is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine's clock and the database's differ by {} seconds: nothing is decided until both are set right",
    .0.whole_seconds().abs()
)]
pub struct ClocksDiffer(pub Duration);

impl Anchor {
    pub(super) const fn none() -> Self {
        Self(AtomicI64::new(NONE))
    }

    /// The wall clock said `wall` when the database's said `reference`.
    pub(super) fn compare(
        &self,
        wall: OffsetDateTime,
        boot: BootTime,
        reference: OffsetDateTime,
    ) -> Result<(), ClocksDiffer> {
        let by = wall - reference;
        let agreed = by.abs() <= TOLERANCE;
        self.0.store(if agreed { ahead(wall, boot) } else { NONE }, Ordering::Release);
        if agreed { Ok(()) } else { Err(ClocksDiffer(by)) }
    }

    /// Whether the wall clock has gone on as it should.
    pub(super) fn holds(&self, wall: OffsetDateTime, boot: BootTime) -> bool {
        match self.0.load(Ordering::Acquire) {
            NONE => false,
            agreed => Duration::microseconds(ahead(wall, boot).saturating_sub(agreed)).abs() <= TOLERANCE,
        }
    }
}

/// Microseconds by which `wall` is ahead of `boot`.
fn ahead(wall: OffsetDateTime, boot: BootTime) -> i64 {
    let wall = i64::try_from(wall.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX);
    wall.saturating_sub(i64::try_from(boot.nanos() / 1000).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-08-03 10:00 UTC);

    fn after(seconds: u64) -> BootTime {
        BootTime::START.after(std::time::Duration::from_secs(seconds))
    }

    #[test]
    fn a_clock_is_believed_from_where_it_agreed_and_as_long_as_it_goes_on() {
        let anchor = Anchor::none();
        assert!(!anchor.holds(NOW, after(5)), "nobody has compared it");
        assert_eq!(anchor.compare(NOW, after(5), NOW + Duration::seconds(20)), Ok(()));
        let day = Duration::DAY;
        for (wall, boot, good) in [
            (NOW, after(5), true),
            (NOW + day, after(5 + 86_400), true),
            (NOW + day + TOLERANCE, after(5 + 86_400), true),
            (NOW + day + TOLERANCE + Duration::SECOND, after(5 + 86_400), false),
            (NOW, after(5 + 86_400), false),
            (NOW + Duration::days(365), after(5), false),
            (NOW - Duration::HOUR, after(5), false),
            (OffsetDateTime::UNIX_EPOCH, after(5), false),
        ] {
            assert_eq!(anchor.holds(wall, boot), good, "{wall} {boot:?}");
        }
    }

    #[test]
    fn one_that_disagrees_is_not_believed_until_it_agrees_again() {
        let anchor = Anchor::none();
        assert_eq!(anchor.compare(NOW, after(5), NOW), Ok(()));
        let differ = anchor.compare(NOW, after(6), NOW - Duration::minutes(2)).unwrap_err();
        assert!(differ.to_string().contains("differ by 120 seconds"), "{differ}");
        assert!(!anchor.holds(NOW, after(6)));
        assert!(anchor.compare(NOW, after(7), NOW + Duration::minutes(2)).is_err());
        assert_eq!(anchor.compare(NOW, after(8), NOW), Ok(()));
        assert!(anchor.holds(NOW, after(8)));
    }
}
