//! What is left for the writer.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

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
pub(super) struct Fate(AtomicU8);

impl Fate {
    const WAITS: u8 = 0;
    const TAKEN: u8 = 1;
    const TAKEN_BACK: u8 = 2;

    /// The writer takes it. False: it was taken back.
    pub(super) fn take(&self) -> bool {
        self.decide(Self::TAKEN)
    }

    /// Takes it back. False: it is on its way to the disk.
    pub(super) fn take_back(&self) -> bool {
        self.decide(Self::TAKEN_BACK)
    }

    fn decide(&self, to: u8) -> bool {
        self.0.compare_exchange(Self::WAITS, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
