//! What one commit holds.

use std::collections::{BTreeMap, HashSet};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    message::{Message, Part},
    open::OpenCalls,
};
use crate::{
    ids::{EventId, TenantId},
    store::calls::{CallBatch, CallRow},
};

/// Events to be written, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: CallBatch,
    /// Messages of events in it, those taken back too.
    pub(super) messages: usize,
    waiting: Vec<oneshot::Sender<()>>,
    rooms: Vec<OwnedSemaphorePermit>,
}

#[derive(Debug, Default)]
struct OfTenant {
    rows: Vec<CallRow>,
    begun: Vec<EventId>,
    ended: HashSet<EventId>,
}

impl Batch {
    /// Takes what has been left. Intents that were taken back by then are as if they had never been.
    pub(super) fn of(messages: impl Iterator<Item = Message>, open: &mut OpenCalls) -> Self {
        let mut batch = Self::default();
        let mut tenants: BTreeMap<TenantId, OfTenant> = BTreeMap::new();
        for message in messages {
            let entry = match message {
                Message::Event(entry) => entry,
                Message::Flush(done) => {
                    batch.waiting.push(done);
                    continue;
                }
            };
            batch.messages += 1;
            let of_tenant = tenants.entry(entry.tenant).or_default();
            match entry.part {
                Part::Intent { id, fate, durable } => {
                    if !fate.take() {
                        continue;
                    }
                    of_tenant.begun.push(id);
                    batch.waiting.push(durable);
                }
                Part::Outcome { intent, room } => {
                    of_tenant.ended.insert(intent);
                    batch.rooms.push(room);
                }
                Part::Sole { durable, room } => {
                    batch.waiting.push(durable);
                    batch.rooms.push(room);
                }
            }
            of_tenant.rows.push(entry.row);
        }
        for (tenant, of_tenant) in tenants {
            let slots = open.note(tenant, &of_tenant.begun, &of_tenant.ended);
            batch.rows.add(tenant, of_tenant.rows, slots.into_iter().map(|slot| (slot.number, slot.intents)));
        }
        batch
    }

    /// It is on the disk.
    pub(super) fn done(self) {
        for waiting in self.waiting {
            // Nobody may be waiting any more.
            let _ = waiting.send(());
        }
        drop(self.rooms);
    }
}
