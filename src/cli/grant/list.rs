//! `sallyport grant list`

use serde::Serialize;
use time::OffsetDateTime;

use super::{ListArgs, choice::Chosen};
use crate::{
    cli::{CliError, Installation, output},
    http::{pages::display_text, words::ago},
    ids::GrantId,
    store::{
        Store,
        grants::many::{self, StandingRow},
    },
};

/// The longest name in a table, in characters. Clients choose theirs.
const NAME: usize = 40;

/// A grant for programs.
#[derive(Serialize)]
struct Printed<'a> {
    tenant: &'a str,
    id: GrantId,
    subject: &'a str,
    person: Option<&'a str>,
    client: &'a str,
    client_name: &'a str,
    server: &'a str,
    scopes: &'a [String],
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    last_token: Option<OffsetDateTime>,
    installations: i64,
}

pub(super) async fn run(args: ListArgs) -> Result<(), CliError> {
    args.choice.tenants.check()?;
    let installation = Installation::open(&args.place, "grant list").await?;
    let store = installation.store().await?;
    let now = installation.clock.now();
    let mut rows = Vec::new();
    for chosen in args.choice.find(&store).await? {
        rows.extend(standing(&store, &chosen, now).await?);
    }
    store.close().await;
    installation.close().await?;
    if args.json.json {
        return output::json(&rows.iter().map(|(tenant, row)| printed(tenant, row)).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return output::line(format_args!("no grant in force in {}", args.choice.tenants.place()));
    }
    table(&rows, now)
}

async fn standing(store: &Store, chosen: &Chosen, now: OffsetDateTime) -> Result<Vec<(String, StandingRow)>, CliError> {
    let mut tx = store.tenant_tx(chosen.tenant.id).await?;
    let rows = many::standing(&mut tx, &chosen.selection, now).await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|row| (chosen.tenant.slug.clone(), row)).collect())
}

fn printed<'a>(tenant: &'a str, row: &'a StandingRow) -> Printed<'a> {
    Printed {
        tenant,
        id: row.id,
        subject: &row.subject,
        person: row.person.as_deref(),
        client: &row.client,
        client_name: &row.client_name,
        server: &row.server,
        scopes: &row.scopes,
        since: row.created_at,
        last_token: row.last_token_at,
        installations: row.families,
    }
}

fn table(rows: &[(String, StandingRow)], now: OffsetDateTime) -> Result<(), CliError> {
    let head = ["GRANT", "TENANT", "WHO", "CLIENT", "NAME", "SERVER", "SCOPES", "SINCE", "LAST TOKEN", "INSTALLATIONS"];
    let cells = |(tenant, row): &(String, StandingRow)| {
        [
            row.id.to_string(),
            tenant.clone(),
            row.person.clone().unwrap_or_else(|| row.subject.clone()),
            row.client.clone(),
            display_text(&row.client_name, NAME),
            row.server.clone(),
            row.scopes.join(" "),
            ago(now, row.created_at),
            row.last_token_at.map_or_else(|| "-".to_owned(), |at| ago(now, at)),
            row.families.to_string(),
        ]
    };
    let cells: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    output::table(&cells.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())
}
