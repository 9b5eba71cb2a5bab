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

Says first what it takes back, and asks, unless grants are named by their ids or --yes is given. Access tokens, refresh
tokens and codes of these grants stop working at once, calls in flight are cut, and whoever allowed them is asked again.
Nobody is kept from allowing the same once more: `sallyport person disable` keeps a person out, `sallyport apply` a
client or a server.")]
pub(super) struct RevokeArgs {
    /// Grants, by their ids.
    #[arg(value_name = "GRANT", conflicts_with_all = ["person", "client", "server", "all", "all_tenants"])]
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

pub(super) async fn run(command: GrantCommand) -> Result<(), CliError> {
    match command {
        GrantCommand::List(args) => list::run(args).await,
        GrantCommand::Revoke(args) => revoke::run(args).await,
    }
}

/// `1 grant`, `3 812 grants`.
fn amount(count: u64, thing: &str) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    let plural = match (count, thing) {
        (1, _) => thing.to_owned(),
        (_, "person") => "people".to_owned(),
        _ => format!("{thing}s"),
    };
    format!("{out} {plural}")
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_read_well() {
        for (count, words) in [(0, "0 grants"), (1, "1 grant"), (999, "999 grants"), (1240, "1 240 grants")] {
            assert_eq!(amount(count, "grant"), words);
        }
        assert_eq!(amount(1_234_567, "person"), "1 234 567 people");
    }
}
