//! `sallyport audit hold`

use clap::{Args, Subcommand};
use uuid::Uuid;

use crate::{
    audit::{Event, Personal},
    cli::{CliError, output, tenant::TenantArgs},
    ids,
    store::audit_retention::{self, HoldRow},
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HoldCommand {
    /// Place a hold: no event of the tenant is removed while it stands.
    Place(PlaceArgs),
    /// Lift a hold.
    Lift(LiftArgs),
    /// List the holds of a tenant, with those that were lifted.
    List(ListArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport audit hold place \"Case 12/345\" --by \"Legal, E. Noether\" --tenant acme --config FILE")]
pub(in crate::cli) struct PlaceArgs {
    /// Why.
    reason: String,
    /// Who says so.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    tenant: TenantArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LiftArgs {
    /// The hold's id, as `sallyport audit hold list` prints it.
    hold: Uuid,
    #[command(flatten)]
    tenant: TenantArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    tenant: TenantArgs,
}

pub(super) async fn run(command: HoldCommand) -> Result<(), CliError> {
    match command {
        HoldCommand::Place(args) => place(args).await,
        HoldCommand::Lift(args) => lift(args).await,
        HoldCommand::List(args) => list(args).await,
    }
}

async fn place(args: PlaceArgs) -> Result<(), CliError> {
    let long = |text: &str, most| !(1..=most).contains(&text.chars().count());
    if long(&args.reason, 1000) || args.by.as_deref().is_some_and(|by| long(by, 200)) {
        return Err(CliError::HoldText);
    }
    let opened = args.tenant.open("audit hold place").await?;
    let recorder = opened.installation.recorder();
    let id = ids::new_uuid(&recorder.clock, &recorder.entropy)?;
    let reason = Personal::new(&args.reason, None, &recorder.entropy)?;
    let placed_at = recorder.clock.now();
    let hold = HoldRow { id, reason: args.reason, placed_at, placed_by: args.by, lifted_at: None };
    let mut tx = opened.tx().await?;
    audit_retention::place_hold(&mut tx, &hold).await?;
    recorder.record(&mut tx, &Event::AuditHoldPlaced { hold: id, reason }).await?;
    tx.commit().await?;
    opened.close().await?;
    output::line(format_args!("placed the hold {id}"))
}

async fn lift(args: LiftArgs) -> Result<(), CliError> {
    let opened = args.tenant.open("audit hold lift").await?;
    let recorder = opened.installation.recorder();
    let mut tx = opened.tx().await?;
    recorder.record(&mut tx, &Event::AuditHoldLifted { hold: args.hold }).await?;
    if !audit_retention::lift_hold(&mut tx, args.hold, recorder.clock.now()).await? {
        return Err(CliError::NoHold(args.hold));
    }
    tx.commit().await?;
    opened.close().await?;
    output::line(format_args!("lifted the hold {}", args.hold))
}

async fn list(args: ListArgs) -> Result<(), CliError> {
    let opened = args.tenant.open("audit hold list").await?;
    let mut tx = opened.tx().await?;
    let holds = audit_retention::holds(&mut tx).await?;
    tx.commit().await?;
    opened.close().await?;
    for hold in holds {
        let lifted = hold.lifted_at.map_or_else(|| "stands".to_owned(), |at| format!("lifted {}", output::minute(at)));
        let by = hold.placed_by.as_deref().unwrap_or("-");
        output::line(format_args!("{}  {}  {lifted}  {by}  {}", hold.id, output::minute(hold.placed_at), hold.reason))?;
    }
    Ok(())
}
