//! Fields that nobody asked for (mass assignment): a request with them does what it does without them, or is refused and does
//! nothing.

use std::collections::BTreeMap;

use http::Method;
use sallyport::app::routes::Guard;
use serde_json::{Map, Value};

use super::{
    ask::{Ask, is_done, location},
    props::Props,
    world::World,
};
use crate::{harness::browser::Page, http::generated::draw::Body};

/// What somebody would like to be or to have. Where a request has a field of this name, that is its own.
fn more(world: &World) -> Map<String, Value> {
    let (victim, elsewhere) = (world.other.person.id.to_string(), world.other.id.0.to_string());
    let mut more = Map::new();
    for name in
        ["id", "person", "person_id", "sub", "subject", "user", "user_id", "owner", "actor", "approved_by", "amr"]
    {
        more.insert(name.to_owned(), victim.clone().into());
    }
    for name in ["tenant", "tenant_id", "issuer", "iss", "realm"] {
        more.insert(name.to_owned(), elsewhere.clone().into());
    }
    for (name, value) in [
        ("roles", "administrator"),
        ("role", "administrator"),
        ("groups", "administrator"),
        ("permissions", "*:*"),
        ("rights", "*:*"),
        ("status", "disabled"),
        ("status_before", "disabled"),
        ("state_of", "approved"),
        ("origin", "config"),
        ("is_admin", "true"),
        ("admin", "true"),
        ("verified", "true"),
        ("approved", "true"),
        ("trusted", "true"),
        ("enabled", "false"),
        ("disabled", "true"),
        ("password_hash", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAA"),
        ("hash", "00"),
        ("display_name", "Root"),
        ("auth_time", "1"),
        ("created_at", "2000-01-01T00:00:00Z"),
        ("expires_at", "2100-01-01T00:00:00Z"),
        ("last_used_at", "2100-01-01T00:00:00Z"),
        ("session_id", "00000000-0000-7000-8000-000000000000"),
        ("grant_id", "00000000-0000-7000-8000-000000000000"),
        ("family", "00000000-0000-7000-8000-000000000000"),
        ("scopes", "mcp:write"),
        ("aud", "https://evil.example/"),
        ("signing_alg", "none"),
        ("settings", "{}"),
        ("_method", "DELETE"),
    ] {
        more.insert(name.to_owned(), value.into());
    }
    more
}

/// The request with these fields, too.
fn with(ask: &Ask, more: &Map<String, Value>) -> Ask {
    let mut ask = ask.clone();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<(String, String)> = more.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    match &mut ask.good.body {
        Body::Json(body) => {
            let mut own: Value = serde_json::from_str(body).unwrap();
            let members = own.as_object_mut().unwrap();
            for (name, value) in more {
                members.entry(name.clone()).or_insert_with(|| value.clone());
            }
            *body = own.to_string();
        }
        Body::Form(fields) => {
            let there: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            fields.extend(pairs.iter().filter(|(name, _)| !there.contains(name)).cloned());
        }
        Body::None => {}
    }
    let there: Vec<String> = ask.good.query.iter().map(|(name, _)| name.clone()).collect();
    ask.good.query.extend(pairs.into_iter().filter(|(name, _)| !there.contains(name)));
    ask
}

/// What differs each time: ids, handles, times, ports, and names that were made up.
fn plain(text: &str) -> String {
    if text.starts_with("20") && text.as_bytes().get(4) == Some(&b'-') {
        return "TIME".to_owned();
    }
    if text.starts_with("$argon2id$") {
        return "HASH".to_owned();
    }
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|c| !of_name(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let mixed = word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()) && word.to_uppercase() != word;
        let odd = word.len() >= 10 && (digits > 0 || mixed) || word.len() >= 20;
        let key_id = word.len() == 9 && word.starts_with('k') && after.starts_with(':');
        let code_of_device = word.len() == 9 && word.as_bytes()[4] == b'-';
        let odd = odd || word.len() >= 4 && digits == word.len() || code_of_device || key_id;
        out.push_str(if odd { "ID" } else { word });
        rest = after;
        if word.is_empty() {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn plain_value(value: Value) -> Value {
    match value {
        Value::String(text) => plain(&text).into(),
        Value::Array(all) => all.into_iter().map(plain_value).collect(),
        Value::Object(all) => {
            // By keys of its own each of the two worlds stores what it stores.
            let counted = |name: &str| {
                ["xact", "source"].contains(&name) || name.ends_with("pepper_id") || name.ends_with("kek_id")
            };
            let all = all.into_iter().filter(|(name, _)| !counted(name));
            Value::Object(all.map(|(name, value)| (name, plain_value(value))).collect())
        }
        other => other,
    }
}

/// What became different: rows that are gone, and rows that are new, each with how many.
type Difference = BTreeMap<String, i32>;

async fn done(world: &World, ask: &Ask) -> (Page, Difference, Vec<String>) {
    let before = world.rows().await;
    let page = ask.send(world).await;
    let after = world.rows().await;
    let mut difference = Difference::new();
    let row = |sign: &str, row: &str| {
        let (table, json) = row.split_once(' ').unwrap();
        format!("{sign} {table} {}", plain_value(serde_json::from_str(json).unwrap()))
    };
    let added: Vec<String> = after.difference(&before).cloned().collect();
    for gone in before.difference(&after) {
        *difference.entry(row("-", gone)).or_default() += 1;
    }
    for new in &added {
        *difference.entry(row("+", new)).or_default() += 1;
    }
    (page, difference, added)
}

/// Status and place, without what differs each time.
fn outcome(world: &World, page: &Page) -> (u16, String) {
    // How long it took.
    let to = location(page).unwrap_or_default().split("&ms=").next().unwrap();
    let port = world.app().base.rsplit_once(':').unwrap().1;
    (page.status.as_u16(), plain(&to.replace(port, "PORT")))
}

/// Those that may change something: of the admin API, or of everything else.
fn asks(world: &World, props: &Props, api: bool) -> Vec<Ask> {
    let of = |ask: &Ask| ask.changes() && matches!(ask.guard, Guard::Api(..)) == api;
    props.all(world).into_iter().filter(of).collect()
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_taken() {
    let (plain_world, world) = tokio::join!(World::start(), World::start());
    let (more, mut refused, mut taken) = (more(&world), 0, 0);
    for api in [false, true] {
        let (plain_props, props) = tokio::join!(Props::of(&plain_world), Props::of(&world));
        let pairs = asks(&plain_world, &plain_props, api).into_iter().zip(asks(&world, &props, api));
        for (plain_ask, ask) in pairs {
            assert_eq!(plain_ask.to_string(), ask.to_string());
            let (expected, difference, _) = done(&plain_world, &plain_ask).await;
            let fits = is_done(&ask, &expected) || [Guard::Client, Guard::Bearer].contains(&ask.guard);
            assert!(fits, "{ask}: {} {}", expected.status, expected.body);
            let (mut answer, mut own, mut added) = done(&world, &with(&ask, &more)).await;
            if answer.status.is_client_error() && !expected.status.is_client_error() {
                refused += 1;
                assert_eq!(own, Difference::new(), "{ask} was refused: {}", answer.body);
                // Then each alone: one may hide what another does.
                for (name, value) in &more {
                    let one = Map::from_iter([(name.clone(), value.clone())]);
                    (answer, own, added) = done(&world, &with(&ask, &one)).await;
                    if !answer.status.is_client_error() {
                        break;
                    }
                    assert_eq!(own, Difference::new(), "{ask} was refused with {name}: {}", answer.body);
                }
                if answer.status.is_client_error() {
                    (answer, own, added) = done(&world, &ask).await;
                }
            } else {
                taken += 1;
            }
            assert_eq!(outcome(&world, &answer), outcome(&plain_world, &expected), "{ask}: {}", answer.body);
            let differs: Vec<_> = own.iter().filter(|row| difference.get(row.0) != Some(row.1)).collect();
            let lacks: Vec<_> = difference.iter().filter(|row| own.get(row.0) != Some(row.1)).collect();
            assert!(differs.is_empty() && lacks.is_empty(), "{ask}: with more\n{differs:#?}\nwithout\n{lacks:#?}");
            let (person, tenant) = (world.other.person.id.to_string(), world.other.id.0.to_string());
            let strangers = [&*person, &*tenant, "c2FsdHNhbHQ", "evil.example", "Root"];
            let strange = added.iter().find(|row| strangers.iter().any(|mark| row.contains(mark)));
            assert_eq!(strange, None, "{ask}");
        }
    }
    assert!(refused > 5 && taken > 40, "{refused} {taken}");
}

/// A method in a field, a header or the address is no method.
#[tokio::test]
async fn no_method_is_overridden() {
    let world = World::start().await;
    let props = Props::of(&world).await;
    let before = world.rows().await;
    for mut ask in props.all(&world).into_iter().filter(|ask| ask.method != Method::OPTIONS) {
        for (method, meant) in [(Method::GET, ask.method.clone()), (Method::POST, Method::DELETE)] {
            if ask.method == method || method == Method::POST && ask.method != Method::GET {
                continue;
            }
            (ask.method, ask.good.body) = (method, Body::None);
            let named = ask.clone().with_query("_method", meant.as_str());
            let named = named.with("x-http-method-override", meant.as_str()).with("x-http-method", meant.as_str());
            let answer = named.without("authorization").send(&world).await;
            assert!(!answer.status.is_server_error(), "{ask}: {}", answer.status);
        }
    }
    let after = world.rows().await;
    let known = |row: &&String| !row.contains("\"kind\": \"consent.shown\"");
    let changed: Vec<&String> = before.symmetric_difference(&after).filter(known).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}
