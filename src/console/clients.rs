//! Clients: who registered, what they may do, and their standing.

mod change;
mod show;
pub(super) mod tokens;

use axum::response::Response;
use http::StatusCode;

pub(super) use change::{approve, ask_approve, ask_remove, ask_resume, ask_suspend, remove, resume, suspend};
pub(super) use show::show;

use super::{
    Desk,
    list::{Choice, Head, Wanted},
};
use crate::{
    access::{Action, Page},
    clients::{Client, Origin, Status},
    http::{
        pages::console::{Cell, ListPage, Row, Tone, Way},
        trouble::Trouble,
    },
    ids::ClientId,
    store::{
        TenantTx,
        clients::{self as rows, listed},
    },
};

const HEADS: &[Head] = &[
    Head::by("Client", "name"),
    Head::of("Status"),
    Head::of("How it came"),
    Head::by("Newest", "created"),
    Head::by("Last used", "used"),
    Head::number("Grants", "grants"),
];

const CHOICES: &[Choice] = &[
    Choice {
        name: "status",
        label: "Status",
        options: &[("", "Any"), ("pending", "Waits for approval"), ("active", "Active"), ("disabled", "Suspended")],
    },
    Choice {
        name: "origin",
        label: "How it came",
        options: &[
            ("", "Any"),
            ("registered", "By itself"),
            ("document", "By its document"),
            ("configured", "By an administrator"),
            ("outside", "By an outside issuer"),
        ],
    },
];

/// `GET …/clients`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "-created")?;
    let asked = listed::Asked {
        like: wanted.pattern(),
        status: wanted.filter("status"),
        origin: wanted.filter("origin"),
        sort: wanted.sort,
        down: wanted.down,
        limit: wanted.limit(),
        offset: wanted.offset(),
        each: false,
    };
    let mut tx = desk.tx().await?;
    let found = listed::page(&mut tx, &asked).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let now = desk.visit.app.clock.now();
    let row = |row: listed::ListedRow| Row {
        cells: vec![
            Cell::Link {
                href: at(&desk, &row.id),
                hint: if row.registrations > 1 { format!("\u{d7}{}", row.registrations) } else { String::new() },
                text: row.name,
            },
            Status::parse(&row.status).map_or(Cell::Nothing, state),
            Cell::Text(Origin::parse(&row.origin).map_or("", came).to_owned()),
            Cell::time(now, row.created_at),
            Cell::time_or(now, row.last_used_at, "never"),
            Cell::Number(row.grants),
        ],
    };
    let rows = found.into_iter().map(row).collect();
    let mut page = ListPage {
        lead: "Programs that may ask your people for access. Registrations that call themselves the same are one line.".to_owned(),
        empty: "No client has come yet. Give people the address of a server: their program registers itself when they add it there.".to_owned(),
        ..wanted.page(&desk, HEADS, "Name, id or address", rows)
    };
    if desk.may(Page::InitialTokens, Action::List) {
        page.actions.push(Way::new(Page::InitialTokens.name(), desk.at(Page::InitialTokens.slug())));
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// The page of a client.
pub(super) fn at(desk: &Desk, id: &ClientId) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_str().as_bytes()).collect();
    desk.at(&format!("clients/{id}"))
}

/// The client that the address names. Removed ones are not there.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<Client, Trouble> {
    let nothing = || desk.nothing("client");
    let id = ClientId::parse(&desk.object).map_err(|_| nothing())?;
    let client = rows::find(tx, &id).await.map_err(|error| desk.visit.fault(error))?;
    client.filter(|client| client.status != Status::Removed).ok_or_else(nothing)
}

fn state(status: Status) -> Cell {
    match status {
        Status::Active => Cell::state("Active", Tone::Good),
        Status::Pending => Cell::state("Waits for approval", Tone::Waits),
        Status::Disabled => Cell::state("Suspended", Tone::Stopped),
        Status::Removed => Cell::state("Removed", Tone::Plain),
    }
}

const fn came(origin: Origin) -> &'static str {
    match origin {
        Origin::Registered => "By itself",
        Origin::Configured => "By an administrator",
        Origin::Document => "By its document",
        Origin::Outside => "By an outside issuer",
    }
}
