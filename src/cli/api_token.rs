//! `sallyport api-token`

use clap::{Args, Subcommand};
use serde::Serialize;
use time::Duration;

use super::{CliError, Json, initial_token::life, output, tenant::TenantArgs};
use crate::{
    api::token::{self, ApiToken, NewApiToken},
    people::Username,
};

#[derive(Debug, Subcommand)]
pub(super) enum ApiTokenCommand {
    /// Make a token that acts for an administrator or an auditor, and print it once.
    Create(CreateArgs),
    /// Show the tokens there are, without the tokens themselves.
    List(ListArgs),
    /// Take a token back.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport api-token create --tenant acme --person ada --right clients:approve --config FILE
  sallyport api-token create --tenant acme --person vera --right '*:read' --config FILE

A right is PAGE:ACTION; \"read\" is listing and showing, and * is any. No * covers what the console asks for a fresh login for: \
name it, such as clients:suspend. The token never does more than the person may do when it is used.")]
pub(super) struct CreateArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    /// For whom it acts, by the name at login.
    #[arg(long, value_name = "USERNAME")]
    person: String,
    /// What it may be used for; once for each right.
    #[arg(long = "right", value_name = "RIGHT", required = true)]
    rights: Vec<String>,
    /// For how long: minutes, hours or days, such as 30m, 24h or 7d; 365d at most.
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = life)]
    expires_in: Duration,
    /// What it is for. Shown in lists.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport api-token list --tenant acme --config FILE")]
pub(super) struct ListArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport api-token revoke 019c1f2e-7a10-7b3c-9d50-6b1f0a9be6c2 --tenant acme --config FILE")]
pub(super) struct RevokeArgs {
    /// The token's id, as `api-token list` has it.
    id: String,
    #[command(flatten)]
    tenant: TenantArgs,
}

pub(super) async fn run(command: ApiTokenCommand) -> Result<(), CliError> {
    match command {
        ApiTokenCommand::Create(args) => create(args).await,
        ApiTokenCommand::List(args) => list(args).await,
        ApiTokenCommand::Revoke(args) => revoke(args).await,
    }
}

/// A new token for programs.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    made: &'a ApiToken,
    token: &'a str,
}

async fn create(args: CreateArgs) -> Result<(), CliError> {
    let person = Username::parse(&args.person)?;
    let opened = args.tenant.open("api-token create").await?;
    let (recorder, keyring) = (opened.installation.recorder(), opened.installation.keyring()?);
    opened.store.check_keys(&keyring, &recorder).await?;
    let new = NewApiToken { person, rights: args.rights, life: args.expires_in, note: args.note };
    let mut tx = opened.tx().await?;
    let (handle, made) = token::create(&mut tx, (&recorder, &keyring), new).await?;
    tx.commit().await?;
    opened.close().await?;
    if args.json.json {
        return output::json(&Printed { made: &made, token: handle.expose() });
    }
    let (until, rights) = (output::minute(made.expires_at), made.rights.join(" "));
    let (id, slug) = (made.id, &args.tenant.slug);
    output::line(format_args!("made the token {id} for {} in {slug}: {rights}, until {until}", made.person))?;
    output::line(format_args!("token: {}   (shown this once)", handle.expose()))
}

async fn list(args: ListArgs) -> Result<(), CliError> {
    let opened = args.tenant.open("api-token list").await?;
    let mut tx = opened.tx().await?;
    let tokens = token::list(&mut tx).await?;
    tx.commit().await?;
    let now = opened.installation.clock.now();
    opened.close().await?;
    if args.json.json {
        return output::json(&tokens);
    }
    if tokens.is_empty() {
        return output::line(format_args!("{} has no tokens of the admin API", args.tenant.slug));
    }
    let row = |token: &ApiToken| {
        let until = match token.revoked_at {
            Some(_) => "taken back".to_owned(),
            None if token.expires_at <= now => "expired".to_owned(),
            None => format!("until {}", output::minute(token.expires_at)),
        };
        let used =
            token.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", output::minute(at)));
        [token.id.to_string(), token.person.clone(), token.rights.join(" "), until, used, token.note.clone()]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    output::table(&rows.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())
}

async fn revoke(args: RevokeArgs) -> Result<(), CliError> {
    let id = token::parse_id(&args.id)?;
    let opened = args.tenant.open_to_take_away("api-token revoke").await?;
    let mut tx = opened.tx().await?;
    token::revoke(&mut tx, &opened.installation.recorder(), id).await?;
    tx.commit().await?;
    opened.close().await?;
    output::line(format_args!("took back the token {id} in {}", args.tenant.slug))
}
