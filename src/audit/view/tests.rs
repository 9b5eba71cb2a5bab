use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::{
    audit::log::{Entry, Origin},
    ids::EventId,
};

/// All kinds that this version writes, out of the source of their enums.
fn kinds() -> Vec<&'static str> {
    let sources = [include_str!("../event.rs"), include_str!("../platform.rs")];
    let names = sources.iter().flat_map(|source| source.split("\n    #[serde(rename = \"").skip(1));
    names.map(|rest| rest.split('"').next().unwrap()).collect()
}

fn origin() -> Origin {
    Origin::parse("auth.example.com/audit/platform").unwrap()
}

fn event(kind: &str, body: Value) -> EventRow {
    EventRow {
        id: EventId(uuid::Uuid::from_u128(7)),
        at: datetime!(2026-08-03 10:00:00.1234567 UTC),
        kind: kind.to_owned(),
        version: 1,
        request_id: Some("r-1".to_owned()),
        body,
    }
}

/// A body with every member that any kind has.
fn full() -> Value {
    json!({
        "person": "p-1", "client": "c-1", "server": "s-1", "subject": "person:p-1", "family": "f-1", "session": "b-1",
        "grant": "g-1", "device": "d-1", "scopes": ["notes:read"], "kid": "k-1", "key_id": "k-2", "key_kind": "pepper",
        "key": "a+00000000+AA==", "origin": "auth.example.com/audit/platform", "object": "server/s-1",
        "change": "created", "tenant": "t-1", "administrator": "a-1", "method": "tools/call", "name": "add",
        "era": "modern", "status": 200, "millis": 12, "read_only": true, "intent": "i-1", "outcome": "answered",
        "reason": "unknown", "source": "k:00", "count": 3, "first": "2026-08-03T10:00:00Z", "last": "2026-08-03T10:00:01Z",
        "actor": { "kind": "command", "command": "grant revoke" },
    })
}

/// The members that OCSF 1.5.0 requires of each class, beyond those that it requires of all; of the last one is enough.
fn required(class: u64) -> (&'static [&'static str], &'static [&'static str]) {
    match class {
        0 => (&[], &[]),
        3001 => (&["user"], &[]),
        3002 => (&["user"], &["service", "dst_endpoint"]),
        3003 => (&["user"], &["privileges", "group"]),
        3004 => (&["entity"], &[]),
        3005 => (&["user", "privileges"], &[]),
        6002 => (&["app"], &[]),
        6003 => (&["actor", "api", "src_endpoint"], &[]),
        other => panic!("class {other}"),
    }
}

/// The numbers of the activities that each class has.
fn activities(class: u64) -> u64 {
    match class {
        0 => 0,
        3001 => 12,
        3002 => 6,
        3003 | 3005 => 2,
        3004 => 13,
        6002 => 8,
        6003 => 4,
        other => panic!("class {other}"),
    }
}

#[track_caller]
fn conforms(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap();
    let number = |name: &str| value[name].as_u64().unwrap_or_else(|| panic!("{name} in {line}"));
    let (class, activity) = (number("class_uid"), number("activity_id"));
    assert_eq!(number("category_uid"), class / 1000, "{line}");
    assert_eq!(number("type_uid"), class * 100 + activity, "{line}");
    assert!(activity <= activities(class) || activity == 99, "{line}");
    assert!(number("severity_id") <= 6 && number("status_id") <= 2 && number("time") > 0, "{line}");
    assert!(value["metadata"]["version"] == "1.5.0" && value["metadata"]["product"]["name"].is_string(), "{line}");
    let (all, one) = required(class);
    assert!(all.iter().all(|name| !value[*name].is_null()), "{line}");
    assert!(one.is_empty() || one.iter().any(|name| !value[*name].is_null()), "{line}");
    // Objects that must have one of some members.
    for (object, members) in [
        ("user", &["account", "name", "uid"][..]),
        ("entity", &["name", "uid"][..]),
        ("actor", &["user", "invoked_by", "session", "app_name", "app_uid"][..]),
        ("src_endpoint", &["uid", "name"][..]),
        ("service", &["uid", "name"][..]),
        ("app", &["name"][..]),
        ("api", &["operation"][..]),
    ] {
        let found = &value[object];
        assert!(found.is_null() || members.iter().any(|name| !found[*name].is_null()), "{object} in {line}");
    }
    value
}

