//! Grants: what people allowed clients on servers, and how it is taken back, one or many.

mod many;

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

pub(super) use many::{ask_revoke_all, revoke_all};

use super::{
    Desk, clients,
    list::{Choice, Head, Wanted},
    people, servers, usage,
};
use crate::{
    access::{Action, Page},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, ListPage, Row, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    ids::{ClientId, GrantId},
    store::{
        StoreError, TenantTx,
        grants::{
            listed,
            many::{self as rows, Selection, StandingRow},
        },
    },
    token::{
        kill_switch,
        revoke::{self as token, Reason},
    },
};

/// Grants shown on the page of something else.
const SOME: usize = 20;

const HEADS: &[Head] = &[
    Head::by("Grant to", "client"),
    Head::by("Person", "person"),
    Head::by("Server", "server"),
    Head::of("May"),
    Head::by("Since", "created"),
    Head::of("Last token"),
];

const ENDED: &[Head] = &[
    Head::by("Grant to", "client"),
    Head::by("Person", "person"),
    Head::by("Server", "server"),
    Head::of("Could"),
    Head::by("Since", "created"),
    Head::by("Ended", "ended"),
];

const CHOICES: &[Choice] =
    &[Choice { name: "state", label: "State", options: &[("", "In force"), ("ended", "Ended")] }];

/// `GET …/grants?q=&state=&sort=&page=`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let ended = desk.one(&desk.visit.query()?, "state")? == "ended";
    let (heads, sort) = if ended { (ENDED, "-ended") } else { (HEADS, "-created") };
    let wanted = Wanted::read(&desk, heads, CHOICES, sort)?;
    let asked = listed::Asked {
        ended,
        like: wanted.pattern(),
        sort: wanted.sort,
        down: wanted.down,
        limit: wanted.limit(),
        offset: wanted.offset(),
    };
    let now = desk.visit.app.clock.now();
    let mut tx = desk.tx().await?;
    let found = listed::page(&mut tx, &asked, now).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let rows = found.iter().map(|row| Row { cells: cells(&desk, row) }).collect();
    let (lead, empty) = if ended {
        ("What people allowed programs once, and what was revoked since.", "No grant has been revoked yet.")
    } else {
        let empty =
            "Nobody allows anything to any program now. It begins when somebody adds a server to their program.";
        ("What people allowed programs to do for them, as far as it is in force.", empty)
    };
    let mut page = ListPage {
        lead: lead.to_owned(),
        empty: empty.to_owned(),
        ..wanted.page(&desk, heads, "Person, client or server", rows)
    };
    if desk.may(Page::Grants, Action::RevokeAll) && !page.rows.is_empty() && !ended {
        page.actions.push(Way::new("Revoke many", desk.at("revoke")));
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn cells(desk: &Desk, row: &StandingRow) -> Vec<Cell> {
    let now = desk.visit.app.clock.now();
    let last = match row.ended_at {
        Some(ended) => Cell::time(now, ended),
        None => Cell::time_or(now, row.last_token_at, "never"),
    };
    vec![
        Cell::link(row.client_name.clone(), at(desk, row.id)),
        person(desk, row),
        server(desk, row),
        Cell::Names(row.scopes.clone()),
        Cell::time(now, row.created_at),
        last,
    ]
}

/// The page of a grant.
fn at(desk: &Desk, id: GrantId) -> String {
    desk.at(&format!("grants/{id}"))
}

fn person(desk: &Desk, row: &StandingRow) -> Cell {
    match (&row.person, row.person_id) {
        (Some(name), Some(id)) => Cell::link(name.clone(), people::at(desk, id)),
        (Some(name), None) => Cell::Text(name.clone()),
        (None, _) => Cell::Text("the client itself".to_owned()),
    }
}

fn client(desk: &Desk, row: &StandingRow) -> Cell {
    match ClientId::parse(&row.client).ok().filter(|_| row.client_there) {
        Some(id) => Cell::link(row.client_name.clone(), clients::at(desk, &id)),
        None => Cell::Text(row.client_name.clone()),
    }
}

fn server(desk: &Desk, row: &StandingRow) -> Cell {
    if row.server_there {
        return Cell::link(row.server_name.clone(), servers::at(desk, &row.server));
    }
    Cell::Text(row.server_name.clone())
}

/// The grants of a selection, for the page of something else.
pub(super) async fn some(desk: &Desk, tx: &mut TenantTx, of: &Selection) -> Result<Vec<StandingRow>, StoreError> {
    rows::standing(tx, of, desk.visit.app.clock.now()).await
}

/// That part of the page.
pub(super) fn section(desk: &Desk, title: &str, none: &str, grants: &[StandingRow], query: &str) -> Section {
    if grants.is_empty() {
        return Section::new(title, none);
    }
    let rows = grants.iter().take(SOME).map(|row| cells(desk, row)).collect();
    let section = Section::new(title, "").table(&["Grant to", "Person", "Server", "May", "Since", "Last token"], rows);
    if grants.len() <= SOME {
        return section;
    }
    section.more(Way::new(&format!("All {}", grants.len()), desk.at(&format!("grants?{query}"))))
}

/// The grant that the address names, in force or not.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<StandingRow, Trouble> {
    let nothing = || desk.nothing("grant");
    let id = Uuid::parse_str(&desk.object).map_err(|_| nothing())?;
    let found = listed::one(tx, GrantId(id), desk.visit.app.clock.now()).await;
    found.map_err(|error| desk.visit.fault(error))?.ok_or_else(nothing)
}

