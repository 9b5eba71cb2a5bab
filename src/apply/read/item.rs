//! One table of the file: its keys are taken one by one, and what is wrong is noted with its line.

use std::{cell::RefCell, collections::HashSet, fmt::Display};

use toml::de::{DeTable, DeValue};

use crate::apply::Problem;

/// The file: its text, and what was found wrong so far.
pub(super) struct Source<'a> {
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, problems: RefCell::default() }
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or_default().matches('\n').count() + 1
    }

    pub(super) fn problem(&self, offset: usize, object: &str, message: impl Into<String>) {
        let problem = Problem { line: Some(self.line(offset)), object: object.to_owned(), message: message.into() };
        self.problems.borrow_mut().push(problem);
    }

    /// Notes a mistake of a line.
    pub(super) fn problem_on(&self, line: Option<usize>, object: &str, message: String) {
        self.problems.borrow_mut().push(Problem { line, object: object.to_owned(), message });
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A table of the file.
pub(super) struct Item<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    offset: usize,
    /// What it is called in messages.
    pub(super) name: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Item<'a> {
    pub(super) fn new(source: &'a Source<'a>, table: &'a DeTable<'a>, offset: usize, name: String) -> Self {
        Self { source, table, offset, name, known: RefCell::default() }
    }

    /// The line it begins on.
    pub(super) fn line(&self) -> usize {
        self.source.line(self.offset)
    }

    /// Where it begins, in bytes.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn clone_table(&self) -> DeTable<'a> {
        self.table.clone()
    }

    /// Notes names that stand here twice, whatever their case.
    pub(super) fn twice<'n>(&self, kind: &str, names: impl Iterator<Item = (&'n str, Option<usize>)>) {
        let mut seen = HashSet::new();
        for (name, line) in names {
            if !seen.insert(name.to_lowercase()) {
                self.source.problem_on(line, &self.name, format!("{kind} {name} is here twice; keep one"));
            }
        }
    }

    /// Notes a mistake in `key`, on its line, or on the table's where the key is missing.
    pub(super) fn problem(&self, key: &str, message: impl Display) {
        let offset = self.table.get_key_value(key).map_or(self.offset, |(key, _)| key.span().start);
        self.problem_at(offset, format!("{key} {message}"));
    }

    pub(super) fn problem_at(&self, offset: usize, message: impl Into<String>) {
        self.source.problem(offset, &self.name, message);
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key, and where it is.
    pub(super) fn value(&self, key: &'static str) -> Option<(&'a DeValue<'a>, usize)> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table.get(key).map(|value| (value.get_ref(), value.span().start))
    }

    /// A text without control characters and white space around it. Empty is a mistake.
    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        let (value, _) = self.value(key)?;
        match value {
            DeValue::String(text) if text.trim().is_empty() => self.wrong(key, "is empty; leave it out instead"),
            DeValue::String(text) if text.chars().any(char::is_control) => {
                self.wrong(key, "has a control character or a line break")
            }
            DeValue::String(text) => Some(text.trim()),
            _ => self.wrong(key, "must be a text in quotes"),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, key: &'static str) -> Option<&'a str> {
        if !self.has(key) {
            self.value(key);
            return self.wrong(key, "is required");
        }
        self.text(key)
    }

    /// A text as a `T`.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(text?).map_err(|error| self.problem(key, format_args!("is wrong: {error}"))).ok()
    }

    /// One of some words.
    pub(super) fn word<T>(
        &self,
        key: &'static str,
        default: T,
        words: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.value(key);
            return Some(default);
        }
        let word = parse(self.text(key)?);
        if word.is_none() {
            self.problem(key, format_args!("must be {words}"));
        }
        word
    }

    /// True or false. None where it is neither.
    pub(super) fn flag(&self, key: &'static str) -> Option<Option<bool>> {
        match self.value(key) {
            None => Some(None),
            Some((DeValue::Boolean(flag), _)) => Some(Some(*flag)),
            Some(_) => self.wrong(key, "must be true or false"),
        }
    }

    /// A list of texts, each parsed. None where there is none, or where one is wrong.
    pub(super) fn list<T, E: Display>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let (value, _) = self.value(key)?;
        let DeValue::Array(values) = value else { return self.wrong(key, "must be a list of texts") };
        let read = values.iter().map(|value| match value.get_ref() {
            DeValue::String(text) => parse(text)
                .map_err(|error| self.problem_at(value.span().start, format!("{key} holds something wrong: {error}")))
                .ok(),
            _ => {
                self.problem_at(value.span().start, format!("{key} must hold texts in quotes"));
                None
            }
        });
        let read: Vec<Option<T>> = read.collect();
        read.into_iter().collect()
    }

    /// A list of tables, `[[key]]` or inline. `name` makes what messages call the one with this number.
    pub(super) fn tables(&self, key: &'static str, name: impl Fn(usize) -> String) -> Vec<Item<'a>> {
        let Some((value, _)) = self.value(key) else { return Vec::new() };
        let DeValue::Array(values) = value else {
            self.problem(key, "must be a list of tables");
            return Vec::new();
        };
        let items = values.iter().enumerate().filter_map(|(n, value)| match value.get_ref() {
            DeValue::Table(table) => Some(Item::new(self.source, table, value.span().start, name(n + 1))),
            _ => {
                self.problem_at(value.span().start, format!("{key} must hold tables"));
                None
            }
        });
        items.collect()
    }

    /// A table within.
    pub(super) fn table(&self, key: &'static str) -> Option<Item<'a>> {
        let (value, offset) = self.value(key)?;
        match value {
            DeValue::Table(table) => Some(Item::new(self.source, table, offset, self.name.clone())),
            _ => self.wrong(key, "must be a table"),
        }
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let message = format!("there is no key {:?} here; known ones are {}", key.get_ref(), known.join(", "));
            self.problem_at(key.span().start, message);
        }
    }

    fn wrong<T>(&self, key: &str, message: &str) -> Option<T> {
        self.problem(key, message);
        None
    }
}
