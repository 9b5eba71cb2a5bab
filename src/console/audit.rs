//! The audit log, as administrators and auditors read it.

pub(super) mod checkpoints;
mod event;
pub(super) mod export;
mod names;

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

pub(super) use event::show;
use names::Names;

use super::{
    Desk,
    list::{Choice, Head, Wanted},
};
use crate::{
    access::{Action, Page},
    audit::view::caption,
    http::{
        pages::console::{Cell, ListPage, Pager, Row, Section, Way},
        trouble::Trouble,
    },
    ids::EventId,
    store::{
        StoreError, TenantTx,
        audit::EventRow,
        audit_search::{self, Found},
    },
};

/// Events of one page.
const SIZE: i64 = 50;

const HEADS: &[Head] = &[Head::of("When"), Head::of("What"), Head::of("Who"), Head::of("About")];

const CHOICES: &[Choice] = &[
    Choice {
        name: "kind",
        label: "What",
        options: &[
            ("", "Everything"),
            ("admin.", "Changes by administrators"),
            ("call.", "Calls"),
            ("call.denied", "Calls that were denied"),
            ("grant.", "Grants"),
            ("client.", "Clients"),
            ("login.", "Logins"),
            ("provider.", "Identity providers"),
            ("second_factor.", "Second factors"),
            ("consent.", "Consents"),
            ("token.", "Tokens"),
            ("link.", "Password links"),
            ("server.", "Servers that were asked"),
            ("api_token.", "Tokens of the admin API"),
            ("auditor.", "What auditors read"),
            ("audit.", "The log itself"),
            ("signing_key.", "Keys"),
        ],
    },
    Choice { name: "follow", label: "Follow", options: &[("", "No"), ("1", "Every 5 seconds")] },
];

/// `GET …/audit?q=&kind=&before=&follow=`
pub(super) async fn list(desk: Desk) -> Result<Response, Trouble> {
    let wanted = Wanted::read(&desk, HEADS, CHOICES, "")?;
    let query = desk.visit.query()?;
    let before = desk.one(&query, "before")?;
    let before = Uuid::parse_str(before).ok().map(EventId);
    let asked = audit_search::Wanted {
        kind: wanted.filter("kind").map(|kind| format!("{kind}%")),
        text: wanted.pattern(),
        before,
        limit: SIZE,
    };
    let mut tx = desk.tx().await?;
    let found = read(&mut tx, &asked).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let (Found { events, rest }, names) = found;
    let rows = events.iter().map(|event| Row { cells: cells(&desk, event, &names) }).collect();
    let mut page = ListPage {
        lead: "Everything that happened here, newest first. Each look goes through 5,000 events; go on to look further back.".to_owned(),
        empty: "Nothing has happened yet.".to_owned(),
        ..wanted.page(&desk, HEADS, "A person, client, server or tool, an id, a request id", rows)
    };
    page.title = "Audit log".to_owned();
    page.actions.push(Way::new("Checkpoints", desk.at("audit/-/checkpoints")));
    if desk.may(Page::Audit, Action::Export) {
        page.actions.push(Way::new("Export", desk.at("audit/-/export")));
    }
    page.search.narrowed |= before.is_some();
    page.pager = Pager {
        first: 0,
        last: 0,
        previous: before.map(|_| address(&desk, &wanted, None)),
        next: rest.map(|rest| address(&desk, &wanted, Some(rest))),
    };
    let mut response = desk.visit.page(StatusCode::OK, page);
    if wanted.filter("follow").is_some() && before.is_none() {
        // No script: the browser asks again by itself.
        response.headers_mut().insert("refresh", http::HeaderValue::from_static("5"));
    }
    Ok(response)
}

async fn read(tx: &mut TenantTx, asked: &audit_search::Wanted) -> Result<(Found, Names), StoreError> {
    let found = audit_search::look(tx, asked).await?;
    let names = Names::of(tx, &found.events).await?;
    Ok((found, names))
}

fn address(desk: &Desk, wanted: &Wanted, before: Option<EventId>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !wanted.q.is_empty() {
        query.append_pair("q", &wanted.q);
    }
    if let Some(kind) = wanted.filter("kind") {
        query.append_pair("kind", kind);
    }
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    format!("{}?{}", desk.at("audit"), query.finish())
}

fn cells(desk: &Desk, event: &EventRow, names: &Names) -> Vec<Cell> {
    vec![
        Cell::time(desk.visit.app.clock.now(), event.at),
        Cell::Link {
            href: desk.at(&format!("audit/{}", event.id)),
            text: caption(&event.kind).to_owned(),
            hint: event.kind.clone(),
        },
        names.who(event),
        Cell::Text(names.about(event)),
    ]
}

/// The newest events but for calls, for the page of something else.
pub(super) async fn lately(desk: &Desk, tx: &mut TenantTx) -> Result<Section, StoreError> {
    let asked = audit_search::Wanted { limit: 8, ..audit_search::Wanted::default() };
    let (found, names) = read(tx, &asked).await?;
    if found.events.is_empty() {
        return Ok(Section::new("Lately", "Nothing has happened yet."));
    }
    let rows = found.events.iter().map(|event| cells(desk, event, &names)).collect();
    let all = Way::new("All of the audit log", desk.at("audit"));
    Ok(Section::new("Lately", "").table(&["When", "What", "Who", "About"], rows).more(all))
}
