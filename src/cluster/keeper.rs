//! The thread that keeps this process's lease.
//!
//! It has a runtime and connections of its own: however busy requests keep the rest, renewals go out and acknowledgements
//! come back. Whatever it does with the database has a limit in time.

mod link;
mod work;

use std::{io, sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{MostCalls, Node};
use crate::{
    clock::Clock,
    ids::{NodeId, ProcessId},
    secret::Entropy,
    store::{Store, StoreError},
};
use work::Work;

/// How long a start waits for the first lease.
const FIRST: Duration = Duration::from_secs(2);
/// How long the end may take.
const LAST: Duration = Duration::from_secs(3);
/// Bytes. There is little to do.
const STACK: usize = 1 << 20;

/// Why the lease of this process cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// It cannot be registered.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Keeps this process registered, and its lease renewed. Dropped, it ends without waiting.
#[derive(Debug)]
pub struct Keeper {
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Keeper {
    /// Registers this process and starts the thread. Returns with a lease, or without one where none is to be had soon.
    ///
    /// # Errors
    /// When the database does not answer, or there is no thread.
    pub(crate) async fn start(
        process: ProcessId,
        store: &Store,
        clock: &Clock,
        entropy: &Entropy,
        most: MostCalls,
    ) -> Result<(Arc<Node>, Self), KeeperError> {
        let node = Arc::new(Node::new(process, store.clone(), clock.clone(), most));
        let id = NodeId::new(clock, entropy).map_err(StoreError::from)?;
        node.registered(id, store.register_node(id, process, clock.now()).await?);
        let this = Self { stop: CancellationToken::new(), ended: CancellationToken::new() };
        let work = Work::new(node.clone(), store, clock, entropy);
        let (stop, ended) = (this.stop.clone(), this.ended.clone().drop_guard());
        let thread = move || {
            // However it ends.
            let _ended = ended;
            run(work, &stop);
        };
        std::thread::Builder::new().name("lease".to_owned()).stack_size(STACK).spawn(thread)?;
        if timeout(FIRST, node.leased_once()).await.is_err() {
            tracing::warn!("there is no lease yet: requests read the database until there is one");
        }
        Ok((node, this))
    }

    /// Ends the lease and takes this process off the table of nodes. Whatever is still in flight is cut. Bounded in time.
    pub async fn end(&self) {
        self.stop.cancel();
        if timeout(LAST, self.ended.cancelled()).await.is_err() {
            tracing::warn!("the lease's thread has not ended in time");
        }
    }

    /// Completes when the lease is kept no longer.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn run(work: Work, stop: &CancellationToken) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work.run(stop)),
        Err(error) => tracing::error!(%error, "the lease cannot be kept"),
    }
}
