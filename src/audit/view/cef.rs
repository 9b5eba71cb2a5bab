//! The Common Event Format, version 0.

use std::fmt::Write as _;

use super::{
    PRODUCT, body, canonical,
    meaning::{Severity, Status, meaning},
    millis, moment, number, text,
};
use crate::{audit::log::Origin, store::audit::EventRow};

/// The line of an event.
pub fn line(origin: &Origin, index: u64, event: &EventRow) -> String {
    let body = body(event);
    let meant = meaning(&event.kind, &body);
    let severity = match meant.severity {
        Severity::Informational => 1,
        Severity::Low => 3,
        Severity::Medium => 6,
        Severity::High => 8,
    };
    let outcome = match meant.status {
        Status::Unknown => "unknown",
        Status::Success => "success",
        Status::Failure => "failure",
    };
    let (kind, caption) = (header(&event.kind), meant.caption);
    let mut line = format!("CEF:0|{PRODUCT}|{PRODUCT}|{}|{kind}|{caption}|{severity}|", event.version);
    let mut first = true;
    let mut add = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            let space = if std::mem::take(&mut first) { "" } else { " " };
            // Writing to a String does not fail.
            let _ = write!(line, "{space}{key}={}", extension(value));
        }
    };
    add("rt", Some(&millis(event.at).to_string()));
    add("externalId", Some(&event.id.to_string()));
    add("cn1Label", Some("index"));
    add("cn1", Some(&index.to_string()));
    add("cs1Label", Some("log"));
    add("cs1", Some(origin.as_str()));
    add("outcome", Some(outcome));
    add("suid", text(&body, "subject"));
    add("duid", text(&body, "person"));
    let mut labelled = |n: u8, label: &str, value: Option<&str>| {
        if value.is_some() {
            add(&format!("cs{n}Label"), Some(label));
            add(&format!("cs{n}"), value);
        }
    };
    labelled(2, "client", text(&body, "client"));
    labelled(3, "server", text(&body, "server"));
    labelled(4, "family", text(&body, "family"));
    labelled(5, "source", text(&body, "source"));
    labelled(6, "request", event.request_id.as_deref());
    add("reason", text(&body, "reason").or_else(|| text(&body, "outcome")));
    add("requestMethod", text(&body, "method"));
    add("cnt", number(&body, "count").map(|count| count.to_string()).as_deref());
    add("start", moment(&body, "first").map(|at| at.to_string()).as_deref());
    add("end", moment(&body, "last").map(|at| at.to_string()).as_deref());
    add("SallyportBody", Some(&canonical(&body)));
    line
}

/// In the header a vertical bar would end the field, and there are no lines.
fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// In the extension an equals sign would begin a value.
fn extension(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=").replace('\n', "\\n").replace('\r', "\\r")
}
