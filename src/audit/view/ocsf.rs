//! The Open Cybersecurity Schema Framework, version 1.5.0, as JSON in canonical form (RFC 8785).

use serde_json::{Map, Value, json};

use super::{
    PRODUCT, body, canonical,
    meaning::{Class, Meaning, OTHER, Who, meaning},
    millis, moment, number, text, texts,
};
use crate::{
    audit::log::{Entry, Origin},
    store::audit::EventRow,
};

/// The version of the schema that lines follow.
pub const VERSION: &str = "1.5.0";

/// What is said of somebody or something that the event does not tell.
const UNKNOWN: &str = "unknown";

/// The line of an event.
pub fn line(origin: &Origin, index: u64, event: &EventRow) -> String {
    let body = body(event);
    let meant = meaning(&event.kind, &body);
    let mut line = Map::new();
    line.insert("activity_id".to_owned(), meant.activity.into());
    class(&mut line, &meant, &body);
    numbers(&mut line, event);
    line.insert("metadata".to_owned(), metadata(origin, index, event, &body));
    line.insert("time".to_owned(), millis(event.at).into());
    line.insert("severity_id".to_owned(), (meant.severity as u8).into());
    line.insert("status_id".to_owned(), (meant.status as u8).into());
    line.insert("message".to_owned(), meant.caption.into());
    happened(&mut line, &body);
    line.insert("unmapped".to_owned(), json!({ "body": body, "version": event.version }));
    canonical(&Value::Object(line))
}

/// The class's number goes with that of the activity, and the category's is in it.
fn numbers(line: &mut Map<String, Value>, event: &EventRow) {
    let of = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (class, activity) = (of("class_uid"), of("activity_id"));
    line.insert("category_uid".to_owned(), (class / 1000).into());
    line.insert("type_uid".to_owned(), (class * 100 + activity).into());
    if activity == u64::from(OTHER) {
        line.insert("activity_name".to_owned(), event.kind.clone().into());
    }
}

fn metadata(origin: &Origin, index: u64, event: &EventRow, body: &Value) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "product": { "name": PRODUCT, "vendor_name": PRODUCT },
        "uid": event.id.to_string(),
        "sequence": index,
        "log_name": origin.as_str(),
        "event_code": event.kind,
        "log_version": event.version.to_string(),
        "original_time": Entry::time(event.at),
    });
    // A call and its outcome, or else what one request caused.
    let id = (event.kind == "call.intent").then(|| event.id.to_string());
    let together = id.as_deref().or_else(|| text(body, "intent")).or(event.request_id.as_deref());
    put(&mut metadata, "correlation_uid", together.map(Value::from));
    metadata
}

/// Members that any class has.
fn happened(line: &mut Map<String, Value>, body: &Value) {
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            line.insert(name.to_owned(), value);
        }
    };
    add("count", number(body, "count").map(Value::from));
    add("start_time", moment(body, "first").map(Value::from));
    add("end_time", moment(body, "last").map(Value::from));
    add("duration", number(body, "millis").map(Value::from));
    add("status_code", number(body, "status").map(|status| status.to_string().into()));
    add("status_detail", text(body, "reason").or_else(|| text(body, "outcome")).map(Value::from));
}

/// Members of the class.
fn class(line: &mut Map<String, Value>, meant: &Meaning, body: &Value) {
    let command = command(body);
    let mut of = |number: u16, members: Value| {
        line.insert("class_uid".to_owned(), number.into());
        if let Value::Object(members) = members {
            line.extend(members);
        }
    };
    match meant.class {
        Class::Authentication(who) => {
            let service = text(body, "server").unwrap_or(PRODUCT);
            let mut members = json!({ "user": user(who, body), "service": { "name": service } });
            put(&mut members, "session", session(body));
            put(&mut members, "src_endpoint", text(body, "source").map(|source| json!({ "uid": source })));
            put(&mut members, "auth_protocol_id", matches!(who, Who::Client | Who::Subject).then(|| 6.into()));
            put(&mut members, "actor", command);
            of(3002, members);
        }
        Class::AuthorizeSession(who) => {
            let mut members = json!({ "user": user(who, body), "privileges": privileges(body) });
            put(&mut members, "session", session(body));
            put(&mut members, "actor", command);
            of(3003, members);
        }
        Class::UserAccess(who) => {
            let mut members = json!({ "user": user(who, body), "privileges": privileges(body) });
            let server = text(body, "server").map(|server| json!([{ "uid": server, "type": "server" }]));
            put(&mut members, "resources", server);
            put(&mut members, "actor", actor(body));
            of(3005, members);
        }
        Class::AccountChange(id) => {
            let uid = text(body, id).unwrap_or(UNKNOWN);
            let mut members = json!({ "user": { "uid": uid, "type": id, "type_id": 2 } });
            put(&mut members, "actor", command);
            of(3001, members);
        }
        Class::Entity(kind, id) => {
            let kind = text(body, "key_kind").filter(|_| kind == "key").unwrap_or(kind);
            let mut members = json!({ "entity": entity(kind, text(body, id).unwrap_or(UNKNOWN)) });
            put(&mut members, "actor", command);
            of(3004, members);
        }
        Class::Object => object(&mut of, meant, body, command),
        Class::Api(operation) => of(6003, api(operation, body)),
        Class::Lifecycle => of(6002, json!({ "app": { "name": PRODUCT, "vendor_name": PRODUCT } })),
        Class::Base => of(0, json!({})),
    }
}

