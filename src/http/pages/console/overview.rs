//! The first page of the console.

use askama::Template;

use super::super::{Chart, Lines};
use super::{Cell, Frame, Section, Tone, filters};

/// Numbers, and what needs attention.
#[derive(Template)]
#[template(path = "console/overview.html")]
pub struct OverviewPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Numbers.
    pub tiles: Vec<Tile>,
    /// What somebody should look at.
    pub attention: Vec<Attention>,
    /// Calls over time.
    pub charts: Vec<Chart>,
    /// How long answers took, and how much is used.
    pub lines: Vec<Lines>,
    /// How servers answer.
    pub servers: Section,
    /// What happened lately.
    pub lately: Section,
}

/// One number.
pub struct Tile {
    /// What it counts.
    pub label: String,
    /// The number, for people.
    pub value: String,
    /// What to know of it.
    pub hint: String,
    /// Where there is more.
    pub href: String,
}

/// Something that waits for somebody.
pub struct Attention {
    /// What, in a sentence.
    pub words: String,
    /// Where to do something about it.
    pub href: String,
    /// The verb.
    pub verb: String,
    /// How urgent it is.
    pub tone: Tone,
}
