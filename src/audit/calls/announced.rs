//! A call between its intent and its outcome.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    CallLog, NoEvidence,
    message::{Entry, Fate, Part},
    row,
};
use crate::{
    audit::{Event, Outcome, Recorder},
    ids::{EventId, TenantId},
};

/// An announced call. It leaves an outcome, whatever becomes of this value.
///
/// Dropped before [`Announced::forwarding`], the call was not executed: the intent is taken back, or the outcome says so.
/// Dropped after it, the client went away.
#[derive(Debug)]
pub struct Announced {
    log: CallLog,
    tenant: TenantId,
    recorder: Recorder,
    intent: EventId,
    began: OffsetDateTime,
    /// Taken once it was waited for.
    durable: Option<oneshot::Receiver<()>>,
    fate: Arc<Fate>,
    forwarded: bool,
    /// Taken once there is an outcome, or the intent was taken back.
    room: Option<OwnedSemaphorePermit>,
}

impl Announced {
    pub(super) fn new(
        log: CallLog,
        tenant: TenantId,
        recorder: Recorder,
        (intent, began): (EventId, OffsetDateTime),
        durable: oneshot::Receiver<()>,
        fate: Arc<Fate>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        let (durable, room) = (Some(durable), Some(room));
        Self { log, tenant, recorder, intent, began, durable, fate, forwarded: false, room }
    }

    /// Returns when the intent is on the disk.
    ///
    /// # Errors
    /// It is not, or not in time.
    pub async fn durable(&mut self) -> Result<(), NoEvidence> {
        match self.durable.take() {
            Some(durable) => self.log.in_time(durable).await,
            None => Ok(()),
        }
    }

    /// From here on the call may be executed.
    pub fn forwarding(&mut self) {
        self.forwarded = true;
    }

    /// Leaves the outcome: the status that the client was sent, and how many bytes of the answer's body.
    pub fn end(mut self, outcome: Outcome, status: u16, bytes: u64) {
        self.close(outcome, status, bytes);
    }

    fn close(&mut self, outcome: Outcome, status: u16, bytes: u64) {
        let Some(room) = self.room.take() else { return };
        let took = self.recorder.clock.now() - self.began;
        let event = Event::CallOutcome {
            intent: self.intent,
            outcome,
            status: Some(status),
            millis: Some(u64::try_from(took.whole_milliseconds()).unwrap_or(0)),
            bytes: Some(bytes),
        };
        match row(&self.recorder, self.intent.outcome(), &event) {
            Ok(row) => {
                self.log.send(Entry { tenant: self.tenant, row, part: Part::Outcome { intent: self.intent, room } });
            }
            // The next start says that it is not known.
            Err(error) => {
                tracing::error!(%error, intent = %self.intent, "the outcome of a call cannot be written down")
            }
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if self.forwarded {
            // 499, as servers have come to call it.
            return self.close(Outcome::ClientGone, 499, 0);
        }
        self.room = self.room.take().and_then(|room| self.fate.take_back(room));
        self.close(Outcome::NotExecuted, 503, 0);
    }
}
