//! Events of calls, written in batches: one commit for many.
//!
//! A call is announced by its intent and ends with its outcome ([`Announced`]). One that goes no further leaves one event
//! ([`CallLog::record`]). One task writes them all ([`writer`]), as fast as one commit follows another.
//!
//! Nothing is dropped, and little is kept in memory. Room is limited ([`CallLog::ROOM`]): an announced call keeps its place until its
//! outcome is on the disk, so that there is always room for the outcome, and whoever finds no room waits. While nothing can be
//! written, nobody waits: calls are refused before they have an effect ([`NoEvidence`]).
//!
//! A process that dies leaves intents without outcomes. The database knows which ones these may be
//! ([`open`]), and another process, or the next one, says of them that it is not known ([`crate::jobs::lost_calls`]).

mod announced;
mod batch;
mod health;
mod message;
mod open;
mod writer;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

pub use announced::Announced;

use self::{
    health::Health,
    message::{Entry, Message, Part},
    writer::Writer,
};
use super::{CallFacts, Event, Recorder};
use crate::{
    http::metrics::Metrics,
    ids::{EventId, ProcessId, TenantId},
    store::{Store, StoreError, calls::CallRow},
    tenants::Evidence,
};

/// How long anybody waits for evidence, for room first and then for the disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// An event in so many bytes of JSON may hold something that is too long.
const LONG: usize = 8 * 1024;
/// How long the last calls may take to end when serving has ended.
const LAST: Duration = Duration::from_secs(10);

/// Evidence cannot be written, or not in time.
#[derive(Debug, thiserror::Error)]
#[error("events of calls cannot be written to the database")]
pub struct NoEvidence;

/// Where calls leave their events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallLog {
    queue: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
    size: u32,
    health: Arc<Health>,
}

impl CallLog {
    /// The most calls that are announced and whose outcome is not on the disk yet. An event takes about a kilobyte.
    pub const ROOM: u32 = 65_536;

    /// Starts the writer, which takes a connection of its own when there is something to write.
    pub fn start(store: Store, process: ProcessId, metrics: &Metrics) -> Self {
        Self::with_room(store, process, metrics, Self::ROOM)
    }

    /// Starts with room for so many calls.
    pub fn with_room(store: Store, process: ProcessId, metrics: &Metrics, room: u32) -> Self {
        let health = Arc::new(Health::default());
        metrics.register(|registry| health.clone().register(registry));
        let (queue, inbox) = mpsc::unbounded_channel();
        tokio::spawn(Writer::new(store, process, inbox, health.clone()).run());
        Self { queue, room: Arc::new(Semaphore::new(room as usize)), size: room, health }
    }

    /// Whether events can be written, as far as is known.
    ///
    /// # Errors
    /// The last try failed, or takes longer than anybody would wait.
    pub fn ready(&self) -> Result<(), NoEvidence> {
        if self.health.is_failing() || self.health.oldest() >= PATIENCE { Err(NoEvidence) } else { Ok(()) }
    }

    /// Announces a call; `call` says what the event of an id says of it. Nothing may be forwarded or answered before [`Announced::durable`], as `evidence` says.
    ///
    /// # Errors
    /// Nothing was announced, and nothing must be executed.
    pub async fn announce(
        &self,
        tenant: TenantId,
        recorder: &Recorder,
        call: impl FnOnce(EventId) -> CallFacts + Send,
        (read_only, evidence): (bool, Evidence),
    ) -> Result<Announced, NoEvidence> {
        let room = self.enter().await?;
        let id = EventId::of_intent(&recorder.clock, &recorder.entropy).map_err(|error| self.refuse(&error.into()))?;
        let event = Event::CallIntent { call: call(id), read_only, evidence };
        let row = row(recorder, id, &event).map_err(|error| self.refuse(&error))?;
        let began = row.at;
        let (part, durable, fate) = Part::intent(id);
        self.send(Entry { tenant, row, part });
        Ok(Announced::new(self.clone(), tenant, recorder.clone(), (id, began), durable, fate, room))
    }

    /// Leaves the one event of a call that goes no further, and returns when it is on the disk.
    ///
    /// # Errors
    /// It is not on the disk in time. It may still get there.
    pub async fn record(
        &self,
        tenant: TenantId,
        recorder: &Recorder,
        event: impl FnOnce(EventId) -> Event + Send,
    ) -> Result<(), NoEvidence> {
        let room = self.enter().await?;
        let id = EventId::new(&recorder.clock, &recorder.entropy).map_err(|error| self.refuse(&error.into()))?;
        let row = row(recorder, id, &event(id)).map_err(|error| self.refuse(&error))?;
        let (durable, wait) = oneshot::channel();
        self.send(Entry { tenant, row, part: Part::Sole { durable, room } });
        self.in_time(wait).await
    }

    /// Returns when everything left so far is on the disk.
    pub async fn flush(&self) -> Result<(), NoEvidence> {
        let (done, wait) = oneshot::channel();
        self.queue.send(Message::Flush(done)).map_err(|_| NoEvidence)?;
        wait.await.map_err(|_| NoEvidence)
    }

    /// Returns when no announced call is without an outcome on the disk: at the end, when no more calls come.
    ///
    /// # Errors
    /// That takes too long. The next start says of these calls that their outcome is not known.
    pub async fn finish(&self) -> Result<(), NoEvidence> {
        let all = timeout(LAST, self.room.acquire_many(self.size)).await;
        match all {
            Ok(Ok(_room)) => Ok(()),
            _ => Err(NoEvidence),
        }
    }

    /// Takes room for a call, and waits where there is none.
    async fn enter(&self) -> Result<OwnedSemaphorePermit, NoEvidence> {
        self.ready().inspect_err(|_| self.health.refused())?;
        if let Ok(room) = self.room.clone().try_acquire_owned() {
            return Ok(room);
        }
        match timeout(PATIENCE, self.room.clone().acquire_owned()).await {
            Ok(Ok(room)) => Ok(room),
            _ => {
                self.health.refused();
                Err(NoEvidence)
            }
        }
    }

    /// Waits until something is on the disk.
    async fn in_time(&self, durable: oneshot::Receiver<()>) -> Result<(), NoEvidence> {
        match timeout(PATIENCE, durable).await {
            Ok(Ok(())) => Ok(()),
            _ => {
                self.health.refused();
                Err(NoEvidence)
            }
        }
    }

    fn send(&self, entry: Entry) {
        self.health.sent();
        if self.queue.send(Message::Event(entry)).is_err() {
            // Whoever waits for it finds out; who does not wait has been told that it cannot be promised.
            tracing::error!("the writer of call events has ended");
        }
    }

    fn refuse(&self, error: &StoreError) -> NoEvidence {
        tracing::error!(%error, "an event of a call cannot be made");
        self.health.refused();
        NoEvidence
    }
}

/// The row of an event under an id of its own.
fn row(recorder: &Recorder, id: EventId, event: &Event) -> Result<CallRow, StoreError> {
    let mut body = serde_json::value::to_raw_value(event).map_err(StoreError::corrupt)?;
    // What is in these is short but for lists of scopes. Here is nowhere to keep a longer one.
    if body.get().len() > LONG {
        let mut short: serde_json::Map<_, _> = serde_json::from_str(body.get()).map_err(StoreError::corrupt)?;
        super::value::shorten(&mut short, &recorder.entropy)?;
        body = serde_json::value::to_raw_value(&short).map_err(StoreError::corrupt)?;
    }
    Ok(CallRow { id, at: recorder.clock.now(), request_id: recorder.request_id.clone(), body })
}