/// Reads a CEF line back: the header, and the extension by its keys.
fn read_cef(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let mut header = vec![String::new()];
    let mut rest = line.chars();
    while header.len() < 8 {
        match rest.next().expect("the header's end") {
            '\\' => header.last_mut().unwrap().push(rest.next().unwrap()),
            '|' => header.push(String::new()),
            other => header.last_mut().unwrap().push(other),
        }
    }
    header.pop();
    let rest: String = rest.collect();
    // An equals sign without a backslash ends a key, which begins after the last space before it.
    let mut parts: Vec<String> = vec![String::new()];
    let mut escaped = false;
    for c in rest.chars() {
        match (escaped, c) {
            (false, '=') => parts.push(String::new()),
            (false, '\\') => {}
            (true, 'n') => parts.last_mut().unwrap().push('\n'),
            (true, 'r') => parts.last_mut().unwrap().push('\r'),
            (_, other) => parts.last_mut().unwrap().push(other),
        }
        escaped = !escaped && c == '\\';
    }
    let mut members = BTreeMap::new();
    let mut key = parts[0].clone();
    for (n, part) in parts.iter().enumerate().skip(1) {
        let (value, next) = if n + 1 == parts.len() { (part.as_str(), "") } else { part.rsplit_once(' ').unwrap() };
        members.insert(std::mem::replace(&mut key, next.to_owned()), value.to_owned());
    }
    (header, members)
}

#[test]
fn every_kind_has_a_class_of_its_own_and_all_that_the_class_requires() {
    let kinds = kinds();
    assert!(kinds.len() > 60, "{kinds:?}");
    for kind in kinds {
        // Whatever a body says, and if it says nothing.
        for body in [full(), json!({}), json!({ "person": 1, "scopes": "x", "actor": [], "count": -1, "object": "/" })]
        {
            let value = conforms(&ocsf::line(&origin(), 1, &event(kind, body)));
            assert!(value["class_uid"] != 0 || kind == "log.heartbeat", "{kind} has no class");
            assert_ne!(value["message"], "Event", "{kind} has no meaning");
        }
    }
}

#[test]
fn a_kind_that_is_not_known_is_a_general_event() {
    let value = conforms(&ocsf::line(&origin(), 1, &event("moon.risen", json!({ "over": "sea" }))));
    assert_eq!((&value["class_uid"], &value["activity_name"]), (&json!(0), &json!("moon.risen")));
    assert_eq!(value["unmapped"]["body"], json!({ "over": "sea" }));
    let (header, members) = read_cef(&cef::line(&origin(), 1, &event("moon|\\\nrisen", json!({}))));
    assert_eq!((header[4].as_str(), members["SallyportBody"].as_str()), ("moon|\\ risen", "{}"));
}

#[test]
fn a_denied_call_reads_so() {
    let body = json!({
        "family": "f-1", "client": "c-1", "subject": "person:p-1", "server": "s-1", "era": "modern",
        "method": "tools/call", "name": "add|x=1", "arguments": "00", "needed": ["notes:write"], "status": 403,
    });
    let event = event("call.denied", body);
    assert_eq!(
        ocsf::line(&origin(), 41, &event),
        concat!(
            r#"{"activity_id":99,"activity_name":"call.denied","actor":{"app_uid":"c-1","session":{"uid":"f-1"},"user":{"uid":"person:p-1"}},"#,
            r#""api":{"operation":"tools/call","response":{"code":403},"service":{"uid":"s-1"},"version":"modern"},"#,
            r#""category_uid":6,"class_uid":6003,"message":"Call denied by policy","#,
            r#""metadata":{"correlation_uid":"r-1","event_code":"call.denied","log_name":"auth.example.com/audit/platform","log_version":"1","#,
            r#""original_time":"2026-08-03T10:00:00.123456Z","product":{"name":"Sallyport","vendor_name":"Sallyport"},"#,
            r#""sequence":41,"uid":"00000000-0000-0000-0000-000000000007","version":"1.5.0"},"#,
            r#""resources":[{"type":"server","uid":"s-1"},{"name":"add|x=1","type":"name"}],"severity_id":3,"#,
            r#""src_endpoint":{"uid":"c-1"},"status_code":"403","status_id":2,"time":1785751200123,"type_uid":600399,"#,
            r#""unmapped":{"body":{"arguments":"00","client":"c-1","era":"modern","family":"f-1","method":"tools/call","name":"add|x=1","#,
            r#""needed":["notes:write"],"server":"s-1","status":403,"subject":"person:p-1"},"version":1}}"#
        )
    );
    assert_eq!(
        cef::line(&origin(), 41, &event),
        concat!(
            "CEF:0|Sallyport|Sallyport|1|call.denied|Call denied by policy|6|",
            "rt=1785751200123 externalId=00000000-0000-0000-0000-000000000007 cn1Label=index cn1=41 ",
            "cs1Label=log cs1=auth.example.com/audit/platform outcome=failure suid=person:p-1 ",
            "cs2Label=client cs2=c-1 cs3Label=server cs3=s-1 cs4Label=family cs4=f-1 cs6Label=request cs6=r-1 ",
            "requestMethod=tools/call ",
            r#"SallyportBody={"arguments":"00","client":"c-1","era":"modern","family":"f-1","method":"tools/call","name":"add|x\=1","#,
            r#""needed":["notes:write"],"server":"s-1","status":403,"subject":"person:p-1"}"#
        )
    );
}

