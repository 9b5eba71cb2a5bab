//! The wait for all nodes, after authority was taken away.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};

use crate::store::{Store, StoreError};

/// One lease and a tenth. Whoever has not acknowledged an entry this long after its commit has no lease and no read of the
/// store that is older than the entry; the tenth is for clocks that do not run alike.
pub const LONGEST_WAIT: Duration = Duration::from_millis(1100);
/// Pauses between looks grow from the first to the second while nothing comes of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));
/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(1);

/// Waits for acknowledgements. All who wait in this process share one look at the store.
pub(super) struct Barrier {
    store: Store,
    turn: Mutex<Turn>,
    seen: watch::Sender<Seen>,
    look: Notify,
}

#[derive(Default)]
struct Turn {
    waiting: usize,
    looking: bool,
}

/// What the last look has shown.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// How many looks there were.
    looks: u64,
    head: i64,
    /// What all nodes have applied; none where there are no nodes.
    acknowledged: Option<i64>,
}

impl Barrier {
    pub(super) fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, turn: Mutex::default(), seen: watch::Sender::new(Seen::default()), look: Notify::new() })
    }

    /// Returns when all registered nodes have applied the entry of this number, or when those that have not cannot serve
    /// without it. Called at once when the commit was answered.
    ///
    /// # Errors
    /// When the database has lost the entry.
    pub(super) async fn pass(self: &Arc<Self>, seq: i64) -> Result<(), StoreError> {
        // By the monotonic clock, and before anything else.
        let longest = tokio::time::sleep(LONGEST_WAIT);
        let (_waiting, under_way) = self.wait();
        let mut seen = self.seen.subscribe();
        // A look that was under way may have begun before the commit.
        let fresh = seen.borrow().looks + 1 + u64::from(under_way);
        let acknowledged = seen.wait_for(|seen| seen.settles(seq, seen.looks >= fresh));
        tokio::select! {
            seen = acknowledged => match seen {
                Ok(seen) if seen.head < seq => Err(StoreError::Behind),
                // The sender is in `self`.
                _ => Ok(()),
            },
            () = longest => Ok(()),
        }
    }

    /// Looks at once, if somebody waits.
    pub(super) fn look(&self) {
        if self.turn().waiting > 0 {
            self.look.notify_one();
        }
    }

    /// Sees to it that there are looks; says whether there were before.
    fn wait(self: &Arc<Self>) -> (Waiting, bool) {
        let mut turn = self.turn();
        turn.waiting += 1;
        let under_way = std::mem::replace(&mut turn.looking, true);
        if under_way {
            self.look.notify_one();
        } else {
            tokio::spawn(self.clone().look_while_somebody_waits());
        }
        (Waiting(self.clone()), under_way)
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_while_somebody_waits(self: Arc<Self>) {
        let mut looking = Looking(Some(self.clone()));
        let mut pause = PAUSES.0;
        loop {
            match tokio::time::timeout(LIMIT, self.store.acknowledged()).await {
                Ok(Ok((head, acknowledged))) => self.seen.send_modify(|seen| {
                    *seen = Seen { looks: seen.looks + 1, head, acknowledged };
                }),
                Ok(Err(error)) => tracing::debug!(%error, "acknowledgements cannot be read"),
                Err(_) => tracing::debug!("acknowledgements cannot be read in time"),
            }
            {
                let mut turn = self.turn();
                if turn.waiting == 0 {
                    turn.looking = false;
                    looking.0 = None;
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSES.1),
                () = self.look.notified() => pause = PAUSES.0,
            }
        }
    }
}

impl Seen {
    /// Whether the wait for `seq` is over. That all nodes have applied it cannot have been seen before it was committed;
    /// that there are no nodes, or that it is gone, can.
    fn settles(&self, seq: i64, fresh: bool) -> bool {
        match self.acknowledged {
            Some(acknowledged) if acknowledged >= seq => true,
            Some(_) => fresh && self.head < seq,
            None => fresh,
        }
    }
}

/// Somebody waits, until this is dropped.
struct Waiting(Arc<Barrier>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.turn().waiting -= 1;
    }
}

/// Says that nobody looks any more, should the task end otherwise, as with its runtime.
struct Looking(Option<Arc<Barrier>>);

impl Drop for Looking {
    fn drop(&mut self) {
        if let Some(barrier) = self.0.take() {
            barrier.turn().looking = false;
        }
    }
}
