//! `sallyport audit`

mod key;
mod restart_log;

use clap::{ArgGroup, Args, Subcommand};

use super::CliError;
use crate::{
    ids::TenantId,
    store::{Store, audit_log::PLATFORM},
};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Print the public key by which others check the checkpoints of a log.
    Key(key::KeyArgs),
    /// Begin a log anew after the database was set back to a backup.
    RestartLog(restart_log::RestartLogArgs),
}

/// Whose logs.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("logs").args(["tenant", "platform", "all"]).required(true)))]
struct Whose {
    /// That of a tenant, by its name in addresses.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// That of the platform: administrators, tenants, keys.
    #[arg(long)]
    platform: bool,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Whose {
    async fn logs(&self, store: &Store) -> Result<Vec<TenantId>, CliError> {
        // What a tenant that is removed has done stays in its log.
        let tenants = store.tenants().await?;
        let Some(slug) = &self.tenant else {
            let tenants = tenants.into_iter().filter(|_| self.all).map(|tenant| tenant.id);
            return Ok(tenants.chain([PLATFORM]).collect());
        };
        match tenants.iter().find(|tenant| tenant.slug == *slug) {
            Some(tenant) => Ok(vec![tenant.id]),
            None => Err(CliError::NoTenant {
                asked: slug.clone(),
                known: tenants.into_iter().map(|tenant| tenant.slug).collect(),
            }),
        }
    }
}

pub(super) async fn run(command: AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::Key(args) => key::run(args).await,
        AuditCommand::RestartLog(args) => restart_log::run(args).await,
    }
}
