//! Tenants, as administrators of the platform look after them: names, states and numbers, and nothing of what is in them.

mod change;
mod new;

use axum::response::Response;
use http::StatusCode;
use time::OffsetDateTime;

pub(super) use change::{ask_disable, ask_edit, ask_enable, ask_remove, disable, edit, enable, remove};
pub(super) use new::{ask_link, ask_new, create, link};

use super::{
    Desk,
    list::{Choice, Head, Wanted},
    overview::amount,
};
use crate::{
    access::{Action, Page},
    http::{
        pages::{
            Chart, Point, Unit,
            console::{Attention, Cell, Fact, ListPage, OverviewPage, Row, Section, SheetPage, Tile, Tone, Way},
        },
        trouble::Trouble,
    },
    ids::Slug,
    store::{
        StoreError,
        overview::{self, Counts},
        platform::{Asked, CALLS_LATELY, ListedTenant},
    },
};

const HEADS: &[Head] = &[
    Head::by("Tenant", "name"),
    Head::of("State"),
    Head::number("People", "people"),
    Head::number("Servers", "servers"),
    Head::number("Clients", "clients"),
    Head::number("Calls in 30 days", "calls"),
    Head::by("Since", "created"),
];

const CHOICES: &[Choice] = &[Choice {
    name: "status",
    label: "State",
    options: &[("", "All but removed"), ("active", "Active"), ("disabled", "Disabled"), ("removed", "Removed")],
}];

fn since(desk: &Desk) -> OffsetDateTime {
    desk.visit.app.clock.now() - CALLS_LATELY
}