/// A person's account has a class of its own, with other numbers for what is done.
fn object(of: &mut impl FnMut(u16, Value), meant: &Meaning, body: &Value, command: Option<Value>) {
    let object = text(body, "object").unwrap_or(UNKNOWN);
    let (kind, id) = object.split_once('/').unwrap_or(("object", object));
    let id = if id.is_empty() { UNKNOWN } else { id };
    if kind != "person" {
        let mut members = json!({ "entity": entity(kind, id) });
        put(&mut members, "actor", command);
        return of(3004, members);
    }
    let activity = match (meant.activity, text(body, "change")) {
        (1, _) => 1,
        (8, _) => 2,
        (_, Some("password changed")) => 3,
        (9, _) => 5,
        (4, _) => 6,
        _ => OTHER,
    };
    let mut members = json!({ "user": { "uid": id, "type_id": 1 }, "activity_id": activity });
    put(&mut members, "actor", command);
    of(3001, members);
}

fn api(operation: &str, body: &Value) -> Value {
    let operation = text(body, "method").unwrap_or(operation);
    let mut api = json!({ "operation": operation });
    put(&mut api, "version", text(body, "era").map(Value::from));
    put(&mut api, "service", text(body, "server").map(|server| json!({ "uid": server })));
    put(&mut api, "response", number(body, "status").map(|status| json!({ "code": status })));
    let source = text(body, "source").or_else(|| text(body, "client"));
    let source = source.map_or_else(|| json!({ "name": UNKNOWN }), |source| json!({ "uid": source }));
    let actor = actor(body).unwrap_or_else(|| json!({ "app_name": UNKNOWN }));
    let mut members = json!({ "actor": actor, "api": api, "src_endpoint": source });
    let server = text(body, "server").map(|server| json!({ "uid": server, "type": "server" }));
    let name = text(body, "name").map(|name| json!({ "name": name, "type": "name" }));
    let resources: Vec<Value> = server.into_iter().chain(name).collect();
    put(&mut members, "resources", (!resources.is_empty()).then(|| resources.into()));
    members
}

/// An administrator, or an operator's command.
fn command(body: &Value) -> Option<Value> {
    let actor = body.get("actor")?;
    if let Some(person) = text(actor, "person") {
        return Some(json!({ "user": { "uid": person, "type_id": 2 } }));
    }
    let command = text(actor, "command")?;
    Some(json!({ "invoked_by": format!("sallyport {command}") }))
}

/// Who did it: an administrator's command, or a subject by means of a client.
fn actor(body: &Value) -> Option<Value> {
    let subject = text(body, "subject").or_else(|| text(body, "person"));
    let mut actor = command(body).unwrap_or_else(|| json!({}));
    put(&mut actor, "user", subject.map(|subject| json!({ "uid": subject })));
    put(&mut actor, "app_uid", text(body, "client").map(Value::from));
    put(&mut actor, "session", session(body));
    actor.as_object().is_some_and(|members| !members.is_empty()).then_some(actor)
}

fn user(who: Who, body: &Value) -> Value {
    let (member, type_id) = match who {
        Who::Person => ("person", 1),
        Who::Subject => ("subject", 1),
        Who::Client => ("client", OTHER),
        Who::Unknown => ("", 0),
    };
    match text(body, member) {
        Some(uid) if type_id == OTHER => json!({ "uid": uid, "type_id": type_id, "type": member }),
        Some(uid) => json!({ "uid": uid, "type_id": type_id }),
        None => json!({ "name": UNKNOWN, "type_id": 0 }),
    }
}

fn entity(kind: &str, uid: &str) -> Value {
    if kind == "tenant" {
        return json!({ "uid": uid, "type": kind, "type_id": 4 });
    }
    json!({ "uid": uid, "type": kind, "type_id": OTHER })
}

/// A browser's session, or the family of an installation's tokens.
fn session(body: &Value) -> Option<Value> {
    text(body, "session").or_else(|| text(body, "family")).map(|uid| json!({ "uid": uid }))
}

/// The class must have some.
fn privileges(body: &Value) -> Vec<&str> {
    let scopes = texts(body, "scopes");
    if scopes.is_empty() { vec!["none"] } else { scopes }
}

fn put(members: &mut Value, name: &str, value: Option<Value>) {
    if let (Value::Object(members), Some(value)) = (members, value) {
        members.insert(name.to_owned(), value);
    }
}
