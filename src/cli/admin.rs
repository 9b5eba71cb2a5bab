//! `sallyport admin`

use clap::{Args, Subcommand};

use super::{CliError, Installation, Json, Place, password::PasswordArgs, person::print_link};
use crate::people::{Username, platform};

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Make an administrator of the platform, who looks after tenants, with a password.
    Create(CreateArgs),
    /// Make one, and a link by which she sets her password.
    Invite(InviteArgs),
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

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport admin invite ada --config /etc/sallyport/sallyport.toml

The link can be used once, within seven days, by whoever has it: send it to nobody else. Nobody but she knows her password then.")]
pub(super) struct InviteArgs {
    /// The name at login.
    username: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: AdminCommand) -> Result<(), CliError> {
    match command {
        AdminCommand::Create(args) => create(args).await,
        AdminCommand::Invite(args) => invite(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<(), CliError> {
    let username = Username::parse(&args.username)?;
    let installation = Installation::open(&args.place, "admin create").await?;
    let store = installation.store().await?;
    let password = args.password.read(&installation).await?;
    let recorder = installation.recorder();
    let keyring = installation.keyring()?;
    store.check_keys(&keyring, &recorder).await?;
    let tools = (&recorder, &keyring);
    let (tx, _) = platform::place(store.platform_tx().await?, tools).await?;
    let tx = platform::create_administrator(tx, &recorder, username.clone(), password.hash.clone()).await?;
    tx.commit().await?;
    store.close().await;
    installation.close().await?;
    password.print(&format!("made the administrator {username}"), username.as_str(), args.json)
}

async fn invite(args: InviteArgs) -> Result<(), CliError> {
    let username = Username::parse(&args.username)?;
    let installation = Installation::open(&args.place, "admin invite").await?;
    let store = installation.store().await?;
    let recorder = installation.recorder();
    let keyring = installation.keyring()?;
    store.check_keys(&keyring, &recorder).await?;
    let tools = (&recorder, &keyring);
    let (tx, place) = platform::place(store.platform_tx().await?, tools).await?;
    let (tx, link) = platform::invite_administrator(tx, tools, &username).await?;
    tx.commit().await?;
    let public_url = installation.config.public_url.clone();
    store.close().await;
    installation.close().await?;
    let made = format!("made the administrator {username}");
    print_link((&public_url, place.slug.as_str()), &username, &link, &made, args.json)
}
