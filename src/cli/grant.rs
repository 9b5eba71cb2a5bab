//! `sallyport grant`

mod choice;
mod list;
mod revoke;

use clap::{ArgGroup, Args, Subcommand};

use super::{CliError, Json, Place};
use choice::Choice;

#[derive(Debug, Subcommand)]
pub(super) enum GrantCommand {
    /// Show what people allowed which client on which server, as far as it is in force.
    List(ListArgs),
    /// Take permissions back, one or all at once. Everything issued under them is refused when this returns.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport grant list --tenant acme --config FILE
  sallyport grant list --tenant acme --person ada --config FILE
  sallyport grant list --tenant acme --client c_019a0c… --server github --json --config FILE")]
pub(super) struct ListArgs {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["ids", "person", "client", "server", "all"]).required(true).multiple(true)))]
#[command(after_help = "\
Examples:
  sallyport grant revoke 019a0c2e-… --tenant acme --config FILE       one, as `grant list` names it
  sallyport grant revoke --person ada --tenant acme --config FILE     all that ada allowed
  sallyport grant revoke --client c_019a0c… --all-tenants --config FILE
  sallyport grant revoke --all --tenant acme --config FILE            the kill switch
  sallyport grant revoke --all --all-tenants --yes --config FILE      in a hurry

Says first what it takes back, and asks, unless grants are named by their ids or --yes is given.
Access tokens, refresh tokens and codes of these grants stop working at once, calls in flight are \
cut, and whoever allowed them is asked again. Nobody is kept from allowing the same once more:
`sallyport person disable` keeps a person out, `sallyport apply` a client or a server.")]
pub(super) struct RevokeArgs {
    /// Grants, by their ids.
    #[arg(value_name = "GRANT", value_parser = grant, conflicts_with_all = ["person", "client", "server", "all", "all_tenants"])]
    ids: Vec<uuid::Uuid>,
    #[command(flatten)]
    choice: Choice,
    /// All of them.
    #[arg(long, conflicts_with_all = ["person", "client", "server"])]
    all: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

fn grant(text: &str) -> Result<uuid::Uuid, &'static str> {
    uuid::Uuid::parse_str(text).map_err(|_| "not a grant id: `sallyport grant list` has them")
}

pub(super) async fn run(command: GrantCommand) -> Result<(), CliError> {
    match command {
        GrantCommand::List(args) => list::run(args).await,
        GrantCommand::Revoke(args) => revoke::run(args).await,
    }
}