/// `GET …/tenants`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "name")?;
    let asked = Asked {
        like: wanted.pattern(),
        status: wanted.filter("status"),
        slug: None,
        sort: wanted.sort,
        down: wanted.down,
        limit: wanted.limit(),
        offset: wanted.offset(),
    };
    let found = desk.visit.app.store.listed_tenants(&asked, since(&desk)).await;
    let found = found.map_err(|error| desk.visit.fault(error))?;
    let now = desk.visit.app.clock.now();
    let row = |row: ListedTenant| Row {
        cells: vec![
            Cell::Link { href: at(&desk, &row.slug), hint: row.slug, text: row.name },
            state(&row.status),
            Cell::Number(row.people),
            Cell::Number(row.servers),
            Cell::Number(row.clients),
            Cell::Number(row.calls),
            Cell::time(now, row.created_at),
        ],
    };
    let rows = found.into_iter().map(row).collect();
    let mut page = ListPage {
        lead: "Each has its own people, servers and clients, and its own administrators, who alone see what is in it."
            .to_owned(),
        empty: "There is no tenant yet. Make one: its first administrator gets a link.".to_owned(),
        ..wanted.page(&desk, HEADS, "Name", rows)
    };
    if desk.may(Page::Tenants, Action::Create) {
        page.actions.push(Way::new("Make a tenant", desk.at("tenants/-/new")).primary());
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `GET …/tenants/{object}`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let row = named(&desk).await?;
    let way = |action, label: &str, verb: &str| {
        desk.may(Page::Tenants, action).then(|| Way::new(label, format!("{}/{verb}", at(&desk, &row.slug))))
    };
    let (mut actions, mut danger) = (Vec::new(), Vec::new());
    match row.status.as_str() {
        "active" => {
            actions.extend(way(Action::MakeLink, "Make a link for an administrator", "link"));
            actions.extend(way(Action::Edit, "Edit", "edit"));
            let hint = "Nobody logs in, no token of it is taken and no call reaches its servers, until somebody enables it. Nothing is lost.";
            danger.extend(way(Action::Disable, "Disable", "disable").map(|way| way.hint(hint)));
        }
        "disabled" => {
            actions.extend(way(Action::Enable, "Enable", "enable"));
            let hint = "Takes it away with its people, servers, clients and grants, for good. Its audit log stays.";
            danger.extend(way(Action::Remove, "Remove", "remove").map(|way| way.hint(hint)));
        }
        _ => {}
    }
    let public_url = desk.visit.app.config.public_url.as_str();
    let mut facts = facts(&row);
    facts.extend([
        Fact::new("Issuer", Cell::Code(format!("{public_url}/t/{}", row.slug))),
        Fact::new("Its console", Cell::Code(format!("{public_url}/console/t/{}", row.slug))),
        Fact::new("Since", Cell::time(desk.visit.app.clock.now(), row.created_at)),
    ]);
    let lead = match row.status.as_str() {
        "removed" => "It was removed. Its name in addresses is never used again, and its audit log stays.",
        "disabled" => "Nothing of it works: no login, no token, no call. It can be enabled again as it was.",
        _ => "",
    };
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Tenants", desk.at("tenants")),
        title: row.name.clone(),
        state: state(&row.status),
        lead: lead.to_owned(),
        facts,
        sections: Vec::new(),
        actions,
        danger,
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn facts(row: &ListedTenant) -> Vec<Fact> {
    vec![
        Fact::new("Name in addresses", Cell::Code(row.slug.clone())),
        Fact::new("People", Cell::Number(row.people)),
        Fact::new("Servers", Cell::Number(row.servers)),
        Fact::new("Clients", Cell::Number(row.clients)),
        Fact::new("Calls in 30 days", Cell::Number(row.calls)),
    ]
}

fn state(status: &str) -> Cell {
    match status {
        "active" => Cell::state("Active", Tone::Good),
        "disabled" => Cell::state("Disabled", Tone::Stopped),
        _ => Cell::state("Removed", Tone::Stopped),
    }
}

/// The page of a tenant.
fn at(desk: &Desk, slug: &str) -> String {
    desk.at(&format!("tenants/{slug}"))
}

/// The tenant that the address names.
async fn named(desk: &Desk) -> Result<ListedTenant, Trouble> {
    let slug = Slug::parse(&desk.object).map_err(|_| desk.nothing("tenant"))?;
    let found = desk.visit.app.store.listed_tenant(&slug, since(desk)).await;
    found.map_err(|error| desk.visit.fault(error))?.ok_or_else(|| desk.nothing("tenant"))
}

/// The first page of the platform's console.
pub(super) async fn overview(desk: Desk) -> Result<Response, Trouble> {
    let page = overview_page(&desk).await.map_err(|error| desk.visit.fault(error))?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn overview_page(desk: &Desk) -> Result<OverviewPage, StoreError> {
    let app = &desk.visit.app;
    let now = app.clock.now();
    let mut tx = app.store.tenant_tx(desk.visit.tenant.id).await?;
    let own = overview::counts(&mut tx, now).await?;
    let lately = super::audit::lately(desk, &mut tx).await?;
    let logs = super::attention::logs(desk, &mut tx).await?;
    tx.commit().await?;
    let asked = Asked { sort: "name", limit: i64::MAX, ..Asked::default() };
    let tenants = app.store.listed_tenants(&asked, since(desk)).await?;
    let mut charts = Vec::new();
    for (unit, bars) in [(Unit::Hour, 24), (Unit::Day, 30)] {
        let spans = app.store.platform_usage(unit.word(), unit.since(now, bars)).await?;
        let point = |span: &crate::store::usage::Span| Point {
            begins: span.begins,
            forwarded: span.forwarded,
            denied: span.denied,
        };
        charts.push(Chart::new(&spans.iter().map(point).collect::<Vec<_>>(), unit, bars, now));
    }
    Ok(OverviewPage {
        frame: desk.frame(),
        tiles: tiles(desk, &tenants, &own),
        attention: attention(desk, &tenants, &own).into_iter().chain(logs).collect(),
        charts,
        lines: Vec::new(),
        servers: Section::new("", ""),
        lately,
    })
}

fn tiles(desk: &Desk, tenants: &[ListedTenant], own: &Counts) -> Vec<Tile> {
    let tile = |label: &str, value: i64, hint: String, page: &str| Tile {
        label: label.to_owned(),
        value: value.to_string(),
        hint,
        href: desk.at(page),
    };
    let active: Vec<&ListedTenant> = tenants.iter().filter(|tenant| tenant.status == "active").collect();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let sum = |of: fn(&ListedTenant) -> i64| active.iter().map(|tenant| of(tenant)).sum::<i64>();
    let disabled = tenants.len() - active.len();
    vec![
        tile("Tenants", count(active.len()), format!("{disabled} disabled"), "tenants"),
        tile("People", sum(|tenant| tenant.people), "in all of them".to_owned(), "tenants?sort=-people"),
        tile("Servers", sum(|tenant| tenant.servers), "published".to_owned(), "tenants?sort=-servers"),
        tile("Administrators", own.administrators, "of the platform".to_owned(), "people"),
    ]
}

fn attention(desk: &Desk, tenants: &[ListedTenant], own: &Counts) -> Vec<Attention> {
    let mut items = Vec::new();
    let mut add = |words: String, verb: &str, page: &str, tone| {
        items.push(Attention { words, href: desk.at(page), verb: verb.to_owned(), tone });
    };
    if tenants.is_empty() {
        add("There is no tenant yet".to_owned(), "Make one", "tenants/-/new", Tone::Waits);
    }
    let without = tenants.iter().filter(|tenant| tenant.status == "active" && tenant.people == 0).count();
    if without > 0 {
        let n = i64::try_from(without).unwrap_or(i64::MAX);
        let words = format!("{} nobody in it who may log in", amount(n, "tenant has", "tenants have"));
        add(words, "Look at them", "tenants?sort=people", Tone::Waits);
    }
    if own.administrators == 1 {
        let words = "There is only one administrator of the platform: nobody can let them in again";
        add(words.to_owned(), "Make another", "people", Tone::Plain);
    }
    items
}
