//! The audit log, as administrators and auditors read it.

pub(super) mod checkpoints;
mod event;
pub(super) mod export;

use std::collections::HashMap;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

pub(super) use event::show;

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
    let (Found { events, rest }, people) = found;
    let rows = events.iter().map(|event| Row { cells: cells(&desk, event, &people) }).collect();
    let mut page = ListPage {
        lead: "Everything that happened here, newest first. Each look goes through 5,000 events; go on to look further back.".to_owned(),
        empty: "Nothing has happened yet.".to_owned(),
        ..wanted.page(&desk, HEADS, "An id, a name of a tool, a request id", rows)
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

async fn read(tx: &mut TenantTx, asked: &audit_search::Wanted) -> Result<(Found, HashMap<String, String>), StoreError> {
    let found = audit_search::look(tx, asked).await?;
    let people = names(tx, &found.events).await?;
    Ok((found, people))
}

/// The names of the people of some events, by id.
async fn names(tx: &mut TenantTx, events: &[EventRow]) -> Result<HashMap<String, String>, StoreError> {
    let ids: Vec<Uuid> = events.iter().filter_map(person).filter_map(|id| Uuid::parse_str(&id).ok()).collect();
    let names = audit_search::names(tx, &ids).await?;
    Ok(names.into_iter().map(|(id, name)| (id.to_string(), name)).collect())
}

/// Who caused an event, or whom it is about.
fn person(event: &EventRow) -> Option<String> {
    let text = |at: &str| event.body.pointer(at).and_then(Value::as_str);
    let subject = text("/subject").and_then(|subject| subject.strip_prefix("person:"));
    text("/actor/person").or(text("/person")).or(subject).map(str::to_owned)
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

fn cells(desk: &Desk, event: &EventRow, people: &HashMap<String, String>) -> Vec<Cell> {
    vec![
        Cell::time(desk.visit.app.clock.now(), event.at),
        Cell::Link {
            href: desk.at(&format!("audit/{}", event.id)),
            text: caption(&event.kind).to_owned(),
            hint: event.kind.clone(),
        },
        who(event, people),
        Cell::Text(about(event)),
    ]
}

fn who(event: &EventRow, people: &HashMap<String, String>) -> Cell {
    if let Some(command) = event.body.pointer("/actor/command").and_then(Value::as_str) {
        return Cell::Code(format!("sallyport {command}"));
    }
    if event.body.pointer("/actor/kind").and_then(Value::as_str) == Some("platform") {
        return Cell::Text("an administrator of the platform".to_owned());
    }
    match person(event) {
        Some(id) => Cell::Text(people.get(&id).cloned().unwrap_or_else(|| "somebody who was erased".to_owned())),
        None => event
            .body
            .get("client")
            .and_then(Value::as_str)
            .map_or(Cell::Nothing, |client| Cell::Code(client.to_owned())),
    }
}

/// What else an event is about, in a line. What nobody reads is on the event's own page: ids, moments, hashes and keys.
fn about(event: &EventRow) -> String {
    let mut words = Vec::new();
    for (name, value) in event.body.as_object().into_iter().flatten() {
        match value {
            Value::String(text) if is_read(name, text) => words.push(format!("{name}: {text}")),
            Value::Bool(_) | Value::Number(_) => words.push(format!("{name}: {value}")),
            _ => {}
        }
    }
    words.join(", ")
}

fn is_read(name: &str, text: &str) -> bool {
    let is_moment = || OffsetDateTime::parse(text, &Rfc3339).is_ok();
    let is_id = Uuid::parse_str(text).is_ok() || text.starts_with("sha256:") || text.starts_with("person:");
    !["handle", "arguments", "source", "key", "origin", "token", "refresh"].contains(&name) && !is_id && !is_moment()
}

/// The newest events but for calls, for the page of something else.
pub(super) async fn lately(desk: &Desk, tx: &mut TenantTx) -> Result<Section, StoreError> {
    let asked = audit_search::Wanted { limit: 8, ..audit_search::Wanted::default() };
    let (found, people) = read(tx, &asked).await?;
    if found.events.is_empty() {
        return Ok(Section::new("Lately", "Nothing has happened yet."));
    }
    let rows = found.events.iter().map(|event| cells(desk, event, &people)).collect();
    let all = Way::new("All of the audit log", desk.at("audit"));
    Ok(Section::new("Lately", "").table(&["When", "What", "Who", "About"], rows).more(all))
}
