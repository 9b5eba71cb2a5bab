//! Stores access tokens anew, under the pepper in use, when they were found under another one.
//!
//! Nobody waits for it: a call goes on while its token is written in the background. What does not fit into the queue, or
//! fails, is found again when the token is next looked up.

use tokio::sync::mpsc;

use crate::{
    ids::TenantId,
    keys::Stored,
    store::{Store, StoreError, handles},
};

const QUEUE: usize = 1024;
const BATCH: usize = 64;

struct Found {
    tenant: TenantId,
    old: Vec<u8>,
    new: Stored,
}

/// Where access tokens are left that are to be stored anew. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StoreAnew {
    queue: mpsc::Sender<Found>,
}

impl StoreAnew {
    /// Starts the writer. It ends with the last of these.
    pub fn start(store: Store) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(write(store, inbox));
        Self { queue }
    }

    /// Leaves a token that is stored as `old`.
    pub(super) fn access_token(&self, tenant: TenantId, old: Vec<u8>, new: Stored) {
        // A full queue is no loss: the token comes again.
        let _ = self.queue.try_send(Found { tenant, old, new });
    }
}

async fn write(store: Store, mut inbox: mpsc::Receiver<Found>) {
    let mut batch = Vec::with_capacity(BATCH);
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        // One transaction a tenant; in the order of the rows, so that no two processes wait for each other.
        batch.sort_unstable_by(|a: &Found, b: &Found| (a.tenant, &a.old).cmp(&(b.tenant, &b.old)));
        for tokens in batch.chunk_by(|a, b| a.tenant == b.tenant) {
            if let Err(error) = store_all(&store, tokens).await {
                tracing::warn!(%error, "access tokens could not be stored anew");
            }
        }
        batch.clear();
    }
}

async fn store_all(store: &Store, tokens: &[Found]) -> Result<(), StoreError> {
    let Some(first) = tokens.first() else { return Ok(()) };
    let mut tx = store.tenant_tx(first.tenant).await?;
    for Found { old, new, .. } in tokens {
        handles::store_access_token_anew(&mut tx, old, new).await?;
    }
    tx.commit().await
}
