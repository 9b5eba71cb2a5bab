//! `sallyport audit restart-log`

use std::path::PathBuf;

use clap::Args;

use super::Logs;
use crate::{
    audit::{
        log::{Checkpoint, CheckpointKey, VerifierKey, ours},
        restart::{RestartError, restart},
        signer::Memory,
    },
    cli::{CliError, Installation, Place, output},
    ids::TenantId,
    store::{Limits, Store, TenantTx, audit_export, audit_log},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit restart-log --all --config FILE                     from audit.state_dir
  sallyport audit restart-log --tenant acme --checkpoint latest.note --config FILE

After a restore from a backup the database has fewer entries than were signed for, and no process signs such a log any more. \
This begins it anew under another name. Its first entry names the last known checkpoint, so that `sallyport audit verify` can \
say what is missing in between. Use the newest checkpoint that you can find anywhere, and stop all processes that serve first. \
The same after a checkpoint key was lost: from then on the log is signed with the new one alone.

Connects with database.owner_url, too: nobody else may begin a log anew.")]
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
    let owner = installation.owner_options()?;
    let store = installation.store().await?;
    let owner = Store::connect(owner, 1, Limits::Command).await?;
    let done = begin(&installation, (&store, &owner), &args).await;
    owner.close().await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn begin(installation: &Installation, stores: (&Store, &Store), args: &RestartLogArgs) -> Result<(), CliError> {
    for log in args.logs.logs(stores.0).await? {
        begin_one(installation, stores, args, log).await?;
    }
    Ok(())
}

async fn begin_one(
    installation: &Installation,
    (store, owner): (&Store, &Store),
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
    let new = restart(owner, &installation.recorder(), place, (&known, &note)).await?;
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

/// The newest known checkpoint.
async fn newest(
    installation: &Installation,
    store: &Store,
    args: &RestartLogArgs,
    log: TenantId,
) -> Result<(Checkpoint, String), CliError> {
    let keys = installation.keyring()?.checkpoint_keys();
    let mut tx = store.tenant_tx(log).await?;
    let memory = Memory::open(installation.config.audit.state_dir.as_deref())?;
    let remembered = match memory.note(log)? {
        Some(note) => Some((signed(&mut tx, &keys, &note, "audit.state_dir").await?, note)),
        None => None,
    };
    let newest = if let Some(path) = &args.checkpoint {
        let note = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.clone(), source })?;
        (signed(&mut tx, &keys, &note, &path.display().to_string()).await?, note)
    } else if let Some(remembered) = &remembered {
        remembered.clone()
    } else {
        let note = audit_log::newest_checkpoint(&mut tx).await?.ok_or(RestartError::NoLog)?.note;
        output::warning("no checkpoint is known outside the database: what is lost since the backup cannot be told");
        (signed(&mut tx, &keys, &note, "the database").await?, note)
    };
    tx.commit().await?;
    let (given, _) = &newest;
    match remembered {
        Some((known, _)) if known.origin == given.origin && known.size > given.size => {
            Err(RestartError::Older { given: given.size, known: known.size }.into())
        }
        _ => Ok(newest),
    }
}

/// What a note is over: signed with one of our keys, or with one that the log itself says was in use. Such a key may be lost.
async fn signed(tx: &mut TenantTx, keys: &[CheckpointKey], note: &str, place: &str) -> Result<Checkpoint, CliError> {
    let bad = || CliError::Checkpoint(place.to_owned());
    if let Some(known) = ours(note, keys) {
        return Ok(known);
    }
    let origin = Checkpoint::unverified(note).map_err(|_| bad())?.origin;
    let said = audit_export::keys_said(tx, &origin).await?;
    let mut said = said.iter().filter_map(|key| VerifierKey::parse(key));
    let known = said.find_map(|key| Checkpoint::verified(note, &key).ok()).ok_or_else(bad)?;
    output::warning(format_args!(
        "the checkpoint in {place} was signed with a key that is not in the key file; the log says that it was in use"
    ));
    Ok(known)
}
