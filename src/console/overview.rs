//! The first page: numbers, and what needs attention.

use axum::response::Response;
use http::StatusCode;

use super::{Desk, attention, tenants, usage};
use crate::{
    http::{
        pages::Unit,
        pages::console::{OverviewPage, Tile},
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
        let lines = usage::lines(&desk, &mut tx).await?;
        let attention = attention::of(&desk, &mut tx, &counts).await?;
        Ok::<_, StoreError>((vec![hours, days], lines, usage::servers(&desk, &mut tx).await?, attention))
    };
    let (charts, lines, servers, attention) = charts.await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page =
        OverviewPage { frame: desk.frame(), tiles: tiles(&desk, &counts), attention, charts, lines, servers, lately };
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

pub(super) fn amount(count: i64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}
