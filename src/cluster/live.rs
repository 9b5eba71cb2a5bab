//! Calls and streams in flight, so that a revocation can cut them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use super::Verified;

type Calls = Arc<Mutex<HashMap<u64, (Arc<Verified>, CancellationToken)>>>;

/// All calls in flight on this process.
#[derive(Clone, Debug, Default)]
pub struct Live {
    calls: Calls,
    next: Arc<AtomicU64>,
}

impl Live {
    /// Enters a call. It leaves when the guard is dropped.
    pub(super) fn enter(&self, verified: Arc<Verified>) -> LiveCall {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let cut = CancellationToken::new();
        self.lock().insert(id, (verified.clone(), cut.clone()));
        LiveCall { id, calls: self.calls.clone(), verified, cut }
    }

    /// Cuts the calls that `hit` names; says how many.
    pub(super) fn cut(&self, hit: impl Fn(&Verified) -> bool) -> usize {
        let calls = self.lock();
        let cut = calls.values().filter(|(verified, _)| hit(verified));
        cut.map(|(_, token)| token.cancel()).count()
    }

    /// How many calls are in flight.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, (Arc<Verified>, CancellationToken)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in flight: what it rests on, and the signal that ends it.
#[derive(Debug)]
pub struct LiveCall {
    id: u64,
    calls: Calls,
    verified: Arc<Verified>,
    cut: CancellationToken,
}

impl LiveCall {
    /// What the call rests on.
    pub fn verified(&self) -> &Arc<Verified> {
        &self.verified
    }

    /// Completes when the authority behind the call is gone.
    pub fn cut(&self) -> &CancellationToken {
        &self.cut
    }
}

impl Drop for LiveCall {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