#[test]
fn a_failed_login_is_counted_and_names_nobody_as_who_did_it() {
    let mut body = full();
    body["actor"].take();
    let value = conforms(&ocsf::line(&origin(), 1, &event("login.failed", body)));
    assert_eq!((&value["user"]["uid"], &value["actor"]), (&json!("p-1"), &Value::Null));
    assert_eq!((&value["count"], &value["src_endpoint"]["uid"]), (&json!(3), &json!("k:00")));
    assert_eq!(
        (&value["start_time"], &value["end_time"]),
        (&json!(1_785_751_200_000_i64), &json!(1_785_751_201_000_i64))
    );
}

#[test]
fn a_change_of_an_account_has_the_numbers_of_its_class() {
    for (object, change, class, activity) in [
        ("person/p-1", "created", 3001, 1),
        ("person/p-1", "enabled", 3001, 2),
        ("person/p-1", "password changed", 3001, 3),
        ("person/p-1", "disabled", 3001, 5),
        ("person/p-1", "removed", 3001, 6),
        ("person/p-1", "changed", 3001, 99),
        ("server/notes", "disabled", 3004, 9),
        ("settings", "changed", 3004, 3),
    ] {
        let body = json!({ "object": object, "change": change });
        let value = conforms(&ocsf::line(&origin(), 1, &event("admin.changed", body)));
        assert_eq!(
            (&value["class_uid"], &value["activity_id"]),
            (&json!(class), &json!(activity)),
            "{object} {change}"
        );
    }
}

#[test]
fn a_call_and_its_outcome_find_each_other() {
    let id = uuid::Uuid::from_u128(7).to_string();
    let intent = conforms(&ocsf::line(&origin(), 1, &event("call.intent", json!({}))));
    let outcome = conforms(&ocsf::line(&origin(), 2, &event("call.outcome", json!({ "intent": id }))));
    assert_eq!(intent["metadata"]["correlation_uid"], outcome["metadata"]["correlation_uid"]);
}

fn any_body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        "(?s).{0,12}".prop_map(Value::from),
        prop::collection::vec("(?s).{0,6}", 0..3).prop_map(Value::from),
    ];
    let names: Vec<String> = full().as_object().unwrap().keys().cloned().collect();
    let name = prop_oneof![prop::sample::select(names), "(?s).{0,6}"];
    prop::collection::hash_map(name, leaf, 0..8).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn a_line_is_one_line_and_the_same_from_the_entry(
        kind in prop_oneof![prop::sample::select(kinds()).prop_map(str::to_owned), "(?s).{0,12}"],
        body in any_body(),
        request in prop::option::of("(?s).{1,8}"),
        index in 0..(1_u64 << 48),
    ) {
        let event = EventRow { request_id: request, ..event(&kind, body) };
        let (ocsf, cef) = (ocsf::line(&origin(), index, &event), cef::line(&origin(), index, &event));
        prop_assert!(!ocsf.contains(['\n', '\r']) && !cef.contains(['\n', '\r']));
        conforms(&ocsf);
        let entry = Entry::of(&event).unwrap();
        let (_, read) = Entry::parse(entry.bytes()).unwrap();
        prop_assert_eq!(ocsf::line(&origin(), index, &read), ocsf);
        prop_assert_eq!(cef::line(&origin(), index, &read), cef.clone());
        let (header, members) = read_cef(&cef);
        prop_assert_eq!(&header[4], &kind.replace(['\n', '\r'], " "));
        prop_assert_eq!(&members["cn1"], &index.to_string());
        prop_assert_eq!(members.get("cs6").map(String::as_str), event.request_id.as_deref());
        let body: Value = serde_json::from_str(&members["SallyportBody"]).unwrap();
        prop_assert_eq!(body, read.body);
    }
}
