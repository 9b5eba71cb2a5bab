//! The tenant, or the tenants, that a command works on.

use clap::Args;

use super::{CliError, Installation, Place};
use crate::{
    ids::TenantId,
    store::{Store, TenantTx, tenants::TenantRow},
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
        let installation = Installation::open(&self.place, command).await?;
        let store = installation.store().await?;
        self.choose(installation, store).await
    }

    /// For a command that does nothing but take away.
    pub(super) async fn open_to_take_away(&self, command: &'static str) -> Result<Opened, CliError> {
        let installation = Installation::open(&self.place, command).await?;
        let store = installation.store_to_take_away().await?;
        self.choose(installation, store).await
    }

    async fn choose(&self, installation: Installation, store: Store) -> Result<Opened, CliError> {
        let tenant = named(present(&store).await?, &self.slug)?;
        Ok(Opened { tenant: tenant.id, installation, store })
    }
}

/// One tenant, or all. Which must be said: what ends everywhere is not ended by leaving a word out.
#[derive(Debug, Args)]
pub(super) struct TenantsArgs {
    /// Of this tenant, by its name in addresses.
    #[arg(long = "tenant", value_name = "TENANT")]
    slug: Option<String>,
    /// Of all tenants.
    #[arg(long, conflicts_with = "slug")]
    all_tenants: bool,
}

impl TenantsArgs {
    /// `acme`, or `all tenants`.
    pub(super) fn place(&self) -> &str {
        self.slug.as_deref().unwrap_or("all tenants")
    }

    /// Whether it was said.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.slug.is_some() || self.all_tenants { Ok(()) } else { Err(CliError::WhichTenants) }
    }

    pub(super) async fn find(&self, store: &Store) -> Result<Vec<TenantRow>, CliError> {
        let tenants = present(store).await?;
        match &self.slug {
            Some(slug) => Ok(vec![named(tenants, slug)?]),
            None => Ok(tenants),
        }
    }
}

/// Nothing of a removed tenant works any more.
async fn present(store: &Store) -> Result<Vec<TenantRow>, CliError> {
    Ok(store.tenants().await?.into_iter().filter(|tenant| tenant.status != "removed").collect())
}

fn named(tenants: Vec<TenantRow>, slug: &str) -> Result<TenantRow, CliError> {
    match tenants.iter().find(|tenant| tenant.slug == slug) {
        Some(tenant) => Ok(tenant.clone()),
        None => Err(CliError::NoTenant {
            asked: slug.to_owned(),
            known: tenants.into_iter().map(|tenant| tenant.slug).collect(),
        }),
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
