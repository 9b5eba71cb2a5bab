//! Reads of the database on behalf of somebody who is not known yet.
//!
//! Anybody can name tenants that do not exist and tokens that were never issued, and each costs a read, since nothing is
//! remembered of most of them. So these reads take turns: at most half of the pool's connections serve them, and the other
//! half is for those who got further. Who waits for a turn waits no longer than for the database itself.

use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{clock::BootTime, ids::Slug};

/// How long a tenant that is not there is taken for absent. The authority log does not tell of new tenants: for so long at
/// most a node that was asked for one before it was made answers that there is none.
const ABSENT: Duration = Duration::from_secs(1);
/// Names of tenants that are not there, remembered at a time.
const NAMES: usize = 1_000;

/// The turns of such reads, and what is known to be absent.
#[derive(Debug)]
pub(crate) struct ColdReads {
    turns: Semaphore,
    /// Until when each is taken for absent.
    absent: Cache<Slug, BootTime>,
}

/// Lets one more read go when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(#[expect(dead_code, reason = "held until it is dropped")] Option<SemaphorePermit<'a>>);

impl ColdReads {
    /// For a pool of so many connections.
    pub(super) fn new(connections: u32) -> Self {
        let turns = usize::try_from(connections / 2).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { turns: Semaphore::new(turns), absent: Cache::new(NAMES) }
    }

    /// Waits for a turn. Held as long as the read takes.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // It is never closed.
        Turn(self.turns.acquire().await.ok())
    }

    /// Whether there was no such tenant a moment ago.
    pub(super) fn is_absent(&self, slug: &Slug, now: BootTime) -> bool {
        self.absent.get(slug).is_some_and(|until| now < until)
    }

    /// There was no such tenant in a read that was sent then.
    pub(super) fn absent(&self, slug: Slug, sent: BootTime) {
        self.absent.insert(slug, sent.after(ABSENT));
    }
}
