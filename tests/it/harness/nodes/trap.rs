//! One statement of a node, held between node and database.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

/// Far longer than anything takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(30);

/// What of the statement is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The statement on its way to the database, which knows nothing of it.
    Request,
    /// The answer on its way to the node: the database is done with the statement.
    Answer,
}

/// Waits for the next statement whose text contains `text`.
pub(super) struct Trap {
    pub(super) text: String,
    pub(super) side: Side,
    holds: watch::Sender<bool>,
    open: watch::Sender<bool>,
}

impl Trap {
    /// Holds whoever calls it until the trap is opened.
    pub(super) async fn hold(&self) {
        self.holds.send_replace(true);
        // It is opened at the latest when the test drops its end.
        self.open.subscribe().wait_for(|open| *open).await.ok();
    }
}

/// The test's end of a trap. Opens it when dropped.
pub(crate) struct Held(Arc<Trap>);

impl Held {
    pub(super) fn new(side: Side, text: &str) -> (Self, Arc<Trap>) {
        let (holds, open) = (watch::Sender::new(false), watch::Sender::new(false));
        let trap = Arc::new(Trap { text: text.to_owned(), side, holds, open });
        (Self(trap.clone()), trap)
    }

    /// Returns when the statement, or its whole answer, is held.
    pub(crate) async fn caught(&self) {
        let mut holds = self.0.holds.subscribe();
        let caught = tokio::time::timeout(LONG, holds.wait_for(|holds| *holds)).await;
        assert!(caught.is_ok(), "no statement with {:?} came by", self.0.text);
    }

    /// Lets it go on.
    pub(crate) fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open.send_replace(true);
    }
}
