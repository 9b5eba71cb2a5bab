//! `sallyport audit prove`

use std::path::PathBuf;

use clap::Args;

use super::Whose;
use crate::{
    audit::{
        export::{Database, NEWEST, Source as _, signed},
        log::{Checkpoint, Entry, VerifierKey},
        proof::Proof,
        sequencer::with_tiles,
    },
    cli::{CliError, Installation, Place, output},
    ids::EventId,
    store::{Store, StoreError, audit_export},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit prove --tenant acme --event 01a20574-… --out event.tlog-proof --config FILE

The file has the event, the way from it to the root of the log's tree, and the newest signed checkpoint (C2SP tlog-proof): \
whoever has the log's key checks it with `sallyport audit verify-proof`, and sees nothing else of the log.")]
pub(in crate::cli) struct ProveArgs {
    #[command(flatten)]
    whose: Whose,
    /// The event.
    #[arg(long, value_name = "ID", value_parser = event)]
    event: EventId,
    /// Where to write it, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

fn event(text: &str) -> Result<EventId, &'static str> {
    uuid::Uuid::parse_str(text).map(EventId).map_err(|_| "not the id of an event")
}

pub(super) async fn run(args: ProveArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "audit prove").await?;
    let store = installation.store().await?;
    let done = prove(&store, &args).await;
    store.close().await;
    let closed = installation.close().await;
    let proof = done?;
    closed?;
    match &args.out {
        Some(path) => {
            std::fs::write(path, proof.text()).map_err(|source| CliError::Write { path: path.clone(), source })?;
            output::line(format_args!(
                "the proof is in {}; check it:  sallyport audit verify-proof {0} --key KEY",
                path.display()
            ))
        }
        None => output::line(proof.text().trim_end_matches('\n')),
    }
}

async fn prove(store: &Store, args: &ProveArgs) -> Result<Proof, CliError> {
    let log = args.whose.log(store).await?;
    let mut tx = store.tenant_tx(log).await?;
    let place = audit_export::place_of(&mut tx, args.event).await?;
    let (epoch, index) = place.ok_or(CliError::NoEntry(args.event))?;
    let epochs = audit_export::epochs(&mut tx).await?;
    let row = epochs.into_iter().find(|row| row.epoch == epoch).ok_or(CliError::NoEntry(args.event))?;
    let keys = audit_export::keys_said(&mut tx, &row.origin).await?;
    let keys: Vec<VerifierKey> = keys.iter().filter_map(|key| VerifierKey::parse(key)).collect();
    let notes = audit_export::newest_notes(&mut tx, epoch, NEWEST).await?;
    let newest = notes.iter().find_map(|stored| signed(stored, &keys)).filter(|(signed, _)| signed.size > index);
    let (Checkpoint { size, .. }, note) = newest.ok_or(CliError::NotYetSigned(args.event))?;
    let note = note.to_owned();
    let hashes = with_tiles(&mut tx, (epoch, size), |tiles| tiles.inclusion(index, size)).await?;
    tx.commit().await?;
    let mut source = Database::new(store.clone(), log, epoch);
    let events = source.events(index, 1).await.map_err(|error| CliError::Export(Box::new(error.into())))?;
    let event = events.first().ok_or(CliError::NoEntry(args.event))?;
    let proof = Proof { entry: Entry::of(event).map_err(StoreError::corrupt)?, index, hashes, note };
    // What the database holds may not be what the log has.
    proof.check(&[]).map_err(StoreError::corrupt)?;
    Ok(proof)
}
