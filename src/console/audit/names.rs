//! Events in words: names in the place of ids.

use std::collections::HashMap;

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    http::pages::console::Cell,
    ids::EventId,
    store::{
        StoreError, TenantTx,
        audit::EventRow,
        audit_names::{self, Behind},
        history,
    },
};

/// Members that say nothing to people, or are said in another way.
const UNSAID: [&str; 11] =
    ["handle", "arguments", "source", "key", "origin", "token", "refresh", "object", "change", "client", "server"];

/// What some events name: looked up once for all of them.
pub(super) struct Names {
    of: HashMap<String, String>,
    behind: HashMap<Uuid, Behind>,
    intents: HashMap<EventId, EventRow>,
}

fn text<'a>(body: &'a Value, at: &str) -> Option<&'a str> {
    body.pointer(at).and_then(Value::as_str)
}

fn id(body: &Value, at: &str) -> Option<Uuid> {
    text(body, at).and_then(|id| Uuid::parse_str(id).ok())
}

/// `server/0198…`: the kind of an object, and its id.
fn object(body: &Value) -> Option<(&str, &str)> {
    let object = text(body, "/object")?;
    Some(object.split_once('/').unwrap_or((object, "")))
}

impl Names {
    /// Looks up what these events name.
    pub(super) async fn of(tx: &mut TenantTx, events: &[EventRow]) -> Result<Self, StoreError> {
        let intents: Vec<_> = events.iter().filter_map(|event| id(&event.body, "/intent")).map(EventId).collect();
        let intents = history::events(tx, &intents).await?;
        let bodies = || events.iter().chain(intents.values()).map(|event| &event.body);
        let families: Vec<_> = bodies().filter_map(|body| id(body, "/family")).collect();
        let behind: HashMap<_, _> =
            audit_names::behind(tx, &families).await?.into_iter().map(|behind| (behind.family, behind)).collect();
        let mut names = Self { of: HashMap::new(), behind, intents };
        let mut ids = Vec::new();
        for event in events {
            ids.extend([names.person(event), names.client(event), names.server(event)].into_iter().flatten());
            ids.extend(text(&event.body, "/provider").map(str::to_owned));
            ids.extend(object(&event.body).map(|(_, id)| id.to_owned()));
        }
        names.of = audit_names::names(tx, &ids).await?;
        Ok(names)
    }

    /// The event itself, and the one that announced it.
    fn bodies<'a>(&'a self, event: &'a EventRow) -> impl Iterator<Item = &'a Value> {
        let intent = id(&event.body, "/intent").and_then(|id| self.intents.get(&EventId(id)));
        std::iter::once(&event.body).chain(intent.map(|intent| &intent.body))
    }

    /// What stands behind the tokens that it is about.
    pub(super) fn behind<'a>(&'a self, event: &'a EventRow) -> Option<&'a Behind> {
        self.bodies(event).find_map(|body| self.behind.get(&id(body, "/family")?))
    }

    /// The id of who caused it, or whom it is about.
    pub(super) fn person(&self, event: &EventRow) -> Option<String> {
        let said = |body: &Value| {
            let subject = text(body, "/subject").and_then(|subject| subject.strip_prefix("person:"));
            text(body, "/actor/person").or(text(body, "/person")).or(subject).map(str::to_owned)
        };
        self.bodies(event).find_map(said).or_else(|| Some(self.behind(event)?.person?.to_string()))
    }

    /// The id of the client that it is about.
    pub(super) fn client(&self, event: &EventRow) -> Option<String> {
        let said = self.bodies(event).find_map(|body| text(body, "/client").map(str::to_owned));
        said.or_else(|| Some(self.behind(event)?.client.to_string()))
    }

    /// The id of the server that it is about.
    pub(super) fn server(&self, event: &EventRow) -> Option<String> {
        let said = self.bodies(event).find_map(|body| text(body, "/server").map(str::to_owned));
        said.or_else(|| Some(self.behind(event)?.server.to_string()))
    }

    /// What people call it.
    pub(super) fn name(&self, id: &str) -> Option<&str> {
        self.of.get(id).map(String::as_str)
    }

    /// Who caused it, or whom it is about.
    pub(super) fn who(&self, event: &EventRow) -> Cell {
        if let Some(command) = text(&event.body, "/actor/command") {
            return Cell::Code(format!("sallyport {command}"));
        }
        if text(&event.body, "/actor/kind") == Some("platform") {
            return Cell::Text("an administrator of the platform".to_owned());
        }
        if let Some(id) = self.person(event) {
            return Cell::Text(self.name(&id).unwrap_or("somebody who was erased").to_owned());
        }
        match self.client(event) {
            Some(id) => self.name(&id).map_or_else(|| Cell::Code(id.clone()), |name| Cell::Text(name.to_owned())),
            None => Cell::Nothing,
        }
    }

    /// What else it is about, in a line. What nobody reads is on the event's own page: ids, moments, hashes and keys.
    pub(super) fn about(&self, event: &EventRow) -> String {
        let mut words: Vec<String> = self.deed(&event.body).into_iter().collect();
        let named = |id: Option<String>| id.map(|id| self.name(&id).map_or(id.clone(), str::to_owned));
        words.extend(named(self.client(event)).map(|name| format!("client: {name}")));
        words.extend(named(self.server(event)).map(|name| format!("server: {name}")));
        words.extend(named(text(&event.body, "/provider").map(str::to_owned)).map(|name| format!("provider: {name}")));
        for body in self.bodies(event) {
            for (name, value) in body.as_object().into_iter().flatten() {
                match value {
                    Value::String(text) if is_read(name, text) => words.push(format!("{name}: {text}")),
                    Value::Bool(_) | Value::Number(_) => words.push(format!("{name}: {value}")),
                    _ => {}
                }
            }
        }
        words.join(", ")
    }

    /// What an administrator did to what: `server Team notes changed (upstream, name)`.
    fn deed(&self, body: &Value) -> Option<String> {
        let (kind, id) = object(body)?;
        // Some have a name of their own in the place of an id.
        let own = Some(id).filter(|id| !id.is_empty() && Uuid::parse_str(id).is_err());
        let name = self.name(id).or(own).map_or_else(String::new, |name| format!(" {name}"));
        let change = text(body, "/change").unwrap_or("changed");
        let fields = body.get("fields").and_then(Value::as_array).into_iter().flatten();
        let fields: Vec<_> = fields.filter_map(|field| text(field, "/name")).collect();
        let fields =
            if fields.is_empty() || change == "created" { String::new() } else { format!(" ({})", fields.join(", ")) };
        Some(format!("{}{name} {change}{fields}", kind.replace('_', " ")))
    }
}

fn is_read(name: &str, text: &str) -> bool {
    let is_moment = || OffsetDateTime::parse(text, &Rfc3339).is_ok();
    let is_id = Uuid::parse_str(text).is_ok() || text.starts_with("sha256:") || text.starts_with("person:");
    !UNSAID.contains(&name) && !is_id && !is_moment()
}
