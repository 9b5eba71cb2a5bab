//! Tokens of the admin API: what programs act with, and for whom.

mod make;

use axum::response::Response;
use http::StatusCode;

pub(super) use make::{ask_new, create};

use super::{
    Desk,
    list::{Choice, Head, Wanted},
};
use crate::{
    access::{Action, Page},
    api::token::{self, ApiTokenError},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, ListPage, Row, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    store::{
        TenantTx,
        api_tokens::listed::{self, ListedRow},
    },
};

const HEADS: &[Head] = &[
    Head::by("Token", "name"),
    Head::by("Acts for", "person"),
    Head::of("State"),
    Head::of("Rights"),
    Head::by("Made", "created"),
    Head::by("Ends", "expires"),
    Head::by("Last used", "used"),
];

const CHOICES: &[Choice] = &[Choice {
    name: "state",
    label: "State",
    options: &[("", "Any"), ("live", "Can be used"), ("ended", "Cannot be used any more")],
}];

/// `GET …/tokens`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "-created")?;
    let asked = listed::Asked {
        like: wanted.pattern(),
        live: wanted.filter("state").map(|state| state == "live"),
        sort: wanted.sort,
        down: wanted.down,
        limit: wanted.limit(),
        offset: wanted.offset(),
    };
    let now = desk.visit.app.clock.now();
    let mut tx = desk.tx().await?;
    let found = listed::page(&mut tx, &asked, None, now).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let row = |row: ListedRow| Row {
        cells: vec![
            Cell::link(name(&row), desk.at(&format!("tokens/{}", row.id))),
            Cell::link(row.username.clone(), desk.at(&format!("people/{}", row.person))),
            state(&row, now),
            Cell::Names(row.rights.clone()),
            Cell::time(now, row.created_at),
            Cell::until(now, row.expires_at),
            Cell::time_or(now, row.last_used_at, "never"),
        ],
    };
    let rows = found.into_iter().map(row).collect();
    let mut page = ListPage {
        lead: "Programs that act for one of you through the admin API. None may ever do more than its person may do at the time."
            .to_owned(),
        empty: "No program acts for anybody. Make a token for one, with just the rights that it needs.".to_owned(),
        ..wanted.page(&desk, HEADS, "What it is for, whose, a right", rows)
    };
    if desk.may(Page::ApiTokens, Action::Create) {
        page.actions.push(Way::new("Make a token", desk.at("tokens/-/new")).primary());
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn name(row: &ListedRow) -> String {
    if row.note.is_empty() { row.id.to_string() } else { row.note.clone() }
}

fn state(row: &ListedRow, now: time::OffsetDateTime) -> Cell {
    match row.revoked_at {
        Some(_) => Cell::state("Taken back", Tone::Stopped),
        None if row.expires_at <= now => Cell::state("Ended", Tone::Plain),
        None if !row.active => Cell::state("Its person is disabled", Tone::Stopped),
        None => Cell::state("Can be used", Tone::Good),
    }
}

/// The token that the address names.
async fn named(desk: &Desk, tx: &mut TenantTx) -> Result<ListedRow, Trouble> {
    let id = token::parse_id(&desk.object).map_err(|_| desk.nothing("token"))?;
    let found = listed::one(tx, id, desk.visit.app.clock.now()).await.map_err(|error| desk.visit.fault(error))?;
    found.ok_or_else(|| desk.nothing("token"))
}

fn facts(desk: &Desk, row: &ListedRow) -> Vec<Fact> {
    let now = desk.visit.app.clock.now();
    let mut facts = vec![
        Fact::new("Acts for", Cell::link(row.username.clone(), desk.at(&format!("people/{}", row.person)))),
        Fact::new("Rights", Cell::Names(row.rights.clone())),
        Fact::new("Made", Cell::time(now, row.created_at)),
        Fact::new("Ends", Cell::until(now, row.expires_at)),
        Fact::new("Last used", Cell::time_or(now, row.last_used_at, "never")),
    ];
    facts.extend(row.revoked_at.map(|at| Fact::new("Taken back", Cell::time(now, at))));
    facts
}

/// `GET …/tokens/{object}`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let mut facts = facts(&desk, &row);
    facts.push(Fact::new("Id in the log", Cell::Code(row.id.to_string())));
    let log = Section::new("What was done with it", "")
        .more(Way::new("In the audit log", desk.at(&format!("audit?q={}", row.id))));
    let mut page = SheetPage {
        frame: desk.frame(),
        back: Way::new("API tokens", desk.at("tokens")),
        title: name(&row),
        state: state(&row, desk.visit.app.clock.now()),
        lead: String::new(),
        facts,
        sections: vec![log],
        actions: Vec::new(),
        danger: Vec::new(),
    };
    if row.revoked_at.is_none() && desk.may(Page::ApiTokens, Action::Revoke) {
        let hint = "It is refused on every node from then on. Another one can be made in its place.";
        page.danger.push(Way::new("Take back", desk.at(&format!("tokens/{}/revoke", row.id))).hint(hint));
    }
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn question(desk: &Desk, row: &ListedRow) -> AskPage {
    let lead = "Whatever program has it is refused from then on, on every node. It cannot be given back.";
    let back = Way::new("Back to the token", desk.at(&format!("tokens/{}", row.id)));
    let title = format!("Take \u{201c}{}\u{201d} back?", name(row));
    AskPage { facts: facts(desk, row), danger: true, ..desk.ask(&title, lead, "Take back", back) }
}

/// `GET …/tokens/{object}/revoke`
pub(super) async fn ask_revoke(desk: Desk) -> Result<Response, Trouble> {
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let page = question(&desk, &row);
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/tokens/{object}/revoke`
pub(super) async fn revoke(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    desk.form(form)?;
    let mut tx = desk.tx().await?;
    let row = named(&desk, &mut tx).await?;
    match token::revoke(&mut tx, &desk.recorder(), row.id).await {
        Ok(()) => {
            tx.commit().await.map_err(|error| desk.visit.fault(error))?;
            desk.done(&desk.at(&format!("tokens/{}", row.id)), "taken-back", 1, 0)
        }
        Err(ApiTokenError::Store(error)) => Err(desk.visit.fault(error)),
        Err(_) => {
            let why = "it was taken back before: somebody else was quicker";
            Ok(desk.ask_again(question(&desk, &row), StatusCode::CONFLICT, why))
        }
    }
}
