//! `sallyport audit`

mod export;
mod hash;
mod hold;
mod key;
mod progress;
mod prove;
mod prune;
mod restart_log;
mod verify;
mod verify_proof;

use clap::{ArgGroup, Args, Subcommand};

use super::CliError;
use crate::{
    audit::log::{VerifierKey, WitnessKey},
    ids::TenantId,
    store::{Store, audit_log::PLATFORM},
};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Write a log, or a part of it, into a directory that an auditor can check.
    Export(export::ExportArgs),
    /// Check an export: offline, without a database or a configuration.
    Verify(verify::VerifyArgs),
    /// Write the proof that one event is in its log into one file.
    Prove(prove::ProveArgs),
    /// Check such a proof: offline, without a database or a configuration.
    VerifyProof(verify_proof::VerifyProofArgs),
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

/// Whose logs.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("logs").args(["tenant", "platform", "all"]).required(true)))]
struct Logs {
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
    async fn log(&self, store: &Store) -> Result<TenantId, CliError> {
        match &self.tenant {
            Some(slug) => tenant(store, slug).await,
            None => Ok(PLATFORM),
        }
    }
}

impl Logs {
    async fn logs(&self, store: &Store) -> Result<Vec<TenantId>, CliError> {
        if let Some(slug) = &self.tenant {
            return Ok(vec![tenant(store, slug).await?]);
        }
        let tenants = if self.all { store.tenants().await? } else { Vec::new() };
        Ok(tenants.into_iter().map(|tenant| tenant.id).chain([PLATFORM]).collect())
    }
}

/// What a tenant that is removed has done stays in its log.
async fn tenant(store: &Store, slug: &str) -> Result<TenantId, CliError> {
    let tenants = store.tenants().await?;
    match tenants.iter().find(|tenant| tenant.slug == slug) {
        Some(tenant) => Ok(tenant.id),
        None => Err(CliError::NoTenant {
            asked: slug.to_owned(),
            known: tenants.into_iter().map(|tenant| tenant.slug).collect(),
        }),
    }
}

pub(super) async fn run(command: AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::Export(args) => export::run(args).await,
        AuditCommand::Verify(args) => verify::run(&args),
        AuditCommand::Prove(args) => prove::run(args).await,
        AuditCommand::VerifyProof(args) => verify_proof::run(&args),
        AuditCommand::Key(args) => key::run(args).await,
        AuditCommand::Hash(args) => hash::run(args).await,
        AuditCommand::Hold(command) => hold::run(command).await,
        AuditCommand::Prune(args) => prune::run(args).await,
        AuditCommand::RestartLog(args) => restart_log::run(args).await,
    }
}

/// A key, or a file with a key a line, as `audit key` prints them.
fn keys(text: &str) -> Result<Vec<VerifierKey>, String> {
    listed(
        text,
        VerifierKey::parse,
        "neither a key (NAME+ID+KEY, as `sallyport audit key` prints it) nor a file with keys",
    )
}

/// A key of a witness, or a file with one a line.
fn witnesses(text: &str) -> Result<Vec<WitnessKey>, String> {
    listed(
        text,
        WitnessKey::parse,
        "neither a witness's key (NAME+ID+KEY, of C2SP tlog-cosignature) nor a file with such keys",
    )
}

fn listed<K>(text: &str, parse: impl Fn(&str) -> Option<K>, neither: &str) -> Result<Vec<K>, String> {
    if let Some(key) = parse(text) {
        return Ok(vec![key]);
    }
    let file = std::fs::read_to_string(text).map_err(|_| neither.to_owned())?;
    let lines = file.lines().filter(|line| !line.trim().is_empty());
    let keys: Option<Vec<K>> = lines.map(parse).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| "a file in which a line is no key".to_owned())
}
