//! `sallyport initial-token`

use clap::{Args, Subcommand};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::{CliError, Json, output, tenant::TenantArgs};
use crate::clients::initial_token::{self, InitialToken, InitialTokenId, NewInitialToken};

#[derive(Debug, Subcommand)]
pub(super) enum InitialTokenCommand {
    /// Make a token with which clients can register, and print it once.
    Create(CreateArgs),
    /// Show the tokens there are, without the tokens themselves.
    List(ListArgs),
    /// Take a token back. Clients that registered with it stay.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport initial-token create --tenant acme --note \"for the build farm\" --config FILE
  sallyport initial-token create --tenant acme --uses 20 --expires-in 7d --json --config FILE

A tenant asks for such a token if `sallyport apply` gave it registration = \"initial_access_token\". A client presents \
it when it registers: Authorization: Bearer TOKEN.")]
pub(super) struct CreateArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    /// How many clients can register with it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    uses: u16,
    /// For how long: minutes, hours or days, such as 30m, 24h or 7d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = life)]
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
  sallyport initial-token list --tenant acme --config FILE")]
pub(super) struct ListArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sallyport initial-token revoke 09f3c1a2b4d5 --tenant acme --config FILE")]
pub(super) struct RevokeArgs {
    /// The token's id, as `initial-token list` has it.
    id: String,
    #[command(flatten)]
    tenant: TenantArgs,
}

pub(super) async fn run(command: InitialTokenCommand) -> Result<(), CliError> {
    match command {
        InitialTokenCommand::Create(args) => create(args).await,
        InitialTokenCommand::List(args) => list(args).await,
        InitialTokenCommand::Revoke(args) => revoke(args).await,
    }
}

/// A new token for programs.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    made: &'a InitialToken,
    token: &'a str,
}

async fn create(args: CreateArgs) -> Result<(), CliError> {
    let opened = args.tenant.open("initial-token create").await?;
    let keyring = opened.installation.keyring()?;
    opened.store.check_keys(&keyring, &opened.installation.recorder()).await?;
    let new = NewInitialToken { uses: args.uses, life: args.expires_in, note: args.note };
    let mut tx = opened.tx().await?;
    let (token, made) = initial_token::create(&mut tx, &opened.installation.recorder(), &keyring, new).await?;
    tx.commit().await?;
    opened.close().await?;
    if args.json.json {
        return output::json(&Printed { made: &made, token: token.expose() });
    }
    let (uses, until) = (uses(made.uses_left), until(made.expires_at));
    output::line(format_args!("made the initial access token {} in {}: {uses}, {until}", made.id, args.tenant.slug))?;
    output::line(format_args!("token: {}   (shown this once)", token.expose()))
}

async fn list(args: ListArgs) -> Result<(), CliError> {
    let opened = args.tenant.open("initial-token list").await?;
    let mut tx = opened.tx().await?;
    let tokens = initial_token::list(&mut tx).await?;
    tx.commit().await?;
    let now = opened.installation.clock.now();
    opened.close().await?;
    if args.json.json {
        return output::json(&tokens);
    }
    if tokens.is_empty() {
        return output::line(format_args!("{} has no initial access tokens", args.tenant.slug));
    }
    let row = |token: &InitialToken| {
        let over = token.expires_at.is_some_and(|at| at <= now);
        let until = if over { "expired".to_owned() } else { until(token.expires_at) };
        [token.id.to_string(), uses(token.uses_left), until, token.note.clone()]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    output::table(&rows.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())
}

async fn revoke(args: RevokeArgs) -> Result<(), CliError> {
    let id = InitialTokenId::parse(&args.id)?;
    let opened = args.tenant.open_to_take_away("initial-token revoke").await?;
    let mut tx = opened.tx().await?;
    initial_token::revoke(&mut tx, &opened.installation.recorder(), &id).await?;
    tx.commit().await?;
    opened.close().await?;
    output::line(format_args!("took back the initial access token {id} in {}", args.tenant.slug))
}

fn uses(left: i32) -> String {
    match left {
        0 => "used up".to_owned(),
        1 => "1 use".to_owned(),
        more => format!("{more} uses"),
    }
}

fn until(end: Option<OffsetDateTime>) -> String {
    end.map_or_else(|| "no end".to_owned(), |end| format!("until {}", output::minute(end)))
}

/// `30m`, `24h`, `7d`.
pub(super) fn life(text: &str) -> Result<Duration, String> {
    let unit = match text.chars().last() {
        Some('m') => Duration::MINUTE,
        Some('h') => Duration::HOUR,
        Some('d') => Duration::DAY,
        _ => return Err("a number and m, h or d, such as 24h".to_owned()),
    };
    let number = text.get(..text.len() - 1).and_then(|number| number.parse::<u16>().ok());
    number.map(|number| unit * number).ok_or_else(|| "a whole number before m, h or d, such as 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_a_number_and_a_unit() {
        assert_eq!(life("90m"), Ok(Duration::minutes(90)));
        assert_eq!(life("24h"), Ok(Duration::DAY));
        assert_eq!(life("7d"), Ok(Duration::WEEK));
        for wrong in ["", "h", "24", "24 h", "-1h", "1.5h", "1w", "70000d", "1ä", "äh"] {
            assert!(life(wrong).is_err(), "{wrong:?}");
        }
    }
}
