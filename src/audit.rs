//! Typed audit events, written in the transaction of the change they witness. What strangers cause is counted instead.

mod actor;
mod call;
mod calls;
pub mod checkpoints;
pub mod download;
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
mod value;
pub mod verify;
pub mod view;

pub use actor::{Actor, FieldChange, Shown};
pub use call::{CallFacts, CallRefusal, Outcome};
pub use calls::{Announced, CallLog, NoEvidence};
pub use event::{Event, Tally};
pub use evidence::Evidence;
pub(crate) use lane::source_of as source;
pub use lane::{Lane, PERIOD as LANE_PERIOD};
pub use platform::PlatformEvent;
pub use refused::Refused;
pub use value::{Kept, Personal, commitment};

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

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
    /// Who does what an administrator does: then events name it as their actor.
    pub actor: Option<Actor>,
}

impl Recorder {
    /// Writes `event` with the change in `tx`: both are there after the commit, or neither. No event is too long: what is
    /// goes in as a commitment, with the value beside it.
    pub async fn record(&self, tx: &mut TenantTx, event: &Event) -> Result<(), StoreError> {
        let (row, kept) = self.whole(event)?;
        store::audit::insert(tx, &row).await?;
        store::audit::keep_values(tx, row.id, &kept).await
    }

    /// Writes many events like one.
    pub async fn record_many(
        &self,
        tx: &mut TenantTx,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(), StoreError> {
        let (rows, kept): (Vec<EventRow>, Vec<Vec<Kept>>) =
            events.into_iter().map(|event| self.whole(&event)).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        for rows in rows.chunks(PER_INSERT) {
            store::audit::insert_batch(tx, rows).await?;
        }
        for (row, kept) in rows.iter().zip(&kept) {
            store::audit::keep_values(tx, row.id, kept).await?;
        }
        Ok(())
    }

    /// Writes an event of the platform log with the change in `tx`: both are there after the commit, or neither.
    pub async fn record_platform(&self, tx: &mut PlatformTx, event: &PlatformEvent) -> Result<(), StoreError> {
        store::audit::insert_platform(tx, &self.platform_row(event)?).await
    }

    /// The row of an event of the platform log.
    pub fn platform_row(&self, event: &PlatformEvent) -> Result<EventRow, StoreError> {
        Ok(self.shaped(event, PlatformEvent::VERSION)?.0)
    }

    /// The row of an event of a kind without personal values. Should something in it be too long, the row has its digest.
    pub fn row(&self, event: &Event) -> Result<EventRow, StoreError> {
        Ok(self.shaped(event, Event::VERSION)?.0)
    }

    /// The row of an event, and the values that it only commits to.
    fn whole(&self, event: &Event) -> Result<(EventRow, Vec<Kept>), StoreError> {
        let (row, mut kept) = self.shaped(event, Event::VERSION)?;
        kept.extend(event.personal().into_iter().filter_map(Personal::kept));
        Ok((row, kept))
    }

    fn shaped(&self, event: &impl Serialize, version: i16) -> Result<(EventRow, Vec<Kept>), StoreError> {
        let mut body = serde_json::to_value(event).map_err(StoreError::corrupt)?;
        let kind = match body.as_object_mut().and_then(|map| map.remove("kind")) {
            Some(Value::String(kind)) => kind,
            _ => return Err(StoreError::corrupt("an event without a kind")),
        };
        leave_handles_out(&mut body);
        let kept = match body.as_object_mut() {
            Some(members) => value::shorten(members, &self.entropy)?,
            None => Vec::new(),
        };
        if let (Some(actor), Some(members)) = (self.actor, body.as_object_mut()) {
            members.insert("actor".to_owned(), serde_json::to_value(actor).map_err(StoreError::corrupt)?);
        }
        let row = EventRow {
            id: EventId::new(&self.clock, &self.entropy)?,
            at: self.clock.now(),
            kind,
            version,
            request_id: self.request_id.clone(),
            body,
        };
        Ok((row, kept))
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
