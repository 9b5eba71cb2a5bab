//! Filters that the templates use beside askama's own.

#![expect(unreachable_pub, reason = "the attribute makes a public type of each filter, in this private module")]

use super::text;

/// Makes a string that a stranger chose fit to show: see [`text::display_text`].
#[askama::filter_fn]
pub(super) fn shown(value: impl std::fmt::Display, _: &dyn askama::Values, max: usize) -> askama::Result<String> {
    Ok(text::display_text(&value.to_string(), max))
}

/// The name of a client, or what to say of one that left its name empty or wrote it in invisible characters.
#[askama::filter_fn]
pub(super) fn client_name(value: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    let name = text::display_text(&value.to_string(), 80);
    Ok(if name.is_empty() { "A client without a name".to_owned() } else { name })
}

/// JSON in several lines, in which what cannot be seen is an escape: see [`text::in_sight`].
#[askama::filter_fn]
pub(super) fn in_sight(value: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(text::in_sight(&value.to_string()))
}
