//! An event as the bytes that the tree is over.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Number, Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description};
use tlog_tiles::{Hash, record_hash};

use crate::{secret::hex, store::audit::EventRow};

/// The longest entry, in bytes.
pub const MOST: usize = 60 * 1024;

/// The largest integer that every reader of JSON reads as it is (RFC 7493 §2.2).
const LARGEST: f64 = 9_007_199_254_740_991.0;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Why bytes are no entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadEntry {
    /// Too long.
    #[error("it has {0} bytes, and {MOST} are allowed")]
    Long(usize),
    /// Not JSON.
    #[error("it is not JSON")]
    Json,
    /// JSON that could be written in fewer ways.
    #[error("it is not in canonical form (RFC 8785)")]
    Form,
    /// A member that must be there, or that has no place.
    #[error("its member {0:?} is missing or wrong")]
    Member(&'static str),
}

/// An event in canonical JSON (RFC 8785): members `at`, `body`, `id`, `kind`, `request_id` where there is one, `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry(Vec<u8>);

impl Entry {
    /// The entry of an event. The same event always gives the same bytes. A body that is too long is there as its digest: no event
    /// can keep those after it out of the log.
    ///
    /// # Errors
    /// None of an event that the database can hold.
    pub fn of(event: &EventRow) -> Result<Self, BadEntry> {
        let body = readable(event.body.clone());
        let whole = Self::with(event, body.clone())?;
        if whole.0.len() <= MOST {
            return Ok(whole);
        }
        let bytes = canonical(&body)?;
        let digest = hex(digest(&SHA256, &bytes).as_ref());
        let short = Self::with(event, json!({ "left_out": { "bytes": bytes.len(), "sha256": digest } }))?;
        if short.0.len() <= MOST { Ok(short) } else { Err(BadEntry::Long(short.0.len())) }
    }

    fn with(event: &EventRow, body: Value) -> Result<Self, BadEntry> {
        let at = event.at.to_offset(UtcOffset::UTC).format(TIME).map_err(|_| BadEntry::Member("at"))?;
        let mut members = Map::new();
        members.insert("at".to_owned(), at.into());
        members.insert("body".to_owned(), body);
        members.insert("id".to_owned(), event.id.to_string().into());
        members.insert("kind".to_owned(), event.kind.clone().into());
        if let Some(request) = &event.request_id {
            members.insert("request_id".to_owned(), request.clone().into());
        }
        members.insert("version".to_owned(), event.version.into());
        Ok(Self(canonical(&Value::Object(members))?))
    }

    /// Reads an entry from somebody's log.
    ///
    /// # Errors
    /// See [`BadEntry`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, EventRow), BadEntry> {
        if bytes.len() > MOST {
            return Err(BadEntry::Long(bytes.len()));
        }
        let Ok(Value::Object(mut members)) = serde_json::from_slice(bytes) else { return Err(BadEntry::Json) };
        let mut text = |name: &'static str| match members.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(BadEntry::Member(name)),
        };
        let (at, id, kind) = (text("at")?, text("id")?, text("kind")?);
        let at = time::PrimitiveDateTime::parse(&at, TIME).map_err(|_| BadEntry::Member("at"))?.assume_utc();
        let id = id.parse::<uuid::Uuid>().map_err(|_| BadEntry::Member("id"))?;
        let request_id = match members.remove("request_id") {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => return Err(BadEntry::Member("request_id")),
        };
        let body = members.remove("body").filter(Value::is_object).ok_or(BadEntry::Member("body"))?;
        let version = members.remove("version").and_then(|version| i16::try_from(version.as_i64()?).ok());
        let version = version.ok_or(BadEntry::Member("version"))?;
        if !members.is_empty() {
            return Err(BadEntry::Member("of another name"));
        }
        let event = EventRow { id: id.into(), at, kind, version, request_id, body };
        match Self::of(&event) {
            Ok(entry) if entry.0 == bytes => Ok((entry, event)),
            _ => Err(BadEntry::Form),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of the leaf (RFC 6962 §2.1).
    pub fn leaf(&self) -> Hash {
        record_hash(&self.0)
    }

    /// When the event happened, as [`Entry::of`] writes it: in microseconds, as the database keeps it.
    pub fn time(at: OffsetDateTime) -> String {
        at.to_offset(UtcOffset::UTC).format(TIME).unwrap_or_default()
    }
}

fn canonical(value: &Value) -> Result<Vec<u8>, BadEntry> {
    serde_json_canonicalizer::to_vec(value).map_err(|_| BadEntry::Json)
}

/// Numbers that some readers would round become strings.
pub(in crate::audit) fn readable(mut value: Value) -> Value {
    match &mut value {
        Value::Number(number) => {
            if number.as_f64().is_some_and(|size| size.abs() > LARGEST) {
                return spelled(number).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = readable(item.take())),
        Value::Object(members) => members.values_mut().for_each(|member| *member = readable(member.take())),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
    value
}

/// All its digits, where it is an integer; a number with an exponent as canonical JSON has it.
fn spelled(number: &Number) -> String {
    if number.is_f64() { serde_json_canonicalizer::to_string(number).unwrap_or_default() } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::ids::EventId;

    fn event(body: Value) -> EventRow {
        EventRow {
            id: EventId(uuid::Uuid::from_u128(7)),
            at: datetime!(2026-08-03 10:00:00.1234567 UTC),
            kind: "call.outcome".to_owned(),
            version: 1,
            request_id: None,
            body,
        }
    }

    #[test]
    fn members_are_in_order_and_large_integers_are_texts() {
        let body =
            json!({ "z": 9_007_199_254_740_992_u64, "a": -9_007_199_254_740_993_i64, "b": 9_007_199_254_740_991_u64 });
        let entry = Entry::of(&event(body)).unwrap();
        assert_eq!(
            std::str::from_utf8(entry.bytes()).unwrap(),
            r#"{"at":"2026-08-03T10:00:00.123456Z","body":{"a":"-9007199254740993","b":9007199254740991,"z":"9007199254740992"},"id":"00000000-0000-0000-0000-000000000007","kind":"call.outcome","version":1}"#
        );
    }

    #[test]
    fn one_event_has_one_entry() {
        let good = Entry::of(&event(json!({ "a": 1 }))).unwrap();
        assert_eq!(Entry::parse(good.bytes()).unwrap().0, good);
        let text = std::str::from_utf8(good.bytes()).unwrap();
        for (bad, error) in [
            (text.replace("\"a\":1", "\"a\":1.0"), BadEntry::Form),
            (text.replace("\"a\":1", "\"a\": 1"), BadEntry::Form),
            (text.replace("\"a\":1", "\"a\":9007199254740993"), BadEntry::Form),
            (text.replace("\"a\":1", "\"a\":1,\"a\":1"), BadEntry::Form),
            (text.replace("123456Z", "12345Z"), BadEntry::Member("at")),
            (text.replace("\"kind\":\"call.outcome\",", ""), BadEntry::Member("kind")),
            (text.replace("\"kind\"", "\"king\":1,\"kind\""), BadEntry::Member("of another name")),
            (text.replace("0000-0000-", "0000-0000"), BadEntry::Member("id")),
            (text.replace("1}", "1"), BadEntry::Json),
            (format!("{text}\n"), BadEntry::Form),
            (" ".repeat(MOST + 1), BadEntry::Long(MOST + 1)),
        ] {
            assert_eq!(Entry::parse(bad.as_bytes()).unwrap_err(), error, "{bad}");
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_and_its_digest_stays() {
        let entry = Entry::of(&event(json!({ "a": "x".repeat(MOST) }))).unwrap();
        let (again, short) = Entry::parse(entry.bytes()).unwrap();
        assert_eq!(again, entry);
        assert_eq!(short.body["left_out"]["bytes"], MOST + 8);
        assert_eq!(short.body["left_out"]["sha256"].as_str().unwrap().len(), 64);
        let other = Entry::of(&event(json!({ "a": "y".repeat(MOST) }))).unwrap();
        assert_ne!(other, entry);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(".*", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_stays_the_same(body in any_json()) {
            let first = Entry::of(&event(json!({ "body": body }))).unwrap();
            let (again, read) = Entry::parse(first.bytes()).unwrap();
            prop_assert_eq!(&again, &first);
            prop_assert_eq!(Entry::of(&read).unwrap(), first);
        }

        #[test]
        fn nothing_that_is_read_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Entry::parse(&bytes);
        }
    }
}
