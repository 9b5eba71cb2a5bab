//! Reads settings one by one: takes what was given, checks it, remembers what took effect and what is wrong.

use std::{
    collections::BTreeMap,
    fmt::Display,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    environment::{Environment, variable_of},
    problems::{ConfigErrors, Problem},
};
use crate::secret::SecretText;

/// Where a setting's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File,
    /// Its `SALLYPORT_*` variable.
    Environment,
    /// `sallyport dev`, whose installations have no file.
    Development,
}

/// A setting that took effect.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// Its name in the file.
    pub key: String,
    /// Its value as text; "set" or "not set" for a secret.
    pub value: String,
    /// Where the value came from.
    pub source: Source,
}

struct Given {
    source: Source,
    items: Items,
}

enum Items {
    One(String),
    Many(Vec<String>),
    /// A value of a type that no setting has.
    Odd(&'static str),
}

/// What was given and not yet read. The default one gives nothing, so every setting takes its default.
#[derive(Default)]
pub(super) struct Reader {
    given: BTreeMap<String, Given>,
    keys: Option<SecretText>,
    file_dir: PathBuf,
    known: Vec<Setting>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn open(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigErrors> {
        let mut reader =
            Self { keys: environment.keys().map(|text| SecretText::new(text.to_owned())), ..Self::default() };
        if let Some(file) = file {
            reader.file_dir = file.parent().map(Path::to_owned).unwrap_or_default();
            flatten("", read_toml(file)?, &mut reader.given);
        }
        for (key, value) in environment.settings() {
            let items = Items::One(value.to_owned());
            reader.given.insert(key, Given { source: Source::Environment, items });
        }
        Ok(reader)
    }

    /// The settings that took effect, or everything that is wrong.
    pub(super) fn finish(mut self) -> Result<Vec<Setting>, ConfigErrors> {
        for (key, given) in std::mem::take(&mut self.given) {
            let hint = self.known.iter().map(|s| s.key.as_str()).find(|known| near(known, &key));
            let hint = hint.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
            let key = if given.source == Source::Environment { variable_of(&key) } else { key };
            self.problem(&key, format!("there is no such setting{hint}"));
        }
        if self.problems.is_empty() { Ok(self.known) } else { Err(ConfigErrors::new(self.problems)) }
    }

    pub(super) fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(Problem { key: key.to_owned(), message: message.into() });
    }

    /// The key file's text from the environment.
    pub(super) fn inline_keys(&mut self) -> Option<SecretText> {
        self.keys.take()
    }

    /// The names of the tables in `section`, `[section.NAME]`, of which there may be any number.
    pub(super) fn names_under(&self, section: &str) -> Vec<String> {
        let within = |key: &String| {
            let (name, _) = key.strip_prefix(section)?.strip_prefix('.')?.split_once('.')?;
            Some(name.to_owned())
        };
        let names: std::collections::BTreeSet<String> = self.given.keys().filter_map(within).collect();
        names.into_iter().collect()
    }

    /// A setting without a default that must be there.
    pub(super) fn required<T: Display, E: Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.given.contains_key(key) {
            self.problem(key, format!("is required; set it in the file or as {}", variable_of(key)));
            self.know(key, "not set".to_owned(), Source::Default);
            return None;
        }
        self.optional(key, parse)
    }

