//! Beginning a transaction, safe against being dropped.
//!
//! A request is dropped wherever it waits when its client hangs up. If that happens while BEGIN is on its way, sqlx gives the
//! connection back to the pool with the transaction open and its tenant set, and whoever comes next works inside it (sqlx
//! issue 4393, in 0.9.0). So a beginning is always finished: where nobody waits for it any more, by a task of its own, whose
//! transaction is dropped as soon as it is there, and rolled back. `promises::tenants_do_not_meet` tests it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use tokio::runtime::Handle;

type Begun = sqlx::Result<Transaction<'static, Postgres>>;

/// A transaction that is beginning.
pub(super) struct Beginning(Option<Pin<Box<dyn Future<Output = Begun> + Send>>>);

impl Beginning {
    /// Begins by `statement`, which is written by us to the last letter.
    pub(super) fn by(pool: &PgPool, statement: String) -> Self {
        let pool = pool.clone();
        Self(Some(Box::pin(async move { pool.begin_with(AssertSqlSafe(statement)).await })))
    }
}

impl Future for Beginning {
    type Output = Begun;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Begun> {
        let Some(beginning) = self.0.as_mut() else { return Poll::Pending };
        let begun = ready!(beginning.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(begun)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        // Without a runtime everything ends, the connections too.
        if let (Some(beginning), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(beginning);
        }
    }
}
