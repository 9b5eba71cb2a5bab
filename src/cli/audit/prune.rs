//! `sallyport audit prune`

use clap::Args;
use time::{Date, OffsetDateTime, macros::format_description};

use crate::{
    audit::Event,
    cli::{
        CliError, output,
        tenant::{Opened, TenantArgs},
    },
    store::audit_retention,
};

/// Events that one transaction removes.
const BATCH: i64 = 5_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport audit prune --tenant acme --before 2026-01-01 --dry-run --config FILE
  sallyport audit prune --tenant acme --before 2026-01-01 --config FILE

Removes events older than 30 days whose place in the tenant's log is signed for, and their personal and long values. What the tree \
is made of stays, and what the log says of its keys and beginnings: later checkpoints still prove that nothing else went. Export first what you may have to show; nobody can have it back.")]
pub(in crate::cli) struct PruneArgs {
    /// Remove events from before this day began, UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    before: OffsetDateTime,
    /// Only say how many there are.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    tenant: TenantArgs,
}

fn day(text: &str) -> Result<OffsetDateTime, String> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    day.map(|day| day.midnight().assume_utc()).map_err(|_| "not a day: write 2026-01-31".to_owned())
}

pub(super) async fn run(args: PruneArgs) -> Result<(), CliError> {
    let opened = args.tenant.open("audit prune").await?;
    let done = prune(&opened, &args).await;
    let closed = opened.close().await;
    done.and(closed)
}

async fn prune(opened: &Opened, args: &PruneArgs) -> Result<(), CliError> {
    let mut tx = opened.tx().await?;
    if audit_retention::holds(&mut tx).await?.iter().any(|hold| hold.lifted_at.is_none()) {
        return Err(CliError::Held);
    }
    let there = audit_retention::prunable(&mut tx, args.before).await?;
    tx.commit().await?;
    let there = u64::try_from(there).unwrap_or_default();
    if args.dry_run {
        return output::line(format_args!("{} could be removed", output::amount(there, "event")));
    }
    let recorder = opened.installation.recorder();
    let mut removed = 0;
    loop {
        let mut tx = opened.tx().await?;
        audit_retention::turn(&mut tx).await?;
        let most = audit_retention::prunable(&mut tx, args.before).await?.min(BATCH);
        let events = u64::try_from(most).unwrap_or_default();
        if events == 0 {
            break;
        }
        recorder.record(&mut tx, &Event::AuditPruned { before: args.before, events }).await?;
        audit_retention::prune(&mut tx, args.before, most).await?;
        tx.commit().await?;
        removed += events;
    }
    if let Err(error) = opened.store.drop_empty_audit_partitions().await {
        output::warning(format_args!("empty partitions stay for now: {error}"));
    }
    output::line(format_args!("removed {}", output::amount(removed, "event")))
}
