//! Which grants a command is about, in words of the command line and then in ids.

use clap::Args;

use crate::{
    cli::{CliError, tenant::TenantsArgs},
    ids::{ClientId, TenantId},
    people::{PersonError, Username},
    store::{Store, clients, grants::many::Selection, people, tenants, tenants::TenantRow},
};

#[derive(Debug, Args)]
#[group(id = "grants", multiple = true)]
pub(super) struct Choice {
    #[command(flatten)]
    pub(super) tenants: TenantsArgs,
    /// Given by this person, by the name at login.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// To this client, by its client_id.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// For this server, by its name in addresses.
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
}

/// A tenant, and which of its grants.
#[derive(Clone)]
pub(super) struct Chosen {
    pub(super) tenant: TenantRow,
    pub(super) selection: Selection,
}

impl Choice {
    /// Looks everything up. A tenant that lacks what is named is left out; a name that none has is an error, since
    /// nothing is worse than a kill switch with a typing error that says "done".
    pub(super) async fn find(&self, store: &Store) -> Result<Vec<Chosen>, CliError> {
        let mut found = Vec::new();
        let mut missing = None;
        for tenant in self.tenants.find(store).await? {
            match self.selection(store, tenant.id).await? {
                Ok(selection) => found.push(Chosen { tenant, selection }),
                Err(error) => missing = Some(both(missing, error)),
            }
        }
        match missing {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    /// The inner error: the tenant has nothing of that name.
    async fn selection(&self, store: &Store, tenant: TenantId) -> Result<Result<Selection, CliError>, CliError> {
        let mut tx = store.tenant_tx(tenant).await?;
        let mut selection = Selection::default();
        if let Some(name) = &self.person {
            let username = Username::parse(name)?;
            match people::by_username(&mut tx, username.as_str()).await? {
                Some(person) => selection.person = Some(person.id),
                None => return Ok(Err(PersonError::NoSuchPerson(username).into())),
            }
        }
        if let Some(id) = &self.client {
            let client = match ClientId::parse(id) {
                Ok(id) => clients::find(&mut tx, &id).await?,
                Err(_) => None,
            };
            match client {
                Some(client) => selection.client = Some(client.id),
                None => return Ok(Err(CliError::NoClient(id.clone()))),
            }
        }
        if let Some(slug) = &self.server {
            let servers = tenants::servers(&mut tx).await?;
            match servers.iter().find(|server| server.slug == *slug) {
                Some(server) => selection.server = Some(server.id),
                None => {
                    let known = servers.into_iter().map(|server| server.slug).collect();
                    return Ok(Err(CliError::NoServer { asked: slug.clone(), known }));
                }
            }
        }
        tx.commit().await?;
        Ok(Ok(selection))
    }
}

/// One mistake for two tenants.
fn both(earlier: Option<CliError>, error: CliError) -> CliError {
    match (earlier, error) {
        (Some(CliError::NoServer { mut known, asked }), CliError::NoServer { known: more, .. }) => {
            known.extend(more);
            known.sort_unstable();
            known.dedup();
            CliError::NoServer { asked, known }
        }
        (Some(earlier), _) => earlier,
        (None, error) => error,
    }
}
