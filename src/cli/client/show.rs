//! `sallyport client show`

use serde::Serialize;
use time::OffsetDateTime;

use super::{ShowArgs, list::word};
use crate::{
    cli::{CliError, output},
    clients::{
        AuthMethod, Client, Metadata, Origin, Status, metadata::WebUri, redirect::RedirectUri, software::Software,
        standing::Suspension, statement::vouched_by,
    },
    http::pages::display_text,
    store::{
        StoreError,
        clients::standing::{self, Listed},
    },
    tenants::Settings,
};

/// The longest text of a client's own choice, in characters.
const TEXT: usize = 300;

/// A client for programs.
#[derive(Serialize)]
struct Printed<'a> {
    tenant: &'a str,
    client_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    suspended: Option<OffsetDateTime>,
    origin: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    registered: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used: Option<OffsetDateTime>,
    grants: i64,
    software: String,
    registrations: usize,
    remembered: bool,
    vouched_by: Option<String>,
    metadata: &'a Metadata,
}

pub(super) async fn run(args: ShowArgs) -> Result<(), CliError> {
    let chosen = args.which.open("client show").await?;
    let settings: Settings = serde_json::from_value(chosen.tenant.settings.clone()).map_err(StoreError::corrupt)?;
    let mut tx = chosen.tx().await?;
    let all = standing::all(&mut tx).await?;
    let suspension = standing::suspension(&mut tx, &chosen.id).await?;
    let found = all.iter().find(|row| row.client.id == chosen.id);
    let Listed { client, grants } = found.ok_or_else(|| CliError::NoClient(chosen.id.to_string()))?;
    let software = Software::of(&client.metadata);
    let remembered = standing::is_remembered(&mut tx, software).await?;
    tx.commit().await?;
    let slug = chosen.tenant.slug.clone();
    chosen.close().await?;
    let printed = Printed {
        tenant: &slug,
        client_id: client.id.as_str(),
        status: word(client.status),
        reason: suspension.as_ref().and_then(|suspension| suspension.reason.as_deref()),
        suspended: suspension.as_ref().and_then(|Suspension { since, .. }| *since),
        origin: client.origin.name(),
        registered: client.created_at,
        last_used: client.last_used_at,
        grants: *grants,
        software: software.to_string(),
        registrations: all.iter().filter(|row| Software::of(&row.client.metadata) == software).count(),
        remembered,
        vouched_by: vouched_by(&client.metadata, &settings),
        metadata: &client.metadata,
    };
    if args.json.json {
        return output::json(&printed);
    }
    lines(client, &printed)
}

fn lines(client: &Client, printed: &Printed<'_>) -> Result<(), CliError> {
    let shown = |text: &str| display_text(text, TEXT);
    let came = match client.origin {
        Origin::Registered => "by itself",
        Origin::Configured => "by `sallyport apply`",
        Origin::Document => "by its metadata document",
        Origin::Outside => "by a token of an outside issuer",
    };
    let status = match (client.status, printed.reason, printed.suspended) {
        (Status::Pending, ..) => "pending: it waits for `sallyport client approve`".to_owned(),
        (Status::Disabled, reason, since) => {
            let since = since.map_or_else(String::new, |at| format!(" since {}", output::minute(at)));
            let reason = reason.map_or_else(String::new, |reason| format!(": {}", shown(reason)));
            format!("suspended{since}{reason}")
        }
        (status, ..) => word(status).to_owned(),
    };
    let proves = match client.metadata.token_endpoint_auth_method {
        AuthMethod::None => "nothing: it is a public client",
        AuthMethod::PrivateKeyJwt => "itself, by a signature",
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => "itself, by a secret",
    };
    let uris: Vec<String> = client.metadata.redirect_uris.iter().map(|uri: &RedirectUri| shown(uri.as_str())).collect();
    let registrations = output::amount(printed.registrations as u64, "registration");
    let remembered = if printed.remembered { "; later ones are approved at once" } else { "" };
    let software = format!("{}, {registrations}{remembered}", printed.software);
    let rows = [
        ("client", Some(format!("{} in {}", client.id, printed.tenant))),
        ("name", Some(shown(client.name()))),
        ("status", Some(status)),
        ("came", Some(format!("{}, {came}", output::minute(client.created_at)))),
        ("last used", Some(client.last_used_at.map_or_else(|| "never".to_owned(), output::minute))),
        ("in force", Some(output::amount(printed.grants.unsigned_abs(), "grant"))),
        ("answers go to", Some(uris.join(" "))),
        ("proves", Some(proves.to_owned())),
        ("vouched for by", printed.vouched_by.as_deref().map(shown)),
        ("website", client.metadata.client_uri.as_ref().map(WebUri::as_str).map(shown)),
        ("software", Some(software)),
    ];
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect();
    output::table(&rows.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())
}
