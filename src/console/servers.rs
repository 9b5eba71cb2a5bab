//! Published MCP servers.

mod change;
mod edit;
mod probe;
mod show;

use axum::response::Response;
use http::StatusCode;

pub(super) use change::{ask_disable, ask_enable, ask_remove, disable, enable, remove};
pub(super) use edit::{ask_edit, ask_new, create, edit};
pub(super) use probe::{accept, ask_probe, probe};
pub(super) use show::show;

use super::{
    Desk,
    list::{Head, Wanted},
};
use crate::{
    access::{Action, Page},
    http::{
        pages::console::{Cell, ListPage, Row, Tone, Way},
        trouble::Trouble,
    },
    store::{
        StoreError, TenantTx,
        overview::{self, ServerCounts},
        tenants::{self, ServerRow},
    },
};

const HEADS: &[Head] = &[
    Head::by("Server", "name"),
    Head::of("State"),
    Head::of("Upstream"),
    Head::number("Tools and more", "items"),
    Head::number("Grants", "grants"),
];

/// `GET …/servers`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, &[], "name")?;
    let mut tx = desk.tx().await?;
    let mut found = listed(&mut tx).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let q = wanted.q.to_lowercase();
    found.retain(|(row, _)| {
        [&row.name, &row.slug, &row.upstream_url].into_iter().any(|text| text.to_lowercase().contains(&q))
    });
    match wanted.sort {
        "items" => found.sort_by_key(|(_, counts)| counts.items),
        "grants" => found.sort_by_key(|(_, counts)| counts.grants),
        _ => found.sort_by_key(|(row, _)| row.name.to_lowercase()),
    }
    if wanted.down {
        found.reverse();
    }
    let row = |(row, counts): (ServerRow, ServerCounts)| Row {
        cells: vec![
            Cell::Link { href: at(&desk, &row.slug), text: row.name, hint: row.slug },
            state(&row.status),
            Cell::Code(without_query(&row.upstream_url)),
            Cell::Number(counts.items),
            Cell::Number(counts.grants),
        ],
    };
    let limit = usize::try_from(wanted.limit()).unwrap_or_default();
    let skip = usize::try_from(wanted.offset()).unwrap_or_default();
    let rows = found.into_iter().skip(skip).take(limit).map(row).collect();
    let mut page = ListPage {
        lead: "MCP servers that people reach through Sallyport.".to_owned(),
        empty: "There is no server yet. Add one by its address: Sallyport asks it what it offers.".to_owned(),
        ..wanted.page(&desk, HEADS, "Name or address", rows)
    };
    if desk.may(Page::Servers, Action::Create) {
        page.actions.push(Way::new("Add a server", desk.at("servers/-/new")).primary());
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn listed(tx: &mut TenantTx) -> Result<Vec<(ServerRow, ServerCounts)>, StoreError> {
    let counts = overview::of_servers(tx).await?;
    let of = |row: &ServerRow| counts.iter().find(|counts| counts.server == row.id).copied();
    let rows = tenants::servers(tx).await?;
    Ok(rows.into_iter().filter_map(|row| of(&row).map(|counts| (row, counts))).collect())
}

/// The page of a server.
pub(super) fn at(desk: &Desk, slug: &str) -> String {
    desk.at(&format!("servers/{slug}"))
}

/// The server that the address names. Removed ones are not there.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<ServerRow, Trouble> {
    let rows = tenants::servers(tx).await.map_err(|error| desk.visit.fault(error))?;
    rows.into_iter().find(|row| row.slug == desk.object).ok_or_else(|| desk.nothing("server"))
}

fn state(status: &str) -> Cell {
    match status {
        "active" => Cell::state("Published", Tone::Good),
        _ => Cell::state("Disabled", Tone::Stopped),
    }
}

/// A query may hold a key.
fn without_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(head, _)| format!("{head}?\u{2026}"))
}
