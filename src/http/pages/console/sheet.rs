//! One object: facts, what it may do, what it did lately, and what cannot be undone last.

use askama::Template;

use super::super::Chart;
use super::{Cell, Column, Frame, Row, Way, filters};

/// The page of one object.
#[derive(Template)]
#[template(path = "console/sheet.html")]
pub struct SheetPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The list that it is from.
    pub back: Way,
    /// Its name: somebody else may have chosen it.
    pub title: String,
    /// Its state.
    pub state: Cell,
    /// What to know of it first, in whole sentences.
    pub lead: String,
    /// Facts.
    pub facts: Vec<Fact>,
    /// More of it.
    pub sections: Vec<Section>,
    /// What can be done with it.
    pub actions: Vec<Way>,
    /// What takes something away.
    pub danger: Vec<Way>,
}

/// A fact.
pub struct Fact {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: Cell,
}

/// A part of the page.
pub struct Section {
    /// Its name.
    pub title: String,
    /// What is in it, or why there is nothing.
    pub text: String,
    /// Its facts.
    pub facts: Vec<Fact>,
    /// Its table.
    pub table: Option<Table>,
    /// Calls over time.
    pub chart: Option<Chart>,
    /// Text to be read as it is.
    pub pre: Option<String>,
    /// Where there is more.
    pub more: Option<Way>,
}

/// A table without search.
pub struct Table {
    /// Its heads.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Fact {
    /// A fact.
    pub fn new(name: &str, value: Cell) -> Self {
        Self { name: name.to_owned(), value }
    }
}

impl Section {
    /// A part with a sentence.
    pub fn new(title: &str, text: impl Into<String>) -> Self {
        Self {
            title: title.to_owned(),
            text: text.into(),
            facts: Vec::new(),
            table: None,
            chart: None,
            pre: None,
            more: None,
        }
    }

    /// With a table; its last columns may be numbers.
    #[must_use]
    pub fn table(self, heads: &[&str], rows: Vec<Vec<Cell>>) -> Self {
        let number = |at: usize| {
            let mut column = rows.iter().filter_map(|row| row.get(at)).peekable();
            column.peek().is_some() && column.all(|cell| matches!(cell, Cell::Number(_)))
        };
        let column = |(at, label): (usize, &&str)| Column {
            label: (*label).to_owned(),
            number: number(at),
            href: None,
            sorted: None,
        };
        let columns = heads.iter().enumerate().map(column).collect();
        let rows = rows.into_iter().map(|cells| Row { cells }).collect();
        Self { table: Some(Table { columns, rows }), ..self }
    }

    /// With calls over time.
    #[must_use]
    pub fn chart(self, chart: Chart) -> Self {
        Self { chart: Some(chart), ..self }
    }

    /// With a way to more of it.
    #[must_use]
    pub fn more(self, way: Way) -> Self {
        Self { more: Some(way), ..self }
    }

    /// With facts.
    #[must_use]
    pub fn facts(self, facts: Vec<Fact>) -> Self {
        Self { facts, ..self }
    }

    /// With text to be read as it is.
    #[must_use]
    pub fn pre(self, text: String) -> Self {
        Self { pre: Some(text), ..self }
    }
}