    /// A setting that may be absent.
    pub(super) fn optional<T: Display, E: Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (text, source) = self.text(key);
        let value = text.and_then(|text| self.check(key, parse(&text)));
        let shown = value.as_ref().map_or("not set".to_owned(), T::to_string);
        self.know(key, shown, source);
        value
    }

    /// A setting with a default.
    pub(super) fn value<T: Display, E: Display>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> T {
        let (text, source) = self.text(key);
        let value = text.and_then(|text| self.check(key, parse(&text))).unwrap_or(default);
        self.know(key, value.to_string(), source);
        value
    }

    /// A whole number within `range`.
    pub(super) fn number(&mut self, key: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        self.value(key, default, |text| match text.parse::<u32>() {
            Ok(n) if range.contains(&n) => Ok(n),
            _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
        })
    }

    /// A length of time counted in units of `unit` seconds.
    pub(super) fn duration(&mut self, key: &str, unit: u64, default: u32, range: RangeInclusive<u32>) -> Duration {
        Duration::from_secs(u64::from(self.number(key, default, range)) * unit)
    }

    /// A list. Given as a TOML array, or as text with commas.
    pub(super) fn list<T: Display, E: Display>(
        &mut self,
        key: &str,
        default: Vec<T>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let (items, source) = match self.given.remove(key) {
            None => (None, Source::Default),
            Some(Given { source, items: Items::Many(items) }) => (Some(items), source),
            Some(Given { source, items: Items::One(text) }) => (Some(split(&text)), source),
            Some(Given { source, items: Items::Odd(kind) }) => {
                self.problem(key, format!("must be a list of texts, not {kind}"));
                (None, source)
            }
        };
        let list = match items {
            None => default,
            Some(items) => items.iter().filter_map(|item| self.check(key, parse(item))).collect(),
        };
        let shown = list.iter().map(T::to_string).collect::<Vec<_>>().join(", ");
        self.know(key, if shown.is_empty() { "none".to_owned() } else { shown }, source);
        list
    }

    /// A secret. Only that it is there is remembered.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretText> {
        let (text, source) = self.text(key);
        let secret = text.map(SecretText::new);
        self.know_secret(key, secret.is_some(), source);
        secret
    }

    /// A path. A relative one from the file starts at the file's directory.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let (text, source) = self.text(key);
        let path = text.map(|text| if source == Source::File { self.file_dir.join(text) } else { PathBuf::from(text) });
        let shown = path.as_ref().map_or("not set".to_owned(), |path| path.display().to_string());
        self.know(key, shown, source);
        path
    }

    pub(super) fn know_secret(&mut self, key: &str, set: bool, source: Source) {
        self.know(key, if set { "set" } else { "not set" }.to_owned(), source);
    }

    fn know(&mut self, key: &str, value: String, source: Source) {
        self.known.push(Setting { key: key.to_owned(), value, source });
    }

    fn text(&mut self, key: &str) -> (Option<String>, Source) {
        let Some(given) = self.given.remove(key) else { return (None, Source::Default) };
        match given.items {
            Items::One(text) if text.is_empty() => {
                self.problem(key, "is empty; leave it out instead");
                (None, given.source)
            }
            Items::One(text) => (Some(text), given.source),
            Items::Many(_) => {
                self.problem(key, "must be one value, not a list");
                (None, given.source)
            }
            Items::Odd(kind) => {
                self.problem(key, format!("must be text or a whole number, not {kind}"));
                (None, given.source)
            }
        }
    }

    fn check<T, E: Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problem(key, error.to_string())).ok()
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn read_toml(file: &Path) -> Result<toml::Table, ConfigErrors> {
    let name = file.display().to_string();
    let text =
        std::fs::read_to_string(file).map_err(|error| ConfigErrors::one(&name, format!("cannot read: {error}")))?;
    text.parse().map_err(|error: toml::de::Error| {
        // The parser's own rendering quotes the line, which may hold a secret.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigErrors::one(format!("{name}:{line}"), error.message().replace('\n', ", "))
    })
}

fn flatten(place: &str, table: toml::Table, into: &mut BTreeMap<String, Given>) {
    for (name, value) in table {
        let key = if place.is_empty() { name } else { format!("{place}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(&key, table, into),
            value => {
                into.insert(key, Given { source: Source::File, items: items_of(value) });
            }
        }
    }
}

fn items_of(value: toml::Value) -> Items {
    match value {
        toml::Value::Array(values) => {
            let texts = values.into_iter().map(|value| match items_of(value) {
                Items::One(text) => Some(text),
                Items::Many(_) | Items::Odd(_) => None,
            });
            texts.collect::<Option<_>>().map_or(Items::Odd("a list of something else"), Items::Many)
        }
        toml::Value::String(text) => Items::One(text),
        toml::Value::Integer(number) => Items::One(number.to_string()),
        toml::Value::Boolean(_) => Items::Odd("true or false"),
        toml::Value::Float(_) => Items::Odd("a decimal fraction"),
        toml::Value::Datetime(_) => Items::Odd("a date"),
        toml::Value::Table(_) => Items::Odd("a table"),
    }
}

/// Same last word, or the same letters but for one or two.
fn near(known: &str, given: &str) -> bool {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    last(known) == last(given) || distance(known, given) <= 2
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, up_left), up) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(i + 1);
            next.push((up_left + usize::from(x != *y)).min(up + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
