//! One value on a page.

use askama::Template;
use time::OffsetDateTime;

use super::filters;
use crate::http::words::{ago, ahead};

/// What a state means for whoever looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Somebody should do something.
    Waits,
    /// Off, or refused.
    Stopped,
    /// Neither good nor bad.
    Plain,
}

/// One value. What others chose is cut and freed of invisible characters when it is drawn.
#[derive(Template)]
#[template(path = "console/cell.html")]
pub enum Cell {
    /// Nothing to say.
    Nothing,
    /// Text.
    Text(String),
    /// Text that leads somewhere of ours.
    Link {
        /// The text.
        text: String,
        /// Where it leads.
        href: String,
        /// Smaller text after it.
        hint: String,
    },
    /// An identifier or an address, as it is.
    Code(String),
    /// A number.
    Number(i64),
    /// A moment.
    Time {
        /// How long ago.
        words: String,
        /// Exactly when, by RFC 3339.
        exact: String,
    },
    /// A state: a word and a shape.
    State {
        /// The word.
        word: String,
        /// The shape.
        tone: Tone,
    },
    /// Several identifiers.
    Names(Vec<String>),
}

impl Cell {
    /// Text that leads somewhere.
    pub fn link(text: impl Into<String>, href: String) -> Self {
        Self::Link { text: text.into(), href, hint: String::new() }
    }

    /// A moment.
    pub fn time(now: OffsetDateTime, at: OffsetDateTime) -> Self {
        Self::Time { words: ago(now, at), exact: exact(at) }
    }

    /// A moment to come.
    pub fn until(now: OffsetDateTime, at: OffsetDateTime) -> Self {
        Self::Time { words: ahead(now, at), exact: exact(at) }
    }

    /// A moment that may not have come.
    pub fn time_or(now: OffsetDateTime, at: Option<OffsetDateTime>, never: &str) -> Self {
        at.map_or_else(|| Self::Text(never.to_owned()), |at| Self::time(now, at))
    }

    /// A state.
    pub fn state(word: &str, tone: Tone) -> Self {
        Self::State { word: word.to_owned(), tone }
    }
}

impl Tone {
    /// The class in the stylesheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waits => "waits",
            Self::Stopped => "stopped",
            Self::Plain => "plain",
        }
    }
}

/// To the second, in UTC.
pub(crate) fn exact(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(at);
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
