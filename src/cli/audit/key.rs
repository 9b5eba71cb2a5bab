//! `sallyport audit key`

use clap::Args;

use super::Logs;
use crate::{
    audit::{export::Whose, log::Origin},
    cli::{CliError, Installation, Place, output},
    store::{Store, audit_export},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit key --tenant acme --config FILE > acme.vkey
  sallyport audit key --platform --config FILE

Prints a line for each key of the key file, the one in use first, as C2SP signed notes spell it; where the log \
was begun anew after the public address changed, for each address. Give it to auditors by \
another way than the exports: whoever makes an export could put a key of their own beside it.")]
pub(in crate::cli) struct KeyArgs {
    #[command(flatten)]
    logs: Logs,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: KeyArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "audit key").await?;
    let store = installation.store().await?;
    let done = print(&installation, &store, &args.logs).await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn print(installation: &Installation, store: &Store, logs: &Logs) -> Result<(), CliError> {
    let keys = installation.keyring()?.checkpoint_keys();
    for log in logs.logs(store).await? {
        let mut tx = store.tenant_tx(log).await?;
        let epochs = audit_export::epochs(&mut tx).await?;
        tx.commit().await?;
        let mut origins: Vec<Origin> = epochs.into_iter().rev().map(|epoch| epoch.origin).collect();
        if origins.is_empty() {
            origins.push(Origin::of(&installation.config.public_url, log, 1));
        }
        // Epochs under one address share their keys.
        let base = |origin: &Origin| Whose::of(origin).map(|whose| whose.base);
        origins.dedup_by_key(|origin| base(origin));
        for key in origins.iter().flat_map(|origin| keys.iter().filter_map(|key| key.verifier(origin))) {
            output::line(key)?;
        }
    }
    Ok(())
}
