//! `sallyport audit restart-log`

use std::path::PathBuf;

use clap::Args;

use super::Logs;
use crate::{
    audit::{
        log::{Checkpoint, ours},
        restart::{RestartError, restart},
        signer::Memory,
    },
    cli::{CliError, Installation, Place, output},
    ids::TenantId,
    store::{Store, audit_log},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit restart-log --all --config FILE                     from audit.state_dir
  sallyport audit restart-log --tenant acme --checkpoint latest.note --config FILE

After a restore from a backup the database has fewer entries than were signed for, and no process signs such a log any more. \
This begins it anew under another name. Its first entry names the last known checkpoint, so that `sallyport audit verify` can \
say what is missing in between. Use the newest checkpoint that you can find anywhere, and stop all processes that serve first.")]
pub(in crate::cli) struct RestartLogArgs {
    #[command(flatten)]
    logs: Logs,
    /// The newest known checkpoint of the log, signed. Without it: the one in audit.state_dir.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: RestartLogArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "audit restart-log").await?;
    let store = installation.store().await?;
    let done = begin(&installation, &store, &args).await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn begin(installation: &Installation, store: &Store, args: &RestartLogArgs) -> Result<(), CliError> {
    for log in args.logs.logs(store).await? {
        begin_one(installation, store, args, log).await?;
    }
    Ok(())
}

async fn begin_one(
    installation: &Installation,
    store: &Store,
    args: &RestartLogArgs,
    log: TenantId,
) -> Result<(), CliError> {
    let mut tx = store.tenant_tx(log).await?;
    let head = audit_log::head(&mut tx).await?;
    tx.commit().await?;
    let Some(head) = head.filter(|head| head.size > 0) else {
        return output::line(format_args!("the log of {log} has not begun: there is nothing to restart"));
    };
    let (known, note) = newest(installation, store, args, log).await?;
    let place = (&installation.config.public_url, log);
    let left = head.size;
    let new = restart(store, &installation.recorder(), place, (&known, &note)).await?;
    output::line(format_args!("the log {} goes on as {}", known.origin, new.origin))?;
    if known.size > left {
        output::warning(format_args!(
            "{} entries that were signed for are not in the database: entries {left} to {}",
            known.size - left,
            known.size - 1
        ));
    }
    Ok(())
}

/// The newest known checkpoint, which must be signed with one of our keys.
async fn newest(
    installation: &Installation,
    store: &Store,
    args: &RestartLogArgs,
    log: TenantId,
) -> Result<(Checkpoint, String), CliError> {
    let keys = installation.keyring()?.checkpoint_keys();
    if let Some(path) = &args.checkpoint {
        let note = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.clone(), source })?;
        let known = ours(&note, &keys).ok_or_else(|| CliError::Checkpoint(path.display().to_string()))?;
        return Ok((known, note));
    }
    let memory = Memory::open(installation.config.audit.state_dir.as_deref())?;
    if let Some(note) = memory.note(log)? {
        let known = ours(&note, &keys).ok_or_else(|| CliError::Checkpoint("audit.state_dir".to_owned()))?;
        return Ok((known, note));
    }
    let mut tx = store.tenant_tx(log).await?;
    let newest = audit_log::newest_checkpoint(&mut tx).await?;
    tx.commit().await?;
    let note = newest.ok_or(RestartError::NoLog)?.note;
    output::warning("no checkpoint is known outside the database: what is lost since the backup cannot be told");
    let known = ours(&note, &keys).ok_or_else(|| CliError::Checkpoint("the database".to_owned()))?;
    Ok((known, note))
}
