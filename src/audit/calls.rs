//! Events of calls, written in batches: one commit for many.
//!
//! The queue is bounded. When it is full, callers wait; nothing is dropped. (The next step puts the intent before the
//! call and the outcome after it; this is its place.)

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use super::{Event, Recorder};
use crate::{
    ids::TenantId,
    store::{self, Store, StoreError, audit::EventRow},
};

const QUEUE: usize = 4096;
const BATCH: usize = 512;

/// The writer is gone: no evidence can be recorded any more.
#[derive(Debug, thiserror::Error)]
#[error("call events cannot be recorded")]
pub struct CallLogFull;

enum Message {
    Event(TenantId, Box<EventRow>),
    Flush(oneshot::Sender<()>),
}

/// Where calls leave their events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallLog {
    queue: mpsc::Sender<Message>,
}

impl CallLog {
    /// Starts the writer.
    pub fn start(store: Store) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(write(store, inbox));
        Self { queue }
    }

    /// Leaves an event; waits while the queue is full.
    pub async fn record(&self, tenant: TenantId, recorder: &Recorder, event: &Event) -> Result<(), StoreError> {
        let row = recorder.row(event)?;
        self.queue.send(Message::Event(tenant, Box::new(row))).await.map_err(|_| StoreError::corrupt(CallLogFull))
    }

    /// Returns when everything left so far is committed: at shutdown, and in tests.
    pub async fn flush(&self) -> Result<(), CallLogFull> {
        let (done, wait) = oneshot::channel();
        self.queue.send(Message::Flush(done)).await.map_err(|_| CallLogFull)?;
        wait.await.map_err(|_| CallLogFull)
    }
}

async fn write(store: Store, mut inbox: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        let mut by_tenant: HashMap<TenantId, Vec<EventRow>> = HashMap::new();
        let mut waiting = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Event(tenant, row) => by_tenant.entry(tenant).or_default().push(*row),
                Message::Flush(done) => waiting.push(done),
            }
        }
        for (tenant, rows) in by_tenant {
            commit(&store, tenant, &rows).await;
        }
        for done in waiting {
            // Nobody may be waiting any more.
            let _ = done.send(());
        }
    }
}

/// Tries until the database takes the batch: meanwhile the queue fills and callers wait.
async fn commit(store: &Store, tenant: TenantId, rows: &[EventRow]) {
    let mut pause = std::time::Duration::from_millis(50);
    loop {
        match insert(store, tenant, rows).await {
            Ok(()) => return,
            Err(error) => tracing::error!(%error, events = rows.len(), "call events wait for the database"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(std::time::Duration::from_secs(2));
    }
}

async fn insert(store: &Store, tenant: TenantId, rows: &[EventRow]) -> Result<(), StoreError> {
    let mut tx = store.tenant_tx(tenant).await?;
    store::audit::insert_batch(&mut tx, rows).await?;
    tx.commit().await
}
