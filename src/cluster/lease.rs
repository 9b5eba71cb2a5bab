//! The time in which this process may serve from its caches.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::clock::{BootTime, Clock};

/// How long a lease, and a read of the store, is good for, counted from the moment at which it was asked for.
pub const TERM: Duration = Duration::from_secs(1);

/// A lease: held until a moment by the clock that goes on while the machine sleeps. No wall clock takes part.
#[derive(Debug)]
pub(super) struct Lease {
    clock: Clock,
    /// Zero: there is none.
    until: AtomicU64,
    /// When the renewal was sent that was granted last.
    sent: AtomicU64,
}

impl Lease {
    /// None yet.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, until: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    pub(super) fn now(&self) -> BootTime {
        self.clock.boot()
    }

    pub(super) fn until(&self) -> BootTime {
        BootTime::from_nanos(self.until.load(Ordering::Acquire))
    }

    /// Whether caches may be used at this moment.
    pub(super) fn is_held(&self) -> bool {
        // The clock first: whatever stops this process between the two makes the answer older, not longer.
        let now = self.now();
        now < self.until()
    }

    /// Granted to a renewal that was sent then.
    pub(super) fn grant(&self, sent: BootTime) {
        self.sent.fetch_max(sent.nanos(), Ordering::AcqRel);
        self.until.fetch_max(sent.after(TERM).nanos(), Ordering::AcqRel);
    }

    /// Gives it up.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// How long ago the renewal was sent that was granted last.
    pub(super) fn age(&self) -> Option<Duration> {
        let sent = self.sent.load(Ordering::Acquire);
        (sent > 0).then(|| self.now().since(BootTime::from_nanos(sent)))
    }
}
