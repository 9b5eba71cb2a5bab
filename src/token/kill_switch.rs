//! Taking many grants back at once.

use crate::{
    audit::Recorder,
    cluster::{self, Entry, Ticket},
    ids::{GrantId, TenantId},
    store::{
        Store, StoreError,
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

/// Ends the grants of each selection at its tenant: all of them or none, each with its audit event. What a ticket is there
/// for has happened once it is settled.
///
/// # Errors
/// Nothing was changed.
pub async fn revoke(
    store: &Store,
    recorder: &Recorder,
    selections: &[(TenantId, Selection)],
) -> Result<(Revoked, Option<Ticket>), StoreError> {
    let now = recorder.clock.now();
    let mut revoked = Revoked::default();
    let mut ended: Vec<(TenantId, Vec<GrantId>)> = Vec::new();
    let mut tx = store.platform_tx().await?;
    for (tenant, selection) in selections {
        let mut inside = tx.enter(*tenant).await?;
        let grants = many::revoke(&mut inside, selection, now).await?;
        revoked.grants += grants.len() as u64;
        revoked.installations += grants.iter().map(|(_, families)| families.unsigned_abs()).sum::<u64>();
        ended.push((*tenant, grants.iter().map(|(grant, _)| grant.id).collect()));
        let events = grants.into_iter().map(|(grant, _)| revoke::revoked(grant, Reason::AdministratorRevoked));
        recorder.record_many(&mut inside, events).await?;
        tx = inside.leave().await?;
    }
    // Last, since the log's lock keeps every node from renewing its lease until the commit. Each entry is of exactly these
    // grants: a wider one would cut calls that nobody wants cut.
    let mut ticket = None;
    for (tenant, grants) in ended {
        for grants in grants.chunks(PER_ENTRY) {
            let entry = Entry::Grants(grants.iter().copied().collect());
            ticket = Some(cluster::take_platform(&mut tx, tenant, &entry, now).await?);
        }
    }
    tx.commit().await?;
    Ok((revoked, ticket))
}
