//! The one outcome of a call whose answer is under way.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::audit::{Announced, Outcome};

/// Whoever sees how an answer ends says it here; who comes first is right. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ending(Arc<Shared>);

struct Shared {
    /// None: it has been said.
    announced: Mutex<Option<Announced>>,
    /// What the client was sent.
    status: u16,
    /// Bytes of the body that went to the client.
    sent: AtomicU64,
}

impl Ending {
    /// Nothing has ended yet, and only the head is on its way.
    pub(super) fn new(announced: Announced, status: u16) -> Self {
        Self(Arc::new(Shared { announced: Mutex::new(Some(announced)), status, sent: AtomicU64::new(0) }))
    }

    /// So many more bytes go to the client.
    pub(super) fn send(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Leaves the outcome, unless there is one.
    pub(super) fn end(&self, outcome: Outcome) {
        let announced = self.0.announced.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(announced) = announced {
            announced.end(outcome, self.0.status, self.sent());
        }
    }
}
