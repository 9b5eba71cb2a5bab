//! Wall-clock and monotonic time as a parameter.
//!
//! Nothing else in the crate reads a clock, so tests turn it by hand and never sleep.

mod boot;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use time::OffsetDateTime;

pub use boot::BootTime;

/// Where the time comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    at: Mutex<OffsetDateTime>,
    /// How long the machine is said to have slept, in nanoseconds.
    slept: AtomicU64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] turns it.
    pub fn manual(start: OffsetDateTime) -> Self {
        Self(Source::Manual(Arc::new(Manual { at: Mutex::new(start), slept: AtomicU64::new(0) })))
    }

    /// Now, in UTC, cut to the microseconds that Postgres keeps.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> OffsetDateTime {
        let now = match &self.0 {
            Source::System => OffsetDateTime::now_utc(),
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
            Source::System => now,
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
}
