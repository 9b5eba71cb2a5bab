//! `sallyport session`

use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::{CliError, Installation, Json, Place, output, output::amount, tenant::TenantsArgs};
use crate::{
    ids::{PersonId, TenantId},
    people::{self, PersonError, Username},
    store::{
        Store, people as rows,
        sessions::{self, Extent},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// End logins in browsers. What clients hold stays: `sallyport grant revoke` ends that.
    End(EndArgs),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whose").args(["person", "all"]).required(true)))]
#[command(after_help = "\
Examples:
  sallyport session end --person ada --tenant acme --config FILE
  sallyport session end --all --tenant acme --config FILE
  sallyport session end --all --all-tenants --yes --config FILE    after a restore

Says first how many there are, and asks, unless --yes is given. Everybody concerned logs in again.")]
pub(super) struct EndArgs {
    #[command(flatten)]
    tenants: TenantsArgs,
    /// Of this person, by the name at login.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Of everybody.
    #[arg(long)]
    all: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Printed {
    sessions: u64,
}

/// A tenant, and whose sessions there: everybody's where nobody is named.
type Whose = (TenantId, Option<PersonId>);

pub(super) async fn run(SessionCommand::End(args): SessionCommand) -> Result<(), CliError> {
    args.tenants.check()?;
    let installation = Installation::open(&args.place, "session end").await?;
    let store = installation.store_to_take_away().await?;
    let whose = find(&args, &store).await?;
    if !args.yes {
        let extent = extent(&store, &installation, &whose).await?;
        if extent.sessions > 0 {
            confirm(&args, extent)?;
        }
    }
    let sessions = people::end_sessions(&store, &installation.recorder(), &whose).await?;
    store.close().await;
    installation.close().await?;
    if args.json.json {
        return output::json(&Printed { sessions });
    }
    match sessions {
        0 => output::line(format_args!("nothing to end: there is no such session in {}", args.tenants.place())),
        _ => output::line(format_args!("Ended {}.", amount(sessions, "session"))),
    }
}

/// A name that no tenant has is an error: it may be a typing error.
async fn find(args: &EndArgs, store: &Store) -> Result<Vec<Whose>, CliError> {
    let tenants = args.tenants.find(store).await?;
    let Some(name) = &args.person else { return Ok(tenants.into_iter().map(|tenant| (tenant.id, None)).collect()) };
    let username = Username::parse(name)?;
    let mut found = Vec::new();
    for tenant in tenants {
        let mut tx = store.tenant_tx(tenant.id).await?;
        let person = rows::by_username(&mut tx, username.as_str()).await?;
        tx.commit().await?;
        found.extend(person.map(|person| (tenant.id, Some(person.id))));
    }
    if found.is_empty() { Err(PersonError::NoSuchPerson(username).into()) } else { Ok(found) }
}

async fn extent(store: &Store, installation: &Installation, whose: &[Whose]) -> Result<Extent, CliError> {
    let mut sum = Extent::default();
    for (tenant, person) in whose {
        let mut tx = store.tenant_tx(*tenant).await?;
        let one = sessions::extent(&mut tx, *person, installation.clock.now()).await?;
        tx.commit().await?;
        sum = Extent { sessions: sum.sessions + one.sessions, people: sum.people + one.people };
    }
    Ok(sum)
}

fn confirm(args: &EndArgs, Extent { sessions, people }: Extent) -> Result<(), CliError> {
    let of = |count: i64, thing| amount(count.unsigned_abs(), thing);
    output::confirm(&format!(
        "This ends {} of {} in {}. They log in again.\n",
        of(sessions, "session"),
        of(people, "person"),
        args.tenants.place()
    ))
}
