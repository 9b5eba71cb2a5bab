//! The tenant that a command works on.

use clap::Args;

use super::{CliError, Installation, Place};
use crate::{
    ids::TenantId,
    store::{Store, TenantTx},
};

#[derive(Debug, Args)]
pub(super) struct TenantArgs {
    /// The tenant, by its name in addresses.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub(super) slug: String,
    #[command(flatten)]
    place: Place,
}

/// An installation, and the tenant meant.
pub(super) struct Opened {
    pub(super) installation: Installation,
    pub(super) store: Store,
    tenant: TenantId,
}

impl TenantArgs {
    pub(super) async fn open(&self, command: &'static str) -> Result<Opened, CliError> {
        let installation = Installation::open(&self.place).await?;
        let store = installation.store(command).await?;
        let tenants = store.tenants().await?.into_iter().filter(|tenant| tenant.status != "removed");
        let known: Vec<_> = tenants.collect();
        match known.iter().find(|tenant| tenant.slug == self.slug) {
            Some(tenant) => Ok(Opened { tenant: tenant.id, installation, store }),
            None => Err(CliError::NoTenant {
                asked: self.slug.clone(),
                known: known.into_iter().map(|tenant| tenant.slug).collect(),
            }),
        }
    }
}

impl Opened {
    pub(super) async fn tx(&self) -> Result<TenantTx, CliError> {
        Ok(self.store.tenant_tx(self.tenant).await?)
    }

    pub(super) async fn close(self) -> Result<(), CliError> {
        self.store.close().await;
        self.installation.close().await
    }
}
