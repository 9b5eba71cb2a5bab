//! `sallyport keys`

mod file;
mod init;
mod list;
mod retire;
mod rotate;

use clap::{Subcommand, ValueEnum};

use super::CliError;
use crate::keys::KeyKind;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key file. Does it once: an existing file stays as it is.
    Init(init::InitArgs),
    /// Show every key, what state it is in, and what it still holds.
    List(list::ListArgs),
    /// Let another key follow.
    #[command(subcommand)]
    Rotate(rotate::RotateCommand),
    /// Do without a key of the key file from now on.
    Retire(retire::RetireArgs),
}

pub(super) async fn run(command: KeysCommand) -> Result<(), CliError> {
    match command {
        KeysCommand::Init(args) => init::run(&args),
        KeysCommand::List(args) => list::run(args).await,
        KeysCommand::Rotate(command) => rotate::run(command).await,
        KeysCommand::Retire(args) => retire::run(args).await,
    }
}

/// A kind of key, as the command line spells it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Keyed hashes of tokens, secrets and sessions.
    Pepper,
    /// What signing keys are sealed under.
    Kek,
    /// Keyed handles in the audit log.
    #[value(alias = "audit_handle")]
    AuditHandle,
    /// Signatures of checkpoints of audit logs.
    Checkpoint,
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Pepper => Self::Pepper,
            Kind::Kek => Self::Kek,
            Kind::AuditHandle => Self::AuditHandle,
            Kind::Checkpoint => Self::Checkpoint,
        }
    }
}
