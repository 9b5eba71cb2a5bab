//! What is left for the writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    ids::{EventId, TenantId},
    store::calls::CallRow,
};

#[derive(Debug)]
pub(super) enum Message {
    Event(Entry),
    /// Everything before it is on the disk once this is answered.
    Flush(oneshot::Sender<()>),
}

impl Message {
    /// Whether somebody waits for it.
    pub(super) fn is_urgent(&self) -> bool {
        !matches!(self, Self::Event(Entry { part: Part::Outcome { .. }, .. }))
    }
}

/// An event on its way to the disk.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) tenant: TenantId,
    pub(super) row: CallRow,
    pub(super) part: Part,
}

/// The part an event plays for its call.
#[derive(Debug)]
pub(super) enum Part {
    /// The call has begun; its room is kept by [`super::Announced`].
    Intent { id: EventId, fate: Arc<Fate>, durable: oneshot::Sender<()> },
    /// The call has ended. Its room is free once this is on the disk.
    Outcome { intent: EventId, room: OwnedSemaphorePermit },
    /// The only event of its call.
    Sole { durable: oneshot::Sender<()>, room: OwnedSemaphorePermit },
}

impl Part {
    pub(super) fn intent(id: EventId) -> (Self, oneshot::Receiver<()>, Arc<Fate>) {
        let (durable, wait) = oneshot::channel();
        let fate = Arc::new(Fate::default());
        (Self::Intent { id, fate: fate.clone(), durable }, wait, fate)
    }
}

/// Whether an intent is written. Either the writer takes it, or whoever announced it takes it back; never both.
#[derive(Debug, Default)]
pub(super) struct Fate(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Waits,
    Taken,
    /// Its message takes up memory until the writer comes to it, so its room goes with the message.
    TakenBack(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit),
}

impl Fate {
    /// The writer takes it. False: it was taken back.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state();
        let waits = matches!(*state, State::Waits);
        if waits {
            *state = State::Taken;
        }
        waits
    }

    /// Takes it back. Else it is on its way to the disk, and the room is needed for its outcome.
    pub(super) fn take_back(&self, room: OwnedSemaphorePermit) -> Option<OwnedSemaphorePermit> {
        let mut state = self.state();
        if matches!(*state, State::Waits) {
            *state = State::TakenBack(room);
            return None;
        }
        Some(room)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
