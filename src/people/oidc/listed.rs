//! Identity providers as administrators see them: those that are there, and whom they bring.

use time::OffsetDateTime;

use super::{Finding, Provider, check};
use crate::{
    app::App,
    audit::{Event, Recorder},
    store::{
        StoreError, TenantTx,
        providers::{self, ProviderCounts},
    },
    tenants::Tenant,
};

/// A provider, and whom it brings.
pub struct Listed {
    /// The provider.
    pub provider: Provider,
    /// Whom it brings.
    pub counts: ProviderCounts,
}

impl Listed {
    /// All that are not removed.
    ///
    /// # Errors
    /// A fault of ours.
    pub async fn all(tx: &mut TenantTx, now: OffsetDateTime) -> Result<Vec<Self>, StoreError> {
        let counts = providers::counts(tx, now).await?;
        let rows = providers::all(tx).await?.into_iter().filter(|row| !row.is_removed());
        rows.map(|row| {
            let counts = counts.get(&row.id).copied().unwrap_or_default();
            Ok(Self { provider: Provider::of(row)?, counts })
        })
        .collect()
    }
}

/// Asks a provider what it says of itself, for somebody: that they asked is in the log before.
///
/// # Errors
/// A fault of ours; nothing was asked.
pub async fn probe(
    app: &App,
    (mut tx, recorder): (TenantTx, Recorder),
    tenant: &Tenant,
    provider: &Provider,
) -> Result<Vec<Finding>, StoreError> {
    recorder.record(&mut tx, &Event::ProviderProbed { provider: provider.row.id }).await?;
    tx.commit().await?;
    Ok(check(app, tenant, provider).await)
}
