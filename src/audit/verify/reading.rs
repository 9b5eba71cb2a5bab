//! Entries against their tiles, and views and values against the entries: all read along, one bundle at a time.

use std::{collections::BTreeMap, path::Path};

use time::OffsetDateTime;

use super::{
    Fault, Refusal,
    files::{Compared, read},
    tree::Tree,
};
use crate::audit::{
    export::{Extent, FileFacts, Kinds, Manifest, Record, SUMS, VALUES, VIEWS, Value, Whose, digest, sum_line},
    log::{BadTile, Entry, Hash, MOST_OF_ENTRY, Origin, Restarted, WIDTH, entry_hash},
};

/// The longest line of a value.
const LONGEST_VALUE: u64 = 64 << 20;
/// The longest bundle.
const LONGEST_BUNDLE: u64 = WIDTH * (MOST_OF_ENTRY as u64 + 2);

/// What is read along with the entries, and what was learned of them.
pub(super) struct Reading<'a> {
    dir: &'a Path,
    prefix: &'a str,
    extent: Extent,
    origin: &'a Origin,
    views: Vec<Compared>,
    values: Option<Compared>,
    /// The value that comes next.
    next: Option<Value>,
    pub(super) sums: Compared,
    pub(super) kinds: Kinds,
    pub(super) span: Option<(OffsetDateTime, OffsetDateTime)>,
    pub(super) values_found: u64,
    pub(super) restarted: Option<Restarted>,
}

impl<'a> Reading<'a> {
    pub(super) fn open(
        (dir, prefix): (&'a Path, &'a str),
        manifest: &Manifest,
        extent: Extent,
        origin: &'a Origin,
    ) -> Result<Self, Refusal> {
        let open = |name: &str| Compared::open(dir, &format!("{prefix}{name}"));
        let mut reading = Self {
            dir,
            prefix,
            extent,
            origin,
            views: VIEWS.iter().map(|view| open(view.file)).collect::<Result<_, _>>()?,
            values: manifest.has_values().then(|| open(VALUES)).transpose()?,
            next: None,
            sums: open(SUMS)?,
            kinds: Kinds::new(),
            span: None,
            values_found: 0,
            restarted: None,
        };
        reading.next_value()?;
        Ok(reading)
    }

    /// The next line of the digests must be that of this file.
    pub(super) fn sum(&mut self, name: &str, facts: &FileFacts) -> Result<(), Refusal> {
        if self.sums.expect(sum_line(name, facts).as_bytes())? {
            return Ok(());
        }
        Err(Fault::Sums(name.to_owned()).at(self.sums.name()))
    }

    /// All entries of the export, in order, each with its tile.
    pub(super) fn entries(&mut self, tree: &mut Tree<'_>, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Refusal> {
        let total = self.extent.included().map_or(0, |range| range.count());
        let mut done = 0;
        for tile in self.extent.walk() {
            let (hashes, facts) = tree.check(tile)?;
            self.sum(&self.extent.path(tile), &facts)?;
            if tile.level == 0 {
                self.bundle(tile.index, &hashes)?;
                done += hashes.len() as u64;
                progress(done, total);
            }
        }
        let last = self.extent.size() / WIDTH;
        if !tree.rest().is_empty() && self.extent.has_entries(last) {
            self.bundle(last, tree.rest())?;
            progress(total, total);
        }
        Ok(())
    }

    fn bundle(&mut self, index: u64, leaves: &[Hash]) -> Result<(), Refusal> {
        let own = self.extent.path_of_entries(index);
        let name = format!("{}{own}", self.prefix);
        let bytes = read(self.dir, &name, LONGEST_BUNDLE)?;
        let mut rest = bytes.as_slice();
        for (index, leaf) in (index * WIDTH..).zip(leaves) {
            let Some((entry, after)) = cut(rest) else {
                return Err(Fault::Bundle(BadTile::Bundle(leaves.len() as u64)).at(&name));
            };
            if entry_hash(entry) != *leaf {
                let moved = leaves.iter().position(|other| *other == entry_hash(entry));
                let fault = moved.map_or(Fault::Changed, |at| Fault::Moved(index / WIDTH * WIDTH + at as u64));
                return Err(fault.of(&name, index, event_of(entry)));
            }
            self.entry(&name, index, entry)?;
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Fault::Bundle(BadTile::Bundle(leaves.len() as u64)).at(&name));
        }
        self.sum(&own, &digest(&bytes))
    }

    fn entry(&mut self, name: &str, index: u64, bytes: &[u8]) -> Result<(), Refusal> {
        let (entry, event) =
            Entry::parse(bytes).map_err(|error| Fault::Entry(error).of(name, index, event_of(bytes)))?;
        let id = || Some(event.id.to_string());
        let record = Record { origin: self.origin, index, entry: &entry, event: &event };
        for (view, file) in VIEWS.iter().zip(&mut self.views) {
            if !file.expect(((view.line)(&record) + "\n").as_bytes())? {
                return Err(Fault::View.of(file.name(), index, id()));
            }
        }
        while let Some(value) = self.next.take_if(|value| value.index == index) {
            let file = format!("{}{VALUES}", self.prefix);
            value.belongs_to(&event).map_err(|error| Fault::Value(error).of(&file, index, id()))?;
            self.values_found += 1;
            self.next_value()?;
        }
        Manifest::count_kind(&mut self.kinds, &event.kind, event.version)
            .map_err(|error| Fault::Kinds(error).of(name, index, id()))?;
        let (from, to) = self.span.unwrap_or((event.at, event.at));
        self.span = Some((from.min(event.at), to.max(event.at)));
        if index == 0 && Whose::of(self.origin).is_some_and(|whose| whose.epoch > 1) {
            let restarted = Restarted::of(&event).ok_or_else(|| Fault::NotRestarted.of(name, index, id()))?;
            self.restarted = Some(restarted);
        }
        Ok(())
    }

    fn next_value(&mut self) -> Result<(), Refusal> {
        let Some(values) = &mut self.values else { return Ok(()) };
        let line = values.line(LONGEST_VALUE)?;
        let value = line.map(|line| Value::parse(&line)).transpose();
        self.next = value.map_err(|error| Fault::Value(error).at(values.name()))?;
        Ok(())
    }

    /// What the files were that were read along.
    pub(super) fn end(&mut self) -> Result<BTreeMap<String, FileFacts>, Refusal> {
        if self.next.is_some() {
            return Err(Fault::Stray.at(&format!("{}{VALUES}", self.prefix)));
        }
        let mut facts = BTreeMap::new();
        for (view, file) in VIEWS.iter().zip(std::mem::take(&mut self.views)) {
            facts.insert(view.file.to_owned(), file.finish()?);
        }
        if let Some(values) = self.values.take() {
            facts.insert(VALUES.to_owned(), values.finish()?);
        }
        Ok(facts)
    }
}

/// The first entry of a bundle, and the rest of it.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Which event an entry says that it is, right or wrong.
fn event_of(entry: &[u8]) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_slice(entry).ok()?;
    let id = entry.get("id")?.as_str()?.parse::<uuid::Uuid>().ok()?;
    Some(id.to_string())
}
