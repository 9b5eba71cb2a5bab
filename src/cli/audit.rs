//! `sallyport audit`

mod hash;
mod hold;
mod key;
mod prune;
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
    /// Print what stands for a token, or for the arguments of a call, in events.
    Hash(hash::HashArgs),
    /// Keep all events of a tenant while a legal hold stands.
    #[command(subcommand)]
    Hold(hold::HoldCommand),
    /// Remove old events of a tenant that are in its log and signed for.
    Prune(prune::PruneArgs),
    /// Begin a log anew after the database was set back to a backup.
    RestartLog(restart_log::RestartLogArgs),
}

/// Whose log.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("log").args(["tenant", "platform"]).required(true)))]
struct Whose {
    /// That of a tenant, by its name in addresses.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// That of the platform: administrators, tenants, keys.
    #[arg(long)]
    platform: bool,
}

impl Whose {
    async fn log(&self, store: &Store) -> Result<TenantId, CliError> {
        let Some(slug) = &self.tenant else { return Ok(PLATFORM) };
        // What a tenant that is removed has done stays in its log.
        let tenants = store.tenants().await?;
        match tenants.iter().find(|tenant| tenant.slug == *slug) {
            Some(tenant) => Ok(tenant.id),
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
        AuditCommand::Hash(args) => hash::run(args).await,
        AuditCommand::Hold(command) => hold::run(command).await,
        AuditCommand::Prune(args) => prune::run(args).await,
        AuditCommand::RestartLog(args) => restart_log::run(args).await,
    }
}
