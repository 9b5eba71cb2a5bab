//! Wall-clock and monotonic time as a parameter.
//!
//! Nothing else in the crate reads a clock, so tests turn it by hand and never sleep.

mod anchor;
mod boot;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use time::OffsetDateTime;

pub use anchor::{ClocksDiffer, TOLERANCE};
pub use boot::BootTime;

use anchor::Anchor;

/// Where the time comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Arc<Anchor>),
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    at: Mutex<OffsetDateTime>,
    /// How long the machine is said to have slept, in nanoseconds.
    slept: AtomicU64,
    /// How far somebody has set it.
    set: Mutex<time::Duration>,
}

impl Clock {
    /// The machine's clock. Not to be believed ([`Clock::is_odd`]) before it was compared.
    pub fn system() -> Self {
        Self(Source::System(Arc::new(Anchor::none())))
    }

    /// A clock that stands still until [`Clock::advance`] turns it.
    pub fn manual(start: OffsetDateTime) -> Self {
        let (slept, set) = (AtomicU64::new(0), Mutex::default());
        Self(Source::Manual(Arc::new(Manual { at: Mutex::new(start), slept, set })))
    }

    /// Now, in UTC, cut to the microseconds that Postgres keeps.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> OffsetDateTime {
        let now = match &self.0 {
            Source::System(_) => OffsetDateTime::now_utc(),
            Source::Manual(manual) => *manual.at.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let micros = now.microsecond();
        now.replace_microsecond(micros).unwrap_or(now)
    }

    /// Seconds since the Unix epoch, as JWT claims count them.
    pub fn unix(&self) -> i64 {
        self.now().unix_timestamp()
    }

    /// Turns a manual clock forward. A system clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            let mut at = manual.at.lock().unwrap_or_else(PoisonError::into_inner);
            *at += by;
        }
    }

    /// Now, by the clock that leases are measured with. It goes on by itself, whatever kind of clock this is.
    pub fn boot(&self) -> BootTime {
        let now = BootTime::read();
        match &self.0 {
            Source::System(_) => now,
            Source::Manual(manual) => now.after(Duration::from_nanos(manual.slept.load(Ordering::SeqCst))),
        }
    }

    /// Lets a manual clock's machine have slept: [`Clock::boot`] is so much later, and nothing else is. A system clock
    /// stays as it is.
    pub fn sleep_through(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            manual.slept.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }

    /// Whether the wall clock cannot be believed: it was set, or it differs from the database's. Then nothing may be decided
    /// that goes by time. Read anew each time, so that not even one request is decided by it.
    pub fn is_odd(&self) -> bool {
        match &self.0 {
            Source::System(anchor) => !anchor.holds(self.now(), self.boot()),
            Source::Manual(manual) => manual.set.lock().unwrap_or_else(PoisonError::into_inner).abs() > TOLERANCE,
        }
    }

    /// Compares the wall clock with the database's, which just said `reference`. A manual clock lives in a time of its own.
    ///
    /// # Errors
    /// They differ: the clock is odd from now on, until they agree.
    pub fn compare(&self, reference: OffsetDateTime) -> Result<(), ClocksDiffer> {
        match &self.0 {
            Source::System(anchor) => anchor.compare(self.now(), self.boot(), reference),
            Source::Manual(_) => Ok(()),
        }
    }

    /// Sets a manual clock by so much, as somebody does by mistake: no time passes. A system clock stays as it is.
    pub fn set_by(&self, by: time::Duration) {
        if let Source::Manual(manual) = &self.0 {
            *manual.at.lock().unwrap_or_else(PoisonError::into_inner) += by;
            *manual.set.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_system_clock_is_believed_once_it_was_compared() {
        let clock = Clock::system();
        assert!(clock.is_odd());
        clock.compare(clock.now()).unwrap();
        assert!(!clock.is_odd() && !clock.clone().is_odd());
        clock.compare(clock.now() + time::Duration::HOUR).unwrap_err();
        assert!(clock.is_odd());
    }

    #[test]
    fn a_manual_clock_is_odd_while_it_is_set_wrong() {
        let clock = Clock::manual(datetime!(2026-08-03 10:00 UTC));
        clock.advance(Duration::from_secs(86_400));
        assert!(!clock.is_odd(), "that much time went by");
        for by in [time::Duration::days(365), -time::Duration::HOUR] {
            let before = clock.now();
            clock.set_by(by);
            assert!(clock.is_odd() && clock.now() == before + by);
            clock.set_by(-by);
            assert!(!clock.is_odd() && clock.now() == before);
        }
    }
}