fn facts(desk: &Desk, row: &StandingRow) -> Vec<Fact> {
    let now = desk.visit.app.clock.now();
    let policy = desk.visit.tenant.server(&row.server);
    let may: Vec<String> = policy.map_or_else(Vec::new, |server| {
        let scopes = server.policy.scopes().iter();
        scopes
            .filter(|scope| row.scopes.iter().any(|held| held == scope.name.as_str()))
            .map(|scope| scope.description.clone())
            .collect()
    });
    let mut facts = vec![
        Fact::new("Person", person(desk, row)),
        Fact::new("Client", client(desk, row)),
        Fact::new("Server", server(desk, row)),
        Fact::new("Scopes", Cell::Names(row.scopes.clone())),
        Fact::new("May", Cell::Text(may.join(" "))),
        Fact::new("Since", Cell::time(now, row.created_at)),
    ];
    match (row.ended_at, row.ends_at) {
        (Some(ended), _) => facts.push(Fact::new("Ended", Cell::time(now, ended))),
        (None, Some(ends)) => facts.push(Fact::new("They are asked again", Cell::until(now, ends))),
        (None, None) => {}
    }
    facts.extend([
        Fact::new("Last token", Cell::time_or(now, row.last_token_at, "never")),
        Fact::new("Installations that hold tokens", Cell::Number(row.families)),
        Fact::new("Grant id", Cell::Code(row.id.to_string())),
    ]);
    facts
}

/// `GET …/grants/{object}`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    let calls = usage::section(&desk, &mut tx, &usage::under(vec![row.id])).await;
    let calls = calls.map_err(|error| desk.visit.fault(error))?;
    let log = Way::new("In the audit log", desk.at(&format!("audit?q={}", row.id)));
    let log = Section::new("What happened to it", "").more(log);
    let stands = row.ended_at.is_none();
    let mut danger = Vec::new();
    if stands && desk.may(Page::Grants, Action::Revoke) {
        danger.push(
            Way::new("Revoke", format!("{}/revoke", at(&desk, row.id)))
                .hint("Every token of this grant stops working at once. The person can allow it again."),
        );
    }
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Grants", desk.at("grants")),
        title: format!("{} on {}", row.client_name, row.server_name),
        state: if stands { Cell::state("In force", Tone::Good) } else { Cell::state("Ended", Tone::Stopped) },
        lead: if stands { "" } else { "It has ended: no token of it works any more, on any node." }.to_owned(),
        facts: facts(&desk, &row),
        sections: vec![calls, log],
        actions: Vec::new(),
        danger,
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn question(desk: &Desk, tx: &mut TenantTx) -> Result<(StandingRow, AskPage), Trouble> {
    let row = named(desk, tx).await?;
    if row.ended_at.is_some() {
        return Err(desk.nothing("grant in force"));
    }
    let back = Way::new("Back to the grant", at(desk, row.id));
    let lead = "Every token of this grant is refused on every node once this is done. The person can allow it again.";
    let page = desk.ask("Revoke this grant?", lead, "Revoke", back);
    let facts = facts(desk, &row);
    Ok((row, AskPage { facts, danger: true, ..page }))
}

/// `GET …/grants/{object}/revoke`
pub(super) async fn ask_revoke(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let (_, page) = question(&desk, &mut tx).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/grants/{object}/revoke`
pub(super) async fn revoke(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let (row, _) = question(&desk, &mut tx).await?;
    let ticket = token::grant(&mut tx, &desk.recorder(), row.id, Reason::AdministratorRevoked).await;
    let ticket = ticket.map_err(|error| desk.visit.fault(error))?;
    let ms = desk.settle(tx, ticket).await?;
    desk.done(&desk.at("grants"), "revoked", 1, ms)
}
