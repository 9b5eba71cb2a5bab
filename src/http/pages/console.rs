//! The pages of the console. A few shapes for all of them: a list, an object, a question, and the overview.

mod ask;
mod cell;
mod list;
mod overview;
mod sheet;

pub use ask::{AskPage, Difference, Input, InputKind};
pub(crate) use cell::exact;
pub use cell::{Cell, Tone};
pub use list::{Column, Filter, ListPage, Opt, Pager, Row, Search};
pub use overview::{Attention, OverviewPage, Tile};
pub use sheet::{Fact, Section, SheetPage, Table};

use super::filters;

/// What surrounds each page.
pub struct Frame {
    /// The tenant's name, as its administrator wrote it.
    pub place: String,
    /// Who is logged in.
    pub person: String,
    /// As what.
    pub role: String,
    /// The parts of the console that they may see.
    pub nav: Vec<NavItem>,
    /// Their account page.
    pub account_href: String,
    /// Where "Log out" posts to.
    pub logout_action: String,
    /// The CSRF token of that form.
    pub logout_csrf: String,
    /// What the last change did, in whole sentences.
    pub done: Option<String>,
}

/// A part of the console.
pub struct NavItem {
    /// Its name.
    pub label: String,
    /// Its address.
    pub href: String,
    /// Whether this page belongs to it.
    pub current: bool,
}

/// A way to do something, or to another page.
pub struct Way {
    /// A verb.
    pub label: String,
    /// The address.
    pub href: String,
    /// What it means, where that needs a sentence.
    pub hint: String,
    /// Whether it is what people come for.
    pub primary: bool,
}

impl Way {
    /// A way without a sentence.
    pub fn new(label: &str, href: String) -> Self {
        Self { label: label.to_owned(), href, hint: String::new(), primary: false }
    }

    /// What people come for.
    #[must_use]
    pub fn primary(self) -> Self {
        Self { primary: true, ..self }
    }

    /// Says what it means.
    #[must_use]
    pub fn hint(self, hint: &str) -> Self {
        Self { hint: hint.to_owned(), ..self }
    }
}
