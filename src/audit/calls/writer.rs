//! The one task that writes events of calls.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::yield_now,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{batch::Batch, health::Health, message::Message, open::OpenCalls};
use crate::{
    ids::ProcessId,
    store::{
        Store, StoreError,
        calls::{CallBatch, CallLink},
    },
};

/// Events in one commit, at most.
const BATCH: usize = 512;
/// How long outcomes, for which nobody waits, may wait for an intent to go with. Shorter than anybody looks, and long
/// enough that calls one after the other take one commit each and not two.
const LINGER: Duration = Duration::from_millis(10);
/// A commit costs the database about as much as so many events: with fewer, it lets calls that are ready go first.
const FEW: usize = 16;
/// How often it does so, at most.
const ROUNDS: usize = 4;
/// How long one try may take. A database that cannot be reached says nothing.
const TRY: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    store: Store,
    process: ProcessId,
    inbox: mpsc::UnboundedReceiver<Message>,
    health: Arc<Health>,
    open: OpenCalls,
    link: Option<CallLink>,
}

impl Writer {
    pub(super) fn new(
        store: Store,
        process: ProcessId,
        inbox: mpsc::UnboundedReceiver<Message>,
        health: Arc<Health>,
    ) -> Self {
        Self { store, process, inbox, health, open: OpenCalls::default(), link: None }
    }

    /// Writes until nobody can leave anything any more.
    pub(super) async fn run(mut self) {
        let mut messages = Vec::with_capacity(BATCH);
        while self.gather(&mut messages).await {
            self.health.begin();
            let batch = Batch::of(messages.drain(..), &mut self.open);
            if !batch.rows.is_empty() {
                self.commit(&batch.rows).await;
            }
            self.health.end(batch.messages);
            batch.done();
        }
    }

    /// Waits for something to write.
    async fn gather(&mut self, messages: &mut Vec<Message>) -> bool {
        if self.inbox.recv_many(messages, BATCH).await == 0 {
            return false;
        }
        let end = Instant::now() + LINGER;
        let mut seen = 0;
        while messages.len() < BATCH && !messages.iter().skip(seen).any(Message::is_urgent) {
            seen = messages.len();
            match timeout_at(end, self.inbox.recv_many(messages, BATCH - seen)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        self.gather_ready(messages).await;
        true
    }

    /// Takes along what calls leave that are ready to go on. Those of one commit are woken together, and the first of them
    /// must not have the next commit for itself. No clock is waited for: with nothing else to do this returns at once.
    async fn gather_ready(&mut self, messages: &mut Vec<Message>) {
        for _ in 0..ROUNDS {
            let before = messages.len();
            if before >= FEW {
                break;
            }
            yield_now().await;
            while messages.len() < BATCH
                && let Ok(message) = self.inbox.try_recv()
            {
                messages.push(message);
            }
            if messages.len() == before {
                break;
            }
        }
    }

    /// Tries until the database has the batch: the same one, which it may have without our having heard of it.
    async fn commit(&mut self, batch: &CallBatch) {
        let mut pause = FIRST_PAUSE;
        loop {
            let used_before = self.link.is_some();
            let error = match timeout(TRY, self.attempt(batch)).await {
                Ok(Ok(())) => return self.health.committed(batch.len()),
                Ok(Err(error)) => error,
                Err(_) => StoreError::corrupt("no answer in time"),
            };
            self.link = None;
            // A connection that ended while nobody used it says nothing about the database.
            if used_before && error.is_disconnected() {
                continue;
            }
            self.health.failed();
            tracing::error!(%error, events = batch.len(), "events of calls wait for the database; calls are refused");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&mut self, batch: &CallBatch) -> Result<(), StoreError> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.store.call_link().await?,
        };
        link.record(self.process, batch).await?;
        // Dropped midway, a connection would be left with an answer to come.
        self.link = Some(link);
        Ok(())
    }
}
