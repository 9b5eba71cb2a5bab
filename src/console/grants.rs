//! Grants: what people allowed clients on servers, and how it is taken back, one or many.

mod many;

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

pub(super) use many::{ask_revoke_all, revoke_all};

use super::{
    Desk,
    list::{Head, Wanted},
    usage,
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
    Head::by("Person", "person"),
    Head::by("Client", "client"),
    Head::by("Server", "server"),
    Head::of("May"),
    Head::by("Since", "created"),
    Head::of("Last token"),
];

/// `GET …/grants`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, &[], "-created")?;
    let asked = listed::Asked {
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
    let mut page = ListPage {
        lead: "What people allowed programs to do for them, as far as it is in force.".to_owned(),
        empty: "Nobody allows anything to any program now. It begins when somebody adds a server to their program."
            .to_owned(),
        ..wanted.page(&desk, HEADS, "Person, client or server", rows)
    };
    if desk.may(Page::Grants, Action::RevokeAll) && !page.rows.is_empty() {
        page.actions.push(Way::new("Revoke many", desk.at("revoke")));
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn cells(desk: &Desk, row: &StandingRow) -> Vec<Cell> {
    let now = desk.visit.app.clock.now();
    let page = desk.at(&format!("grants/{}", row.id));
    vec![
        Cell::link(row.person.clone().unwrap_or_else(|| "the client itself".to_owned()), page),
        Cell::Text(row.client_name.clone()),
        Cell::Text(row.server.clone()),
        Cell::Names(row.scopes.clone()),
        Cell::time(now, row.created_at),
        Cell::time_or(now, row.last_token_at, "never"),
    ]
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
    let section = Section::new(title, "").table(&["Person", "Client", "Server", "May", "Since", "Last token"], rows);
    if grants.len() <= SOME {
        return section;
    }
    section.more(Way::new(&format!("All {}", grants.len()), desk.at(&format!("grants?{query}"))))
}

/// The grant that the address names, if it is in force.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<StandingRow, Trouble> {
    let nothing = || desk.nothing("grant in force");
    let id = Uuid::parse_str(&desk.object).map_err(|_| nothing())?;
    let of = Selection { ids: Some(vec![GrantId(id)]), ..Selection::default() };
    let found = some(desk, tx, &of).await.map_err(|error| desk.visit.fault(error))?;
    found.into_iter().next().ok_or_else(nothing)
}

fn facts(desk: &Desk, row: &StandingRow) -> Vec<Fact> {
    let now = desk.visit.app.clock.now();
    let server = desk.visit.tenant.server(&row.server);
    let client = ClientId::parse(&row.client).ok().map(|id| super::clients::at(desk, &id));
    let may: Vec<String> = server.map_or_else(Vec::new, |server| {
        let scopes = server.policy.scopes().iter();
        scopes
            .filter(|scope| row.scopes.iter().any(|held| held == scope.name.as_str()))
            .map(|scope| scope.description.clone())
            .collect()
    });
    vec![
        Fact::new(
            "Person",
            match &row.person {
                Some(person) => Cell::Text(person.clone()),
                None => Cell::Text("None: the client acts for itself".to_owned()),
            },
        ),
        Fact::new(
            "Client",
            match client {
                Some(href) => Cell::link(row.client_name.clone(), href),
                None => Cell::Text(row.client_name.clone()),
            },
        ),
        Fact::new("Server", Cell::link(row.server.clone(), desk.at(&format!("servers/{}", row.server)))),
        Fact::new("Scopes", Cell::Names(row.scopes.clone())),
        Fact::new("May", Cell::Text(may.join(" "))),
        Fact::new("Since", Cell::time(now, row.created_at)),
        Fact::new("Last token", Cell::time_or(now, row.last_token_at, "never")),
        Fact::new("Installations", Cell::Number(row.families)),
        Fact::new("Grant id", Cell::Code(row.id.to_string())),
    ]
}

/// `GET …/grants/{object}`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    let calls = usage::section(&desk, &mut tx, &usage::under(vec![row.id])).await;
    let calls = calls.map_err(|error| desk.visit.fault(error))?;
    let page = desk.at(&format!("grants/{}", row.id));
    let mut danger = Vec::new();
    if desk.may(Page::Grants, Action::Revoke) {
        danger.push(
            Way::new("Revoke", format!("{page}/revoke"))
                .hint("Every token of this grant stops working at once. The person can allow it again."),
        );
    }
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Grants", desk.at("grants")),
        title: format!("{} on {}", row.client_name, row.server),
        state: Cell::state("In force", Tone::Good),
        lead: String::new(),
        facts: facts(&desk, &row),
        sections: vec![calls],
        actions: Vec::new(),
        danger,
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn question(desk: &Desk, tx: &mut TenantTx) -> Result<(StandingRow, AskPage), Trouble> {
    let row = named(desk, tx).await?;
    let back = Way::new("Back to the grant", desk.at(&format!("grants/{}", row.id)));
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
