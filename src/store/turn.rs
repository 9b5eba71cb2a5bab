//! Whose turn it is, in this process, to take authority away.
//!
//! Whoever waits for the authority log's lock keeps everybody who comes later waiting behind it, renewals of leases
//! included. One of each process waits there; the others wait for that one, here.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::StoreError;

/// How long somebody waits for a turn, with a transaction that does nothing meanwhile: less than the database bears with.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns of all transactions of a store.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turns {
    /// What a transaction begins with.
    pub(super) fn none(&self) -> Turn {
        Turn { turns: self.0.clone(), taken: None }
    }
}

/// A transaction's turn, if it has one: until it is dropped with its transaction, committed or not.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Waits for the turn. After that, the transaction must wait for nothing but the log's lock: whoever has what it waits
    /// for may be waiting here.
    pub(super) async fn take(&mut self) -> Result<(), StoreError> {
        if self.taken.is_none() {
            let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
            // Nobody closes it.
            self.taken = Some(turn.map_err(|_| StoreError::late())?.map_err(|_| StoreError::late())?);
        }
        Ok(())
    }
}
