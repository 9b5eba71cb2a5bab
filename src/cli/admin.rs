//! `sallyport admin`

use clap::{Args, Subcommand};

use super::{CliError, Installation, Json, Place, password::PasswordArgs};
use crate::people::{Username, create_administrator};

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Make an administrator of the platform. There is no console for the platform yet: in that of a tenant its own administrators log in.
    Create(CreateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport admin create ada --config /etc/sallyport/sallyport.toml
  pass show sallyport/ada | sallyport admin create ada --password-file - --config FILE")]
pub(super) struct CreateArgs {
    /// The name at login.
    username: String,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(AdminCommand::Create(args): AdminCommand) -> Result<(), CliError> {
    let username = Username::parse(&args.username)?;
    let installation = Installation::open(&args.place, "admin create").await?;
    let store = installation.store().await?;
    let password = args.password.read(&installation).await?;
    let mut tx = store.platform_tx().await?;
    create_administrator(&mut tx, &installation.recorder(), username.clone(), password.hash.clone()).await?;
    tx.commit().await?;
    store.close().await;
    installation.close().await?;
    password.print(&format!("made the administrator {username}"), username.as_str(), args.json)
}
