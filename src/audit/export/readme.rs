//! What an export says to the person who opens it.

use super::{Head, Whose};

const TEXT: &str = include_str!("readme.md");

/// The README of an export.
pub(super) fn text(head: &Head, whose: &Whose) -> String {
    let included = match head.extent.included() {
        None => "no entries".to_owned(),
        Some(range) if range.count() == head.checkpoint.size => format!("all of them (0 to {})", range.last),
        Some(range) => format!("{} of them ({} to {})", range.count(), range.first, range.last),
    };
    let keys: String = head.keys.iter().map(|key| format!("    {key}\n")).collect();
    TEXT.replace("{origin}", head.checkpoint.origin.as_str())
        .replace("{tenant}", &whose.tenant)
        .replace("{size}", &head.checkpoint.size.to_string())
        .replace("{root}", &head.checkpoint.root.to_string())
        .replace("{included}", &included)
        .replace("{keys}\n", &keys)
}
