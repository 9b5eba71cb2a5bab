//! Views of events for tools that read many products' logs: one line an event, in OCSF or in CEF.
//!
//! A line is a pure function of the log's name, the index and the event, the same from the database and from an export, so that
//! whoever verifies an export makes it again and compares. What an event is to such a tool is in [`meaning`]; the whole body is in
//! every line beside that, so no view loses anything.

pub mod cef;
mod meaning;
pub mod ocsf;
#[cfg(test)]
mod tests;

use serde_json::Value;
use time::OffsetDateTime;

use super::log::readable;
use crate::store::audit::EventRow;

/// The name of the product and of who makes it.
const PRODUCT: &str = "Sallyport";

/// What an event of this kind is called in words.
pub fn caption(kind: &str) -> &'static str {
    meaning::meaning(kind, &Value::Null).caption
}

/// Milliseconds since 1970.
fn millis(at: OffsetDateTime) -> i64 {
    at.unix_timestamp().saturating_mul(1000).saturating_add(at.millisecond().into())
}

/// The member of this name that is a text, and not an empty one.
fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The texts of the list of this name.
fn texts<'a>(body: &'a Value, name: &str) -> Vec<&'a str> {
    let items = body.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The moment of this name, in milliseconds.
fn moment(body: &Value, name: &str) -> Option<i64> {
    OffsetDateTime::parse(text(body, name)?, &time::format_description::well_known::Rfc3339).ok().map(millis)
}

/// A whole number that tools can be given.
fn number(body: &Value, name: &str) -> Option<u64> {
    body.get(name).and_then(Value::as_u64).filter(|number| *number <= i32::MAX.unsigned_abs().into())
}

/// JSON in its one canonical form, so that it does not depend on where the event was read from.
fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// The body as its entry in the log has it: `1.0` is read from there as `1`.
fn body(event: &EventRow) -> Value {
    let body = readable(event.body.clone());
    serde_json::from_str(&canonical(&body)).unwrap_or(body)
}
