//! `sallyport audit export`

use std::path::PathBuf;

use clap::Args;
use time::OffsetDateTime;

use super::{Whose, progress::Progress};
use crate::{
    audit::export::{Database, Period, moment, write},
    cli::{CliError, Installation, Place, output},
    store::Store,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit export --tenant acme --out acme-log --config FILE
  sallyport audit export --tenant acme --from 2026-07-01 --to 2026-09-30 --out acme-q3 --config FILE
  sallyport audit export --platform --out platform-log --config FILE

Writes the newest signed checkpoint, the tree, the entries (with --from or --to, those of that time and some around them, in whole \
files of 256), views of them for people and for SIEMs, and a README for the auditor, who checks it all with \
`sallyport audit verify`. Interrupted, run it again: what is there already and right is kept. On a directory of an earlier \
export of the log it brings that up to date. A directory that holds anything else is refused, and nothing is written through links in it.")]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    whose: Whose,
    /// The directory, which is made where it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// No entries before this date, or this moment (RFC 3339), except some in the same files.
    #[arg(long, value_name = "DATE", value_parser = beginning)]
    from: Option<OffsetDateTime>,
    /// No entries after this date, or from this moment (RFC 3339) on, except some in the same files.
    #[arg(long, value_name = "DATE", value_parser = end)]
    to: Option<OffsetDateTime>,
    #[command(flatten)]
    place: Place,
}

fn beginning(text: &str) -> Result<OffsetDateTime, &'static str> {
    moment(text, 0)
}

/// All of a day belongs to it.
fn end(text: &str) -> Result<OffsetDateTime, &'static str> {
    moment(text, 1)
}

pub(super) async fn run(args: ExportArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "audit export").await?;
    let store = installation.store().await?;
    let done = export(&installation, &store, &args).await;
    store.close().await;
    let closed = installation.close().await;
    done.and(closed)
}

async fn export(installation: &Installation, store: &Store, args: &ExportArgs) -> Result<(), CliError> {
    let log = args.whose.log(store).await?;
    let keys = installation.keyring()?.checkpoint_keys();
    let period = Period { from: args.from, to: args.to };
    let (current, previous) = Database::epochs(store, log, &keys, period).await?;
    let (origin, size) = (current.head.checkpoint.origin.clone(), current.head.checkpoint.size);
    let mut progress = Progress::new();
    let written = write(&args.out, current, previous, &mut |done, total| progress.at(done, total)).await;
    drop(progress);
    let written = written.map_err(Box::new)?;
    let out = args.out.display();
    output::line(format_args!(
        "{} of {origin}, whose checkpoint is over {size}, are in {out}",
        output::amount(written.entries, "entry")
    ))?;
    output::line(format_args!("check them:  sallyport audit verify {out} --key KEY"))
}
