//! One event.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::{names, who};
use crate::{
    audit::view::caption,
    console::{Desk, clients},
    http::{
        pages::console::{Cell, Fact, Section, SheetPage, Way, exact},
        trouble::Trouble,
    },
    ids::{ClientId, EventId},
    store::{
        StoreError, TenantTx,
        audit::EventRow,
        audit_search,
        grants::many::{self, Selection, StandingRow},
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
    let people = names(&mut tx, std::slice::from_ref(&event)).await.map_err(fault)?;
    let grant = grant(&desk, &mut tx, &event).await.map_err(fault)?;
    let outcome =
        audit_search::one(&mut tx, id.outcome()).await.map_err(fault)?.filter(|_| event.kind == "call.intent");
    tx.commit().await.map_err(fault)?;
    let mut facts = vec![
        Fact::new("Kind", Cell::Code(event.kind.clone())),
        Fact::new("When", Cell::Text(exact(event.at))),
        Fact::new("Who", who(&event, &people)),
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
    facts.extend(links(&desk, &event));
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
fn links(desk: &Desk, event: &EventRow) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(id) = text(event, "client").and_then(|id| ClientId::parse(id).ok()) {
        facts.push(Fact::new("Client", Cell::link(id.to_string(), clients::at(desk, &id))));
    }
    if let Some(id) = text(event, "grant") {
        facts.push(Fact::new("Grant", Cell::link(id, desk.at(&format!("grants/{id}")))));
    }
    let server = text(event, "server").and_then(|id| Uuid::parse_str(id).ok());
    if let Some(server) = server.and_then(|id| desk.visit.tenant.server_by_id(id.into())) {
        let href = desk.at(&format!("servers/{}", server.slug));
        facts.push(Fact::new("Server", Cell::link(server.name.clone(), href)));
    }
    facts
}

/// The grant behind the event, if it is still in force.
async fn grant(desk: &Desk, tx: &mut TenantTx, event: &EventRow) -> Result<Option<StandingRow>, StoreError> {
    let Some(id) = text(event, "grant").and_then(|id| Uuid::parse_str(id).ok()) else { return Ok(None) };
    let of = Selection { ids: Some(vec![id.into()]), ..Selection::default() };
    Ok(many::standing(tx, &of, desk.visit.app.clock.now()).await?.into_iter().next())
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
