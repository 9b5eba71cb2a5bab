//! The connection that the lease is renewed through.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};

use crate::store::{Store, StoreError, nodes::LeaseConnection};

/// How long one question to the database may take. Longer than the database itself takes before it gives up.
const LIMIT: Duration = Duration::from_millis(1500);

/// Made when it is needed, and made anew after it broke.
pub(super) struct Link {
    store: Store,
    connection: Option<LeaseConnection>,
    /// Whether there ever was one.
    used: bool,
    /// Told when one took the place of another.
    renewed: Arc<Notify>,
}

impl Link {
    pub(super) fn new(store: &Store) -> Self {
        Self { store: store.clone(), connection: None, used: false, renewed: Arc::default() }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn renewed(&self) -> Arc<Notify> {
        self.renewed.clone()
    }

    pub(super) async fn get(&mut self) -> Result<&mut LeaseConnection, StoreError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            empty => {
                let new = limited(self.store.lease_connection()).await?;
                if std::mem::replace(&mut self.used, true) {
                    self.renewed.notify_one();
                }
                Ok(empty.insert(new))
            }
        }
    }

    /// It is broken.
    pub(super) fn drop(&mut self) {
        self.connection = None;
    }

    pub(super) async fn close(&mut self) -> Result<(), StoreError> {
        match self.connection.take() {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }
}

/// Asks something of the database, for so long and no longer. A question that was not answered leaves its connection
/// unusable.
pub(super) async fn limited<T>(question: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(LIMIT, question).await.map_err(|_| StoreError::late())?
}
