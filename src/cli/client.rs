//! `sallyport client`

use clap::Subcommand;

use super::{CliError, output};
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
}

pub(super) fn run(ClientCommand::Secret: &ClientCommand) -> Result<(), CliError> {
    output::line(Handle::generate(HandleKind::ClientSecret, &Entropy::system())?.expose())
}
