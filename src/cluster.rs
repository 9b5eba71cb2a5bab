//! The authority log: the one place through which authority is taken away.
//!
//! Whatever takes authority away calls [`take`] in its transaction, commits, and then waits for [`Node::settle`] before
//! it says that it is done. Today `settle` waits for this process; leases and the barrier over all processes hang on the
//! same two calls.

mod entry;
mod live;
mod node;
mod verified;

pub use entry::Entry;
pub use live::{Live, LiveCall};
pub use node::{Fill, Node};
pub use verified::Verified;

use time::OffsetDateTime;

use crate::store::{self, PlatformTx, StoreError, TenantTx};

/// An entry that is in the log once its transaction commits. Nothing is taken away for good before it was settled.
#[must_use = "commit, then wait for Node::settle, before saying that it is done"]
#[derive(Debug)]
pub struct Ticket {
    seq: i64,
}

/// Takes authority away, within `tx`.
pub async fn take(tx: &mut TenantTx, entry: &Entry, now: OffsetDateTime) -> Result<Ticket, StoreError> {
    let seq = store::authority::append(tx, &entry.to_json()?, now).await?;
    Ok(Ticket { seq })
}

/// What to wait for where `tx` found that the authority had been taken away before: by whoever took it, and who may not
/// have settled it yet. Writes nothing, so that asking again and again leaves no trace in the log.
pub async fn taken(tx: &mut TenantTx) -> Result<Ticket, StoreError> {
    Ok(Ticket { seq: store::authority::head(tx).await? })
}

/// Takes authority away from a whole tenant, from a platform transaction.
pub async fn take_platform(
    tx: &mut PlatformTx,
    tenant: crate::ids::TenantId,
    entry: &Entry,
    now: OffsetDateTime,
) -> Result<Ticket, StoreError> {
    let seq = store::authority::append_platform(tx, Some(tenant), &entry.to_json()?, now).await?;
    Ok(Ticket { seq })
}

/// Waits until every node has applied `ticket`'s committed entry, from a process that is no node: a command.
///
/// This is the place of the barrier over all processes. Until nodes hold leases, there is nobody to ask: each follows the
/// log by hint, within a second at the latest, and what is committed is all that a command can vouch for.
pub async fn settle_elsewhere(_ticket: Option<Ticket>) {}
