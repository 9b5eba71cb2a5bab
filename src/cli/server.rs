//! `sallyport server`

use clap::Subcommand;

use super::{CliError, output};
use crate::secret::{Entropy, Handle, HandleKind};

#[derive(Debug, Subcommand)]
pub(super) enum ServerCommand {
    /// Print a fresh secret with which a server asks about tokens, for a file that `sallyport apply` reads. It is kept nowhere.
    #[command(after_help = "\
Example:
  (umask 077; sallyport server secret > notes.secret)
and in the file of `sallyport apply`:
  [[tenant.server]]
  slug = \"notes\"
  introspection_secret = { file = \"notes.secret\" }")]
    Secret,
}

pub(super) fn run(ServerCommand::Secret: &ServerCommand) -> Result<(), CliError> {
    output::line(Handle::generate(HandleKind::ServerSecret, &Entropy::system())?.expose())
}
