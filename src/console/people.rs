//! People: who may log in, and what they may be.

mod change;
mod invite;
mod show;

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

pub(super) use change::{
    ask_disable, ask_enable, ask_end, ask_factors, ask_roles, disable, enable, end, factors, roles,
};
pub(super) use invite::{ask_link, ask_new, create, link};
pub(super) use show::show;

use super::{
    Desk,
    list::{Choice, Head, Wanted},
};
use crate::{
    access::{Action, Page, Role},
    http::{
        pages::console::{Cell, ListPage, Row, Tone, Way},
        trouble::Trouble,
    },
    ids::PersonId,
    store::{
        TenantTx,
        people::listed::{self, ListedRow},
    },
};

const HEADS: &[Head] = &[
    Head::by("Person", "name"),
    Head::of("State"),
    Head::of("Roles"),
    Head::by("Last login", "login"),
    Head::by("Since", "created"),
    Head::number("Grants", "grants"),
];

const CHOICES: &[Choice] = &[
    Choice { name: "status", label: "State", options: &[("", "Any"), ("active", "Active"), ("disabled", "Disabled")] },
    Choice {
        name: "role",
        label: "Role",
        options: &[("", "Any"), ("administrator", "Administrators"), ("auditor", "Auditors")],
    },
];

/// `GET …/people`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "name")?;
    let asked = listed::Asked {
        like: wanted.pattern(),
        status: wanted.filter("status"),
        role: wanted.filter("role"),
        sort: wanted.sort,
        down: wanted.down,
        limit: wanted.limit(),
        offset: wanted.offset(),
    };
    let mut tx = desk.tx().await?;
    let found = listed::page(&mut tx, &asked, None).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let now = desk.visit.app.clock.now();
    let row = |row: ListedRow| Row {
        cells: vec![
            Cell::Link { href: at(&desk, row.id), hint: second_name(&row), text: row.username.clone() },
            state(&row),
            Cell::Text(role_names(&row.roles)),
            Cell::time_or(now, row.last_login_at, "not lately"),
            Cell::time(now, row.created_at),
            Cell::Number(row.grants),
        ],
    };
    let rows = found.into_iter().map(row).collect();
    let mut page = ListPage {
        lead: "Who may log in here.".to_owned(),
        empty: "There is nobody yet. Invite somebody: you get a link to pass on.".to_owned(),
        ..wanted.page(&desk, HEADS, "Name", rows)
    };
    if desk.may(Page::People, Action::Create) {
        page.actions.push(Way::new("Invite somebody", desk.at("people/-/new")).primary());
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// The page of a person.
pub(super) fn at(desk: &Desk, id: PersonId) -> String {
    desk.at(&format!("people/{id}"))
}

/// The person that the address names. Removed ones are not there.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<ListedRow, Trouble> {
    let nothing = || desk.nothing("person");
    let id = PersonId(Uuid::parse_str(&desk.object).map_err(|_| nothing())?);
    let asked = listed::Asked { like: None, status: None, role: None, sort: "name", down: false, limit: 1, offset: 0 };
    let found = listed::page(tx, &asked, Some(id)).await.map_err(|error| desk.visit.fault(error))?;
    found.into_iter().next().ok_or_else(nothing)
}

fn state(row: &ListedRow) -> Cell {
    match (row.status.as_str(), row.has_password) {
        ("active", true) => Cell::state("Active", Tone::Good),
        ("active", false) => Cell::state("Without a password", Tone::Waits),
        _ => Cell::state("Disabled", Tone::Stopped),
    }
}

fn second_name(row: &ListedRow) -> String {
    if row.display_name == row.username { String::new() } else { row.display_name.clone() }
}

fn role_names(words: &[String]) -> String {
    let roles = Role::of_words(words);
    let shown: Vec<&str> = roles.iter().filter(|role| **role != Role::Member).map(|role| role.name()).collect();
    if shown.is_empty() { Role::Member.name().to_owned() } else { shown.join(", ") }
}
