//! Which client a command is about.

use super::Which;
use crate::{
    cli::{CliError, Installation},
    ids::ClientId,
    store::{Store, TenantTx, clients::standing, tenants::TenantRow},
};

/// A client of a tenant, and where both are.
pub(super) struct Chosen {
    pub(super) installation: Installation,
    pub(super) store: Store,
    pub(super) tenant: TenantRow,
    pub(super) id: ClientId,
}

impl Which {
    pub(super) async fn open(&self, command: &'static str) -> Result<Chosen, CliError> {
        let installation = Installation::open(&self.place, command).await?;
        let store = installation.store().await?;
        self.choose(installation, store).await
    }

    /// For a command that does nothing but take away.
    pub(super) async fn open_to_take_away(&self, command: &'static str) -> Result<Chosen, CliError> {
        let installation = Installation::open(&self.place, command).await?;
        let store = installation.store_to_take_away().await?;
        self.choose(installation, store).await
    }

    /// An id that is given whole means that client, also where others begin with it.
    async fn choose(&self, installation: Installation, store: Store) -> Result<Chosen, CliError> {
        let mut found = Vec::new();
        for tenant in self.tenants.find(&store).await? {
            let mut tx = store.tenant_tx(tenant.id).await?;
            let ids = standing::beginning_with(&mut tx, &self.id).await?;
            tx.commit().await?;
            found.extend(ids.into_iter().map(|id| (tenant.clone(), id)));
        }
        if found.iter().any(|(_, id)| id.as_str() == self.id) {
            found.retain(|(_, id)| id.as_str() == self.id);
        }
        let mut rest = found.into_iter();
        match (rest.next(), rest.next()) {
            (None, _) => Err(CliError::NoClient(self.id.clone())),
            (Some((tenant, id)), None) => Ok(Chosen { installation, store, tenant, id }),
            (Some(first), Some(second)) => {
                let known =
                    [first, second].into_iter().chain(rest).map(|(tenant, id)| format!("{id} ({})", tenant.slug));
                Err(CliError::SeveralClients { asked: self.id.clone(), known: known.collect() })
            }
        }
    }
}

impl Chosen {
    pub(super) async fn tx(&self) -> Result<TenantTx, CliError> {
        Ok(self.store.tenant_tx(self.tenant.id).await?)
    }

    pub(super) async fn close(self) -> Result<(), CliError> {
        self.store.close().await;
        self.installation.close().await
    }
}
