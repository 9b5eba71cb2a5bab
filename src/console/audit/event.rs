//! One event.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Names;
use crate::{
    audit::view::caption,
    console::{Desk, clients, people, servers},
    http::{
        pages::console::{Cell, Fact, Section, SheetPage, Way, exact},
        trouble::Trouble,
    },
    ids::{ClientId, EventId, GrantId, PersonId},
    store::{
        StoreError, TenantTx,
        audit::EventRow,
        audit_search,
        grants::{listed, many::StandingRow},
    },
};

/// `GET …/audit/{object}`
pub(in crate::console) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let nothing = || desk.nothing("event");
    let id = EventId(Uuid::parse_str(&desk.object).map_err(|_| nothing())?);
    let fault = |error: StoreError| desk.visit.fault(error);
    let mut tx = desk.tx().await?;
    let event = audit_search::one(&mut tx, id).await.map_err(fault)?.ok_or_else(nothing)?;
    let place = audit_search::place(&mut tx, id).await.map_err(fault)?;
    let names = Names::of(&mut tx, std::slice::from_ref(&event)).await.map_err(fault)?;
    let grant = grant(&mut tx, grant_id(&event, &names), desk.visit.app.clock.now()).await.map_err(fault)?;
    let outcome =
        audit_search::one(&mut tx, id.outcome()).await.map_err(fault)?.filter(|_| event.kind == "call.intent");
    tx.commit().await.map_err(fault)?;
    let mut facts = vec![
        Fact::new("Kind", Cell::Code(event.kind.clone())),
        Fact::new("When", Cell::Text(exact(event.at))),
        Fact::new("Who", names.who(&event)),
        Fact::new(
            "Place in the log",
            Cell::Text(match place {
                Some((0, index)) => format!("entry {index}"),
                Some((epoch, index)) => format!("entry {index} of epoch {epoch}"),
                None => "not yet: it is put there within seconds".to_owned(),
            }),
        ),
    ];
    facts.extend(event.request_id.clone().map(|id| Fact::new("Request", Cell::Code(id))));
    facts.extend(links(&desk, &event, &names));
    facts.push(Fact::new("Event id", Cell::Code(event.id.to_string())));
    let mut sections = Vec::new();
    if event.kind == "call.denied" {
        sections.push(why_denied(&event, grant.as_ref()));
    }
    sections.extend(changes(&event));
    if let Some(outcome) = outcome {
        let text = serde_json::to_string_pretty(&outcome.body).unwrap_or_default();
        sections.push(Section::new("How it ended", "").pre(text));
    }
    let body = serde_json::to_string_pretty(&event.body).unwrap_or_default();
    sections.push(
        Section::new("As it is stored", "Names of people and long values are beside it, as commitments.").pre(body),
    );
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Audit log", desk.at("audit")),
        title: caption(&event.kind).to_owned(),
        state: Cell::Nothing,
        lead: String::new(),
        facts,
        sections,
        actions: Vec::new(),
        danger: Vec::new(),
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn text<'a>(event: &'a EventRow, name: &str) -> Option<&'a str> {
    event.body.get(name).and_then(Value::as_str)
}

/// What the event names, as far as it has a page.
fn links(desk: &Desk, event: &EventRow, names: &Names) -> Vec<Fact> {
    let mut facts = Vec::new();
    let name = |id: &str| names.name(id).unwrap_or(id).to_owned();
    let person = names.person(event).and_then(|id| Uuid::parse_str(&id).ok()).map(PersonId);
    if let Some(id) = person.filter(|id| names.name(&id.to_string()).is_some()) {
        facts.push(Fact::new("Person", Cell::link(name(&id.to_string()), people::at(desk, id))));
    }
    if let Some(id) = names.client(event).and_then(|id| ClientId::parse(&id).ok()) {
        facts.push(Fact::new("Client", Cell::link(name(id.as_str()), clients::at(desk, &id))));
    }
    if let Some(id) = grant_id(event, names) {
        facts.push(Fact::new("Grant", Cell::link(id.to_string(), desk.at(&format!("grants/{id}")))));
    }
    let server = names.server(event).and_then(|id| Uuid::parse_str(&id).ok());
    if let Some(server) = server.and_then(|id| desk.visit.tenant.server_by_id(id.into())) {
        facts.push(Fact::new("Server", Cell::link(server.name.clone(), servers::at(desk, server.slug.as_str()))));
    }
    facts
}

/// The grant that it is about, or that stands behind the tokens.
fn grant_id(event: &EventRow, names: &Names) -> Option<GrantId> {
    let said = text(event, "grant").and_then(|id| Uuid::parse_str(id).ok()).map(GrantId);
    said.or_else(|| Some(names.behind(event)?.grant))
}

/// The grant behind the event, if it is still in force.
async fn grant(tx: &mut TenantTx, id: Option<GrantId>, now: OffsetDateTime) -> Result<Option<StandingRow>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    Ok(listed::one(tx, id, now).await?.filter(|grant| grant.ended_at.is_none()))
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What was missing, and whether it is there now.
fn why_denied(event: &EventRow, grant: Option<&StandingRow>) -> Section {
    let needed = strings(event.body.get("needed"));
    let held = grant.map(|grant| grant.scopes.clone());
    let words = match (&held, needed.is_empty()) {
        (_, true) => "No scope would have done: policy forbids it, or the server is not what it was.",
        (None, _) => "The grant has ended since.",
        (Some(held), _) if needed.iter().all(|scope| held.contains(scope)) => {
            "The grant has by now what was missing: the same call passes today, if its token has it, too."
        }
        (Some(_), _) => "The person has not allowed it: the client asks them for more, or a tool needs less.",
    };
    let mut facts = vec![Fact::new("It needed", Cell::Names(needed))];
    facts.extend(held.map(|held| Fact::new("The grant has now", Cell::Names(held))));
    Section::new("Why this was denied", words).facts(facts)
}

/// Before and after, of a change by an administrator.
fn changes(event: &EventRow) -> Option<Section> {
    let fields = event.body.get("fields")?.as_array()?;
    let shown = |value: Option<&Value>| match value {
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(other) => Cell::Code(other.to_string()),
        None => Cell::Nothing,
    };
    let row = |field: &Value| {
        let name = field.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![Cell::Text(name), shown(field.get("old")), shown(field.get("new"))]
    };
    let rows: Vec<_> = fields.iter().map(row).collect();
    (!rows.is_empty()).then(|| Section::new("What became different", "").table(&["What", "Before", "After"], rows))
}
