//! Views: the same entries in lines that other programs read. Each follows from the entries, so that whoever checks an
//! export makes it anew.

use crate::{
    audit::{
        log::{Entry, Origin},
        view::{cef, ocsf},
    },
    store::audit::EventRow,
};

/// An entry with all that a view may say of it.
#[derive(Debug)]
pub struct Record<'a> {
    /// The log's name.
    pub origin: &'a Origin,
    /// The entry's index.
    pub index: u64,
    /// The entry.
    pub entry: &'a Entry,
    /// The event that it is.
    pub event: &'a EventRow,
}

/// A file with a line for each entry.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Its name.
    pub file: &'static str,
    /// The line of an entry, without the newline.
    pub line: fn(&Record<'_>) -> String,
}

/// All views of an export.
pub const VIEWS: &[View] = &[
    View { file: "events.jsonl", line: plain },
    View { file: "ocsf.ndjson", line: |record| ocsf::line(record.origin, record.index, record.event) },
    View { file: "cef.log", line: |record| cef::line(record.origin, record.index, record.event) },
];

fn plain(record: &Record<'_>) -> String {
    format!("{{\"index\":{},\"event\":{}}}", record.index, String::from_utf8_lossy(record.entry.bytes()))
}
