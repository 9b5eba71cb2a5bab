//! `sallyport client`

mod change;
mod choice;
mod list;
mod show;

use clap::{Args, Subcommand};

use super::{CliError, Json, Place, output, tenant::TenantsArgs};
use crate::secret::{Entropy, Handle, HandleKind};

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Print a fresh client secret, for a file that `sallyport apply` reads. It is kept nowhere.
    #[command(after_help = "\
Example:
  (umask 077; sallyport client secret > web.secret)
and in the file of `sallyport apply`:
  [[tenant.client]]
  id = \"web\"
  auth_method = \"client_secret_basic\"
  secret = { file = \"web.secret\" }")]
    Secret,
    /// Show the clients there are. Registrations of one software are one line.
    List(ListArgs),
    /// Show one client.
    Show(ShowArgs),
    /// Allow a client that waits for it.
    Approve(ApproveArgs),
    /// Stop a client for now. Nothing of it is accepted any more when this returns, and nothing of it is lost.
    Suspend(SuspendArgs),
    /// Let a suspended client go on as it was.
    Resume(ResumeArgs),
    /// Remove a client that registered itself, with all that people granted it.
    Remove(RemoveArgs),
}

/// One client.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The client, by its client_id or a beginning of it that no other has.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    tenants: TenantsArgs,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport client list --config FILE
  sallyport client list --tenant acme --pending --config FILE
  sallyport client list --tenant acme --all --config FILE     each registration for itself

What makes clients one software is what they say of themselves (name, software_id, redirect URIs): any program can say the \
same.")]
pub(super) struct ListArgs {
    /// Only those that wait for an approval.
    #[arg(long)]
    pending: bool,
    /// Each registration for itself.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    tenants: TenantsArgs,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport client show c_019a0c --tenant acme --config FILE")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport client approve c_019a0c --tenant acme --config FILE
  sallyport client approve c_019a0c --remember --config FILE       and later registrations
  sallyport client approve c_019a0c --remember --unproved --config FILE

An approval lets the client ask people, no more: each of them is asked as always.
With --remember every client of the same name, software_id and redirect URIs is approved, now and later. That is safe \
where all redirect URIs are https addresses, since nobody else receives the answers. Programs on a person's own computer \
(loopback addresses, schemes) cannot prove which they are: for them --unproved must be said, too.
To suspend or remove a client of that software forgets it.")]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    which: Which,
    /// Approve whatever registers as the same software, too.
    #[arg(long)]
    remember: bool,
    /// Even if any program on a person's computer could say that it is this software.
    #[arg(long, requires = "remember")]
    unproved: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport client suspend c_019a0c --reason \"under review\" --tenant acme --config FILE

People who come with this client see the reason. It keeps its registration, its tokens and what people allowed it: \
`sallyport client resume` brings all of that back. Where registration is open, the same software can register anew under \
another id; to keep it out, let the tenant ask for approvals.")]
pub(super) struct SuspendArgs {
    #[command(flatten)]
    which: Which,
    /// Why, for people.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport client resume c_019a0c --tenant acme --config FILE")]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport client remove c_019a0c --tenant acme --config FILE

Says first what it takes away, and asks, unless --yes is given. Whoever uses the client adds the server again in it.")]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    which: Which,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(command: ClientCommand) -> Result<(), CliError> {
    match command {
        ClientCommand::Secret => output::line(Handle::generate(HandleKind::ClientSecret, &Entropy::system())?.expose()),
        ClientCommand::List(args) => list::run(args).await,
        ClientCommand::Show(args) => show::run(args).await,
        ClientCommand::Approve(args) => change::approve(args).await,
        ClientCommand::Suspend(args) => change::suspend(args).await,
        ClientCommand::Resume(args) => change::resume(args).await,
        ClientCommand::Remove(args) => change::remove(args).await,
    }
}
