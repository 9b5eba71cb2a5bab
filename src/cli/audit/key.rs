//! `sallyport audit key`

use clap::Args;

use super::Logs;
use crate::{
    audit::log::Origin,
    cli::{CliError, Installation, Place, output},
    store::{Store, audit_log},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit key --tenant acme --config FILE > acme.vkey
  sallyport audit key --platform --config FILE

Prints a line for each key of the key file, the one in use first, as C2SP signed notes spell it. Give it to auditors by \
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
        let head = audit_log::head(&mut tx).await?;
        tx.commit().await?;
        let origin = head.map_or_else(|| Origin::of(&installation.config.public_url, log, 1), |head| head.origin);
        for key in keys.iter().filter_map(|key| key.verifier(&origin)) {
            output::line(key)?;
        }
    }
    Ok(())
}
