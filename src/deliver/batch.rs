//! Entries on their way to a collector.

use time::OffsetDateTime;

use crate::{
    audit::{
        log::{Entry, Origin},
        view::{cef, ocsf},
    },
    config::ShipFormat,
    store::audit::EventRow,
};

/// Bytes of lines at most, but for a first line that has more.
const MOST: usize = 1 << 20;

/// One entry in the format of its target: a line.
#[derive(Debug)]
pub(super) struct Line {
    pub index: u64,
    pub at: OffsetDateTime,
    pub kind: String,
    pub text: String,
}

/// Lines of one log in order.
#[derive(Debug)]
pub(super) struct Batch {
    pub origin: Origin,
    pub format: ShipFormat,
    pub lines: Vec<Line>,
}

impl Batch {
    /// As many of the events as there is room for, at least one.
    pub(super) fn of(origin: Origin, format: ShipFormat, events: &[(u64, EventRow)]) -> Self {
        let mut bytes = 0;
        let lines = events.iter().map(|(index, event)| {
            let text = match format {
                ShipFormat::Ocsf => ocsf::line(&origin, *index, event),
                ShipFormat::Cef => cef::line(&origin, *index, event),
                ShipFormat::Json => json(&origin, *index, event),
            };
            Line { index: *index, at: event.at, kind: event.kind.clone(), text }
        });
        let fits = |line: &Line| {
            let first = bytes == 0;
            bytes += line.text.len();
            first || bytes <= MOST
        };
        let lines = lines.take_while(fits).collect();
        Self { origin, format, lines }
    }

    /// The lines as members of JSON: objects but for CEF.
    pub(super) fn is_json(&self) -> bool {
        !matches!(self.format, ShipFormat::Cef)
    }
}

/// The entry as the tree has it.
fn json(origin: &Origin, index: u64, event: &EventRow) -> String {
    let entry = Entry::of(event).map(|entry| String::from_utf8_lossy(entry.bytes()).into_owned());
    let entry = entry.unwrap_or_else(|_| "null".to_owned());
    format!("{{\"event\":{entry},\"index\":{index},\"log\":{}}}", serde_json::Value::from(origin.as_str()))
}
