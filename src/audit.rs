//! Typed audit events, written in the transaction of the change they witness. What strangers cause is counted instead.

mod call;
mod calls;
mod event;
mod evidence;
pub mod export;
mod lane;
pub mod log;
mod platform;
pub mod proof;
mod refused;
pub mod restart;
pub mod sequencer;
pub mod signer;
pub mod verify;
pub mod view;

pub use call::{CallFacts, CallRefusal, Outcome};
pub use calls::{Announced, CallLog, NoEvidence};
pub use event::{Event, Tally};
pub use evidence::Evidence;
pub(crate) use lane::source_of as source;
pub use lane::{Lane, PERIOD as LANE_PERIOD};
pub use platform::PlatformEvent;
pub use refused::Refused;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    clock::Clock,
    ids::EventId,
    secret::{Entropy, without_handles},
    store::{self, PlatformTx, StoreError, TenantTx, audit::EventRow},
};

/// Events in one statement.
const PER_INSERT: usize = 5_000;

/// Who writes events, and when: clock and chance, and the request behind it.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Where the time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub entropy: Entropy,
    /// The request that causes the events; none for commands.
    pub request_id: Option<String>,
    /// The command that does: then events name it as their actor.
    pub command: Option<&'static str>,
}

impl Recorder {
    /// Writes `event` with the change in `tx`: both are there after the commit, or neither.
    pub async fn record(&self, tx: &mut TenantTx, event: &Event) -> Result<(), StoreError> {
        let row = self.row(event)?;
        store::audit::insert(tx, &row).await
    }

    /// Writes many events like one.
    pub async fn record_many(
        &self,
        tx: &mut TenantTx,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(), StoreError> {
        let rows: Vec<EventRow> = events.into_iter().map(|event| self.row(&event)).collect::<Result<_, _>>()?;
        for rows in rows.chunks(PER_INSERT) {
            store::audit::insert_batch(tx, rows).await?;
        }
        Ok(())
    }

    /// Writes an event of the platform log with the change in `tx`: both are there after the commit, or neither.
    pub async fn record_platform(&self, tx: &mut PlatformTx, event: &PlatformEvent) -> Result<(), StoreError> {
        store::audit::insert_platform(tx, &self.platform_row(event)?).await
    }

    /// The row of an event of the platform log.
    pub fn platform_row(&self, event: &PlatformEvent) -> Result<EventRow, StoreError> {
        self.shaped(event, PlatformEvent::VERSION)
    }

    /// The row of an event.
    pub fn row(&self, event: &Event) -> Result<EventRow, StoreError> {
        self.shaped(event, Event::VERSION)
    }

    fn shaped(&self, event: &impl Serialize, version: i16) -> Result<EventRow, StoreError> {
        let mut body = serde_json::to_value(event).map_err(StoreError::corrupt)?;
        let kind = match body.as_object_mut().and_then(|map| map.remove("kind")) {
            Some(Value::String(kind)) => kind,
            _ => return Err(StoreError::corrupt("an event without a kind")),
        };
        leave_handles_out(&mut body);
        if let (Some(command), Some(members)) = (self.command, body.as_object_mut()) {
            members.insert("actor".to_owned(), json!({ "kind": "command", "command": command }));
        }
        Ok(EventRow {
            id: EventId::new(&self.clock, &self.entropy)?,
            at: self.clock.now(),
            kind,
            version,
            request_id: self.request_id.clone(),
            body,
        })
    }
}

/// Names that a client chooses (of a tool, of a place to return to) are recorded, and a careless client may have put a
/// token into one.
fn leave_handles_out(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(without) = without_handles(text) {
                *text = without;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(leave_handles_out),
        Value::Object(members) => members.values_mut().for_each(leave_handles_out),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
