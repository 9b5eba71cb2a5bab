//! Taking many grants back at once.

use std::collections::BTreeSet;

use crate::{
    audit::Recorder,
    cluster::{self, Entry, Ticket},
    ids::{GrantId, TenantId},
    store::{
        Store, StoreError, TenantTx,
        grants::many::{self, Selection},
    },
    token::revoke::{self, Reason},
};

/// Grants in one entry of the authority log. A node goes through its cache once for each entry, so there are few; and it
/// reads them while it renews its lease, so they are not too long.
const PER_ENTRY: usize = 5_000;

/// What was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Revoked {
    /// Grants.
    pub grants: u64,
    /// Families that were alive under them.
    pub installations: u64,
}

/// Ends the grants of each selection at its tenant: all of them or none, each with its audit event. None of them is in
/// force once the ticket is settled, also where all were taken back before, by somebody who has not settled it yet.
///
/// # Errors
/// Nothing was changed.
pub async fn revoke(
    store: &Store,
    recorder: &Recorder,
    selections: &[(TenantId, Selection)],
) -> Result<(Revoked, Ticket), StoreError> {
    let now = recorder.clock.now();
    let mut revoked = Revoked::default();
    let mut taken = Vec::new();
    let mut tx = store.platform_tx().await?;
    for (tenant, selection) in selections {
        let mut inside = tx.enter(*tenant).await?;
        let grants = many::revoke(&mut inside, selection, now).await?;
        revoked.grants += grants.len() as u64;
        revoked.installations += grants.iter().map(|(_, families)| families.unsigned_abs()).sum::<u64>();
        let ids: Vec<GrantId> = grants.iter().map(|(grant, _)| grant.id).collect();
        let events = grants.into_iter().map(|(grant, _)| revoke::revoked(grant, Reason::AdministratorRevoked));
        recorder.record_many(&mut inside, events).await?;
        // Each entry is of exactly these grants: a wider one would cut calls that nobody wants cut.
        let entries = ids.chunks(PER_ENTRY).map(|grants| Entry::Grants(grants.iter().copied().collect()));
        taken.extend(entries.map(|entry| (*tenant, entry)));
        tx = inside.leave().await?;
    }
    // Last, since the log's lock keeps every node from renewing its lease until the commit.
    let ticket = match cluster::take_all(&mut tx, &taken, now).await? {
        Some(ticket) => ticket,
        None => cluster::taken_anywhere(&mut tx).await?,
    };
    tx.commit().await?;
    Ok((revoked, ticket))
}

/// The same for one selection, within a transaction that goes on: how many grants there were, and the ticket, to be settled after the
/// commit.
///
/// # Errors
/// A fault of ours.
pub(crate) async fn revoke_within(
    tx: &mut TenantTx,
    recorder: &Recorder,
    of: &Selection,
    reason: Reason,
) -> Result<(u64, Ticket), StoreError> {
    let now = recorder.clock.now();
    let grants = many::revoke(tx, of, now).await?;
    let ids: BTreeSet<GrantId> = grants.iter().map(|(grant, _)| grant.id).collect();
    recorder.record_many(tx, grants.into_iter().map(|(grant, _)| revoke::revoked(grant, reason))).await?;
    if ids.is_empty() {
        return Ok((0, cluster::taken(tx).await?));
    }
    let count = ids.len() as u64;
    Ok((count, cluster::take(tx, &Entry::Grants(ids), now).await?))
}
