//! `sallyport person`

use clap::{Args, Subcommand};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    CliError, Json, output,
    password::PasswordArgs,
    tenant::{Opened, TenantArgs},
};
use crate::{
    cluster,
    config::PublicUrl,
    people::{
        self, NewPerson, Username,
        link::{self, Link, LinkPurpose},
        second::reset,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum PersonCommand {
    /// Make a person, who can then log in.
    Create(CreateArgs),
    /// Make a person, and a link by which she sets her password.
    Invite(InviteArgs),
    /// Make a link by which a person sets another password.
    ResetLink(ResetLinkArgs),
    /// Keep a person out: sessions end, and tokens stop working.
    Disable(DisableArgs),
    /// Take away the second factor of a person who lost it: sessions end.
    ResetFactors(ResetFactorsArgs),
    /// Give a person another password: sessions end.
    Password(PasswordCommandArgs),
    /// Delete what is personal of somebody who was disabled, in the audit log too.
    Erase(EraseArgs),
}

#[derive(Debug, Args)]
struct Who {
    /// The name at login.
    username: String,
    #[command(flatten)]
    tenant: TenantArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport person create ada --tenant acme --name \"Ada Lovelace\" --config FILE
  pass show acme/ada | sallyport person create ada --tenant acme --password-file - --config FILE")]
pub(super) struct CreateArgs {
    #[command(flatten)]
    who: Who,
    /// The name on pages.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport person invite ada --tenant acme --name \"Ada Lovelace\" --config FILE

The link can be used once, within seven days, by whoever has it: send it to nobody else. Nobody but she knows her password then.")]
pub(super) struct InviteArgs {
    #[command(flatten)]
    who: Who,
    /// The name on pages.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport person reset-link ada --tenant acme --config FILE

The link can be used once, within an hour, by whoever has it; a link from before cannot be used any more. The old password works until \
then. Be sure that it is she who asks.")]
pub(super) struct ResetLinkArgs {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport person disable ada --tenant acme --config FILE

`sallyport apply` with enabled = true lets the person in again.")]
pub(super) struct DisableArgs {
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport person reset-factors ada --tenant acme --config FILE

The password alone lets the person in then, until another second factor is set up; where the tenant wants one, that is at the next \
login. Be sure that it is she who asks.")]
pub(super) struct ResetFactorsArgs {
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport person password ada --tenant acme --config FILE
  sallyport person password ada --tenant acme --password-file new.txt --config FILE")]
pub(super) struct PasswordCommandArgs {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport person disable ada --tenant acme --config FILE
  sallyport person erase ada --tenant acme --config FILE

The name, the password and all values of audit events that are hers are deleted, and cannot be brought back. Events stay, and \
so does the tree over them: they have her id, and commitments that say nothing without the values. Exports that were made \
before, backups and the upstreams' own data are not touched.")]
pub(super) struct EraseArgs {
    #[command(flatten)]
    who: Who,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(command: PersonCommand) -> Result<(), CliError> {
    match command {
        PersonCommand::Create(args) => create(args).await,
        PersonCommand::Invite(args) => invite(args).await,
        PersonCommand::ResetLink(args) => reset_link(args).await,
        PersonCommand::Disable(args) => disable(args).await,
        PersonCommand::ResetFactors(args) => reset_factors(args).await,
        PersonCommand::Password(args) => set_password(args).await,
        PersonCommand::Erase(args) => erase(args).await,
    }
}

impl Who {
    async fn open(&self, command: &'static str) -> Result<(Opened, Username), CliError> {
        let username = Username::parse(&self.username)?;
        Ok((self.tenant.open(command).await?, username))
    }
}

async fn create(args: CreateArgs) -> Result<(), CliError> {
    let (opened, username) = args.who.open("person create").await?;
    let password = args.password.read(&opened.installation).await?;
    let mut tx = opened.tx().await?;
    let new = NewPerson { username: username.clone(), display_name: args.name, password: Some(password.hash.clone()) };
    people::create(&mut tx, &opened.installation.recorder(), new).await?;
    tx.commit().await?;
    opened.close().await?;
    password.print(&format!("made {username} in {}", args.who.tenant.slug), username.as_str(), args.json)
}

async fn invite(args: InviteArgs) -> Result<(), CliError> {
    let (opened, username) = args.who.open("person invite").await?;
    let new = NewPerson { username: username.clone(), display_name: args.name, password: None };
    let made = format!("made {username} in {}", args.who.tenant.slug);
    make_link(opened, (Some(new), username, LinkPurpose::Invitation), &args.who, &made, args.json).await
}

async fn reset_link(args: ResetLinkArgs) -> Result<(), CliError> {
    let (opened, username) = args.who.open("person reset-link").await?;
    let made = format!("made a link for {username} in {}", args.who.tenant.slug);
    make_link(opened, (None, username, LinkPurpose::Reset), &args.who, &made, args.json).await
}

/// A link for programs.
#[derive(Serialize)]
struct PrintedLink<'a> {
    username: &'a str,
    link: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
}

/// Makes a person if that is asked for, and a link, and prints it.
async fn make_link(
    opened: Opened,
    (new, username, purpose): (Option<NewPerson>, Username, LinkPurpose),
    who: &Who,
    made: &str,
    json: Json,
) -> Result<(), CliError> {
    let (recorder, keyring) = (opened.installation.recorder(), opened.installation.keyring()?);
    opened.store.check_keys(&keyring, &recorder).await?;
    let mut tx = opened.tx().await?;
    if let Some(new) = new {
        people::create(&mut tx, &recorder, new).await?;
    }
    let link = link::make(&mut tx, (&recorder, &keyring), &username, purpose).await?;
    tx.commit().await?;
    let public_url = opened.installation.config.public_url.clone();
    opened.close().await?;
    print_link((&public_url, &who.tenant.slug), &username, &link, made, json)
}

/// Prints a link: the only time it is shown.
pub(super) fn print_link(
    (public_url, tenant): (&PublicUrl, &str),
    username: &Username,
    link: &Link,
    made: &str,
    json: Json,
) -> Result<(), CliError> {
    let url = Zeroizing::new(format!("{}/t/{tenant}/link?link={}", public_url.as_str(), link.handle.expose()));
    if json.json {
        let until = link.expires_at;
        return output::json(&PrintedLink { username: username.as_str(), link: &url, until });
    }
    output::line(made)?;
    let until = output::minute(link.expires_at);
    output::line(format_args!("until {until}, once, by whoever has it (shown this once):"))?;
    output::line(format_args!("  {}", url.as_str()))
}

async fn reset_factors(args: ResetFactorsArgs) -> Result<(), CliError> {
    let (opened, username) = args.who.open("person reset-factors").await?;
    let mut tx = opened.tx().await?;
    let (_, had) = reset::all(&mut tx, &opened.installation.recorder(), &username).await?;
    tx.commit().await?;
    let place = &args.who.tenant.slug;
    let done = if had { "took away the second factor of" } else { "there is no second factor of" };
    let done = format!("{done} {username} in {place}");
    opened.close().await?;
    output::line(done)
}

async fn disable(args: DisableArgs) -> Result<(), CliError> {
    let username = Username::parse(&args.who.username)?;
    let opened = args.who.tenant.open_to_take_away("person disable").await?;
    let mut tx = opened.tx().await?;
    let ticket = people::disable(&mut tx, &opened.installation.recorder(), &username).await?;
    tx.commit().await?;
    cluster::settle_elsewhere(&opened.store, Some(ticket)).await?;
    let done = format!("disabled {username} in {}", args.who.tenant.slug);
    opened.close().await?;
    output::line(done)
}

async fn erase(args: EraseArgs) -> Result<(), CliError> {
    let username = Username::parse(&args.who.username)?;
    let place = &args.who.tenant.slug;
    if !args.yes {
        output::confirm(&format!("All that is personal of {username} in {place} will be deleted for ever.\n"))?;
    }
    let opened = args.who.tenant.open_to_take_away("person erase").await?;
    let mut tx = opened.tx().await?;
    let values = people::erase(&mut tx, &opened.installation.recorder(), &username).await?;
    tx.commit().await?;
    let done = format!("erased {username} in {place}, and {} of events", output::amount(values, "value"));
    opened.close().await?;
    output::line(done)
}

async fn set_password(args: PasswordCommandArgs) -> Result<(), CliError> {
    let (opened, username) = args.who.open("person password").await?;
    let password = args.password.read(&opened.installation).await?;
    let mut tx = opened.tx().await?;
    people::set_password(&mut tx, &opened.installation.recorder(), &username, &password.hash).await?;
    tx.commit().await?;
    opened.close().await?;
    let done = format!("{username} in {} has another password", args.who.tenant.slug);
    password.print(&done, username.as_str(), args.json)
}
