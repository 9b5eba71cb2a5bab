//! The first page: numbers, and what needs attention.

use axum::response::Response;
use http::StatusCode;

use super::{Desk, tenants, usage};
use crate::{
    http::{
        pages::Unit,
        pages::console::{Attention, OverviewPage, Tile, Tone},
        trouble::Trouble,
    },
    store::{
        StoreError,
        overview::{self, Counts},
        usage::Whose,
    },
};

/// `GET /console/t/{tenant}`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    if desk.visit.tenant.platform {
        return tenants::overview(desk).await;
    }
    let now = desk.visit.app.clock.now();
    let mut tx = desk.tx().await?;
    let counts = overview::counts(&mut tx, now).await.map_err(|error| desk.visit.fault(error))?;
    let lately = super::audit::lately(&desk, &mut tx).await.map_err(|error| desk.visit.fault(error))?;
    let charts = async {
        let all = Whose::default();
        let hours = usage::chart(&desk, &mut tx, &all, (Unit::Hour, 24)).await?;
        let days = usage::chart(&desk, &mut tx, &all, (Unit::Day, 30)).await?;
        Ok::<_, StoreError>((vec![hours, days], usage::servers(&desk, &mut tx).await?))
    };
    let (charts, servers) = charts.await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page = OverviewPage {
        frame: desk.frame(),
        tiles: tiles(&desk, &counts),
        attention: attention(&desk, &counts),
        charts,
        servers,
        lately,
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn tiles(desk: &Desk, counts: &Counts) -> Vec<Tile> {
    let tile = |label: &str, value: i64, hint: String, page: &str| Tile {
        label: label.to_owned(),
        value: value.to_string(),
        hint,
        href: desk.at(page),
    };
    vec![
        tile("Grants in force", counts.grants, format!("of {}", amount(counts.granting, "person", "people")), "grants"),
        tile("Clients", counts.clients, format!("{} waiting", counts.pending), "clients"),
        tile(
            "People",
            counts.people,
            format!("{} logged in", amount(counts.sessions, "browser", "browsers")),
            "people",
        ),
        tile("Servers", counts.servers, "published".to_owned(), "servers"),
    ]
}

fn attention(desk: &Desk, counts: &Counts) -> Vec<Attention> {
    let mut items = Vec::new();
    let mut add = |words: String, verb: &str, page: &str, tone| {
        items.push(Attention { words, href: desk.at(page), verb: verb.to_owned(), tone });
    };
    if counts.pending > 0 {
        let words = format!("{} for an approval", amount(counts.pending, "client waits", "clients wait"));
        add(words, "Look at them", "clients?status=pending", Tone::Waits);
    }
    if counts.servers == 0 {
        add(
            "There is no server yet, so nobody can be given access to one".to_owned(),
            "Add a server",
            "servers/-/new",
            Tone::Waits,
        );
    }
    if counts.administrators == 1 {
        add(
            "There is only one administrator: nobody can let them in again".to_owned(),
            "Make another",
            "people",
            Tone::Plain,
        );
    }
    items
}

pub(super) fn amount(count: i64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}
