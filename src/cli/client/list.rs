//! `sallyport client list`

use serde::Serialize;
use time::OffsetDateTime;

use super::ListArgs;
use crate::{
    cli::{CliError, Installation, output},
    clients::{Status, software::Software},
    http::{pages::display_text, words::ago},
    store::{
        Store,
        clients::standing::{self, Listed},
        tenants::TenantRow,
    },
};

/// The longest name in a table, in characters. Clients choose theirs.
const NAME: usize = 40;

/// A client for programs.
#[derive(Serialize)]
struct Printed<'a> {
    tenant: &'a str,
    client_id: &'a str,
    client_name: &'a str,
    status: &'static str,
    origin: &'static str,
    software: String,
    redirect_uris: Vec<&'a str>,
    #[serde(with = "time::serde::rfc3339")]
    registered: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used: Option<OffsetDateTime>,
    grants: i64,
}

/// A line of the table: a client, or several of one software with the same status.
struct Line<'a> {
    tenant: &'a str,
    newest: &'a Listed,
    software: Software,
    count: usize,
    grants: i64,
    last_used: Option<OffsetDateTime>,
}

pub(super) async fn run(args: ListArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "client list").await?;
    let store = installation.store().await?;
    let now = installation.clock.now();
    let mut rows = Vec::new();
    for tenant in args.tenants.find(&store).await? {
        rows.extend(listed(&store, &tenant, args.pending).await?);
    }
    store.close().await;
    installation.close().await?;
    if args.json.json {
        return output::json(&rows.iter().map(|(tenant, row)| printed(tenant, row)).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        let which = if args.pending { "client waits for an approval" } else { "client" };
        return output::line(format_args!("no {which} in {}", args.tenants.place()));
    }
    table(&lines(&rows, args.all), now)
}

async fn listed(store: &Store, tenant: &TenantRow, pending: bool) -> Result<Vec<(String, Listed)>, CliError> {
    let mut tx = store.tenant_tx(tenant.id).await?;
    let rows = standing::all(&mut tx).await?;
    tx.commit().await?;
    let rows = rows.into_iter().filter(|row| !pending || row.client.status == Status::Pending);
    Ok(rows.map(|row| (tenant.slug.clone(), row)).collect())
}

/// In the order in which the first of each software registered.
fn lines(rows: &[(String, Listed)], all: bool) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (tenant, row) in rows {
        let software = Software::of(&row.client.metadata);
        let key = (tenant.as_str(), software, row.client.status.name(), row.client.origin.name());
        let known = places.get(&key).filter(|_| !all).and_then(|place: &usize| lines.get_mut(*place));
        match known {
            Some(line) => {
                line.newest = row;
                line.count += 1;
                line.grants += row.grants;
                line.last_used = line.last_used.max(row.client.last_used_at);
            }
            None => {
                places.insert(key, lines.len());
                let (grants, last_used) = (row.grants, row.client.last_used_at);
                lines.push(Line { tenant, newest: row, software, count: 1, grants, last_used });
            }
        }
    }
    lines
}

fn printed<'a>(tenant: &'a str, Listed { client, grants }: &'a Listed) -> Printed<'a> {
    Printed {
        tenant,
        client_id: client.id.as_str(),
        client_name: client.name(),
        status: word(client.status),
        origin: client.origin.name(),
        software: Software::of(&client.metadata).to_string(),
        redirect_uris: client.metadata.redirect_uris.iter().map(|uri| uri.as_str()).collect(),
        registered: client.created_at,
        last_used: client.last_used_at,
        grants: *grants,
    }
}

/// The status in the words of the commands.
pub(super) const fn word(status: Status) -> &'static str {
    match status {
        Status::Disabled => "suspended",
        other => other.name(),
    }
}

fn table(lines: &[Line<'_>], now: OffsetDateTime) -> Result<(), CliError> {
    let head = ["CLIENT", "TENANT", "NAME", "STATUS", "SOFTWARE", "NEWEST", "LAST USED", "GRANTS"];
    let cells = |line: &Line<'_>| {
        let client = &line.newest.client;
        let name = display_text(client.name(), NAME);
        [
            client.id.to_string(),
            line.tenant.to_owned(),
            if line.count > 1 { format!("{name} \u{d7}{}", line.count) } else { name },
            word(client.status).to_owned(),
            line.software.to_string(),
            ago(now, client.created_at),
            line.last_used.map_or_else(|| "never".to_owned(), |at| ago(now, at)),
            line.grants.to_string(),
        ]
    };
    let cells: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(lines.iter().map(cells)).collect();
    output::table(&cells.iter().map(|row| row.each_ref().map(String::as_str)).collect::<Vec<_>>())
}
