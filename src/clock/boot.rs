//! Time that goes on while the machine sleeps, for what must end on time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment by `CLOCK_BOOTTIME`: since the machine was started, in nanoseconds. Nobody can set that clock, and it counts
/// the time that the machine or the process was stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(u64);

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
/// Elsewhere, as on macOS, the monotonic clock counts sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

impl BootTime {
    /// Before everything else.
    pub const START: Self = Self(0);

    #[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
    pub(super) fn read() -> Self {
        let now = clock_gettime(CLOCK);
        let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// The moment so much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How much later this is than `earlier`; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// For an atomic variable.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Back from an atomic variable.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let before = BootTime::read();
        while BootTime::read() <= before {}
        assert!(before > BootTime::START);
    }

    #[test]
    fn it_is_counted_in_durations() {
        let later = BootTime::START.after(Duration::from_millis(3));
        assert_eq!(later.since(BootTime::START), Duration::from_millis(3));
        assert_eq!(BootTime::START.since(later), Duration::ZERO);
        assert_eq!(BootTime::from_nanos(later.nanos()), later);
        assert_eq!(later.after(Duration::MAX), BootTime(u64::MAX));
    }
}
