//! Many objects.

use askama::Template;

use super::{Cell, Frame, Way, filters};

/// A list that can be searched, filtered, sorted and paged, all by its address.
#[derive(Template)]
#[template(path = "console/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Its name.
    pub title: String,
    /// What is in it, in a sentence.
    pub lead: String,
    /// The search form.
    pub search: Search,
    /// The heads of the columns.
    pub columns: Vec<Column>,
    /// The rows of this page.
    pub rows: Vec<Row>,
    /// Other pages.
    pub pager: Pager,
    /// What can be done here.
    pub actions: Vec<Way>,
    /// What to say and to do next where there is nothing at all.
    pub empty: String,
}

/// The search form. It is a `GET`, so what was searched for is in the address.
pub struct Search {
    /// Where it goes.
    pub action: String,
    /// What was searched for.
    pub q: String,
    /// What is searched through.
    pub placeholder: String,
    /// Choices that narrow the list.
    pub filters: Vec<Filter>,
    /// The order, kept while searching.
    pub sort: String,
    /// Whether less than everything is shown.
    pub narrowed: bool,
}

/// A choice.
pub struct Filter {
    /// Its name in the address.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What can be chosen.
    pub options: Vec<Opt>,
}

/// One thing to choose.
pub struct Opt {
    /// What is sent.
    pub value: String,
    /// What people see.
    pub label: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// The head of a column.
pub struct Column {
    /// Its name.
    pub label: String,
    /// Whether it has numbers.
    pub number: bool,
    /// Sorts by it; sorted already, the other way round.
    pub href: Option<String>,
    /// Sorted by it, and whether the largest comes first.
    pub sorted: Option<bool>,
}

/// One row.
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// The way to other pages.
pub struct Pager {
    /// The number of the first row here.
    pub first: i64,
    /// The number of the last one.
    pub last: i64,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}
