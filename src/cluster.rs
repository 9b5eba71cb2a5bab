//! The authority log, leases, and the barrier: how "revoked" comes to mean "refused" on every node.
//!
//! Whatever takes authority away calls [`take`] in its transaction, commits, and then waits for [`Node::settle`] (a command:
//! [`settle_elsewhere`]) before it says that it is done. A node serves from its caches only while it has a lease, and gets
//! one only when it has applied the whole log; so the wait is over when all nodes have acknowledged the entry, or when
//! those that have not cannot have a lease any more. `docs/architecture.md` has the argument.

mod barrier;
mod crowd;
mod entry;
mod keeper;
mod lease;
mod live;
mod node;
mod numbers;
mod others;
mod taken;
mod verified;

pub use barrier::LONGEST_WAIT;
pub(crate) use crowd::MostCalls;
pub use entry::Entry;
pub use keeper::{Keeper, KeeperError};
pub use lease::TERM;
pub use live::{LiveCall, Over, Still};
pub use node::{Fill, NoLease, Node, Reading};
pub use verified::Verified;

use time::OffsetDateTime;

use crate::{
    ids::TenantId,
    store::{self, PlatformTx, Store, StoreError, TenantTx},
};

/// An entry that is in the log once its transaction commits. Nothing is taken away for good before it was settled.
#[must_use = "commit, then wait for Node::settle, before saying that it is done"]
#[derive(Debug)]
pub struct Ticket {
    seq: i64,
}

/// Takes authority away, within `tx`. From here to the commit no node can renew its lease, so let little come after it.
pub async fn take(tx: &mut TenantTx, entry: &Entry, now: OffsetDateTime) -> Result<Ticket, StoreError> {
    let seq = store::authority::append(tx, &entry.to_json()?, now).await?;
    Ok(Ticket { seq })
}

/// What to wait for where `tx` found that the authority had been taken away before: by whoever took it, and who may not
/// have settled it yet. Writes nothing, so that asking again and again leaves no trace in the log.
pub async fn taken(tx: &mut TenantTx) -> Result<Ticket, StoreError> {
    Ok(Ticket { seq: store::authority::head(tx).await? })
}

/// The same, from a platform transaction.
pub async fn taken_anywhere(tx: &mut PlatformTx) -> Result<Ticket, StoreError> {
    Ok(Ticket { seq: store::authority::head_platform(tx).await? })
}

/// Takes authority away from several tenants, or much from one: all of it in one statement, so that nodes wait for their
/// leases no longer than for one entry. The ticket stands for all. None where there is nothing to take.
pub async fn take_all(
    tx: &mut PlatformTx,
    taken: &[(TenantId, Entry)],
    now: OffsetDateTime,
) -> Result<Option<Ticket>, StoreError> {
    if taken.is_empty() {
        return Ok(None);
    }
    let entries = taken.iter().map(|(tenant, entry)| Ok((Some(*tenant), entry.to_json()?)));
    let entries = entries.collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Some(Ticket { seq: store::authority::append_all(tx, entries, now).await? }))
}

/// Takes authority away from all tenants at once, from a platform transaction.
pub async fn take_everywhere(tx: &mut PlatformTx, entry: &Entry, now: OffsetDateTime) -> Result<Ticket, StoreError> {
    let seq = store::authority::append_all(tx, vec![(None, entry.to_json()?)], now).await?;
    Ok(Ticket { seq })
}

/// Returns when every node has applied `ticket`'s entry, just committed, or can have no lease without it: for a process
/// that is no node, a command. At once where nothing was taken away.
///
/// # Errors
/// When the database has lost the entry, in a failover.
pub async fn settle_elsewhere(store: &Store, ticket: Option<Ticket>) -> Result<(), StoreError> {
    match ticket {
        Some(ticket) => barrier::Barrier::new(store.clone()).pass(ticket.seq).await,
        None => Ok(()),
    }
}
