//! Writes an export: one tile and its entries at a time, so that memory does not grow with the log.
//!
//! Run again after an interruption, what is there already and right is kept; of entries only those that are missing are asked for.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    CHECKPOINT, CHECKPOINTS, COSIGNED, FORMAT, FileFacts, Head, Kinds, MANIFEST, Manifest, PREVIOUS, README, Record,
    SUMS, Size, Source, SourceError, TILES, Tile, VALUES, VIEWS, Whose,
    extent::is_tile,
    files::{Growing, PARTIAL, digest},
    out::{Out, Told},
    readme,
    sums::line,
};
use crate::{
    audit::log::{BadEntry, Entry, Hash, WIDTH, bundle, unbundle},
    store::audit::EventRow,
};

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file or directory cannot be read or written.
    #[error("cannot write {path:?}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory has something that no export has.
    #[error("{0:?} is not a part of an export: choose an empty directory, or that of an earlier export of this log")]
    Foreign(PathBuf),
    /// The directory has names that exports have, and is none.
    #[error(
        "{0:?} is not empty and holds no export: choose an empty directory, or that of an earlier export of this log"
    )]
    NoExport(PathBuf),
    /// The directory has a link, or something else that is neither a file nor a directory.
    #[error("{0:?} is a link, or neither a file nor a directory: nothing is written through it")]
    Link(PathBuf),
    /// The log cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The tree that is stored is not the one it must be.
    #[error("{0} is not stored as the tree has it: the database was damaged or changed")]
    Tile(String),
    /// An event is not the one that was entered.
    #[error("event {event} is not what the log has as its entry {index}: the database was damaged or changed")]
    Entry {
        /// Where.
        index: u64,
        /// The event.
        event: String,
    },
    /// An event has no canonical form.
    #[error("entry {index}: {source}")]
    Form {
        /// Where.
        index: u64,
        /// Why.
        source: BadEntry,
    },
    /// The log's name is not one that this program gives.
    #[error("{0} is not the name of a log")]
    Name(String),
    /// More kinds of events than there are.
    #[error(transparent)]
    Kinds(#[from] super::MostKinds),
}

/// An epoch of a log: what is known of it, and where it is.
pub struct Epoch {
    /// What is known.
    pub head: Head,
    /// Where it is.
    pub source: Box<dyn Source>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Entries, earlier epochs included.
    pub entries: u64,
    /// Of these, how many were there from an earlier run.
    pub kept: u64,
}

/// Told how many entries are done, and of how many.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// Writes the export of a log, whose earlier epochs go into `previous/<epoch>/`.
///
/// # Errors
/// See [`ExportError`]. Then there is no manifest, and running it again goes on.
pub async fn write(
    dir: &Path,
    current: Epoch,
    previous: Vec<Epoch>,
    progress: Progress<'_>,
) -> Result<Written, ExportError> {
    write_telling(dir, (current, previous), progress, None).await
}

/// The same, and tells which files are finished.
pub(super) async fn write_telling(
    dir: &Path,
    (current, previous): (Epoch, Vec<Epoch>),
    progress: Progress<'_>,
    told: Told,
) -> Result<Written, ExportError> {
    let count = |epoch: &Epoch| epoch.head.extent.included().map_or(0, |range| range.count());
    let total = count(&current) + previous.iter().map(count).sum::<u64>();
    let mut written = Written { entries: 0, kept: 0 };
    let mut inner = BTreeMap::new();
    let out = Out::open(dir, told).map_err(at(dir))?;
    out.refuse_foreign()?;
    // Whatever comes to be here first, it is seen to be an export that was not finished.
    out.create(MANIFEST).map_err(at(dir))?;
    out.remove(MANIFEST).map_err(at(dir))?;
    for epoch in previous {
        let whose = whose(&epoch.head)?;
        let name = format!("{PREVIOUS}/{}", whose.epoch);
        let into = out.below(&name).map_err(at(dir))?;
        let facts = Writer::begin(into, epoch, &mut written, (total, &mut *progress))?.run(BTreeMap::new()).await?;
        inner.insert(format!("{name}/{MANIFEST}"), facts);
    }
    Writer::begin(out, current, &mut written, (total, progress))?.run(inner).await?;
    Ok(written)
}

fn at(path: &Path) -> impl Fn(io::Error) -> ExportError + '_ {
    |source| ExportError::File { path: path.to_owned(), source }
}

fn whose(head: &Head) -> Result<Whose, ExportError> {
    let origin = &head.checkpoint.origin;
    Whose::of(origin).ok_or_else(|| ExportError::Name(origin.to_string()))
}

struct Writer<'a> {
    out: Out,
    head: Head,
    source: Box<dyn Source>,
    sums: Growing,
    views: Vec<Growing>,
    values: Growing,
    kinds: Kinds,
    written: &'a mut Written,
    total: u64,
    progress: Progress<'a>,
}

impl<'a> Writer<'a> {
    fn begin(
        out: Out,
        epoch: Epoch,
        written: &'a mut Written,
        (total, progress): (u64, Progress<'a>),
    ) -> Result<Self, ExportError> {
        let Epoch { head, source } = epoch;
        out.remove(MANIFEST).map_err(at(&out.path(MANIFEST)))?;
        let grow = |name| Growing::create(&out, name).map_err(at(&out.path(name)));
        let views = VIEWS.iter().map(|view| grow(view.file)).collect::<Result<_, _>>()?;
        let (sums, values) = (grow(SUMS)?, grow(VALUES)?);
        Ok(Self { out, head, source, sums, views, values, kinds: Kinds::new(), written, total, progress })
    }

    async fn run(mut self, inner: BTreeMap<String, FileFacts>) -> Result<FileFacts, ExportError> {
        let extent = self.head.extent;
        let mut rest = Vec::new();
        for tile in extent.edges() {
            let hashes = self.tile(tile).await?;
            if tile.level == 0 {
                rest = hashes;
            }
        }
        for tile in extent.walk() {
            let hashes = self.tile(tile).await?;
            if tile.level == 0 {
                self.bundle(tile.index, &hashes).await?;
            }
        }
        let last = extent.size() / WIDTH;
        if !rest.is_empty() && extent.has_entries(last) {
            self.bundle(last, &rest).await?;
        }
        self.clean(TILES)?;
        self.end(inner)
    }

    async fn tile(&mut self, tile: Tile) -> Result<Vec<Hash>, ExportError> {
        let name = self.head.extent.path(tile);
        let width = usize::try_from(self.head.extent.width(tile)).unwrap_or(0);
        let bytes = self.source.tile(tile.level, tile.index).await?;
        let Some(bytes) = bytes.get(..width * 32) else { return Err(ExportError::Tile(name)) };
        self.put(&name, bytes)?;
        Ok(bytes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect())
    }

    async fn bundle(&mut self, index: u64, leaves: &[Hash]) -> Result<(), ExportError> {
        let name = self.head.extent.path_of_entries(index);
        let (first, count) = (index * WIDTH, leaves.len() as u64);
        let entries = match self.kept(&name, leaves) {
            Some(entries) => {
                self.written.kept += count;
                entries
            }
            None => self.asked(first, leaves).await?,
        };
        self.put(&name, &bundle(entries.iter().map(|(entry, _)| entry.bytes())))?;
        let origin = self.head.checkpoint.origin.clone();
        for (index, (entry, event)) in (first..).zip(&entries) {
            Manifest::count_kind(&mut self.kinds, &event.kind, event.version)?;
            let record = Record { origin: &origin, index, entry, event };
            for (view, file) in VIEWS.iter().zip(&mut self.views) {
                let line = (view.line)(&record) + "\n";
                file.add(&line).map_err(|source| ExportError::File { path: file.path().to_owned(), source })?;
            }
        }
        for value in self.source.values(first, count).await? {
            self.values.add(&(value.line() + "\n")).map_err(at(&self.out.path(VALUES)))?;
        }
        self.written.entries += count;
        (self.progress)(self.written.entries, self.total);
        Ok(())
    }

    /// Entries of events as they are stored, if these are the ones that the log has.
    async fn asked(&mut self, first: u64, leaves: &[Hash]) -> Result<Vec<(Entry, EventRow)>, ExportError> {
        let count = leaves.len() as u64;
        let events = self.source.events(first, count).await?;
        if events.len() != leaves.len() {
            return Err(SourceError::Missing(format!("one of the entries {first} to {}", first + count - 1)).into());
        }
        let entry = |(index, (event, leaf)): (u64, (EventRow, &Hash))| {
            let entry = Entry::of(&event).map_err(|source| ExportError::Form { index, source })?;
            if entry.leaf() == *leaf {
                // As whoever checks will read it: the entry may have less, or in other forms, than the event.
                Entry::parse(entry.bytes()).map_err(|source| ExportError::Form { index, source })
            } else {
                Err(ExportError::Entry { index, event: event.id.to_string() })
            }
        };
        (first..).zip(events.into_iter().zip(leaves)).map(entry).collect()
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<FileFacts, ExportError> {
        let path = self.out.path(name);
        self.out.put(name, bytes).map_err(at(&path))?;
        let facts = digest(bytes);
        if name.starts_with(TILES) {
            self.sums.add(&line(name, &facts)).map_err(at(&path))?;
        }
        Ok(facts)
    }

    /// Takes away tiles of an earlier run: of a smaller tree, or of other entries.
    fn clean(&self, name: &str) -> Result<(), ExportError> {
        let dir = self.out.path(name);
        if !dir.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&dir).map_err(at(&dir))? {
            let entry = entry.map_err(at(&dir))?;
            let path = entry.path();
            let inner = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(at(&path))?.is_dir() {
                self.clean(&inner)?;
                // Fails where something is left in it, as it should.
                self.out.remove_empty(&inner);
            } else if !is_tile(inner.strip_suffix(PARTIAL).unwrap_or(&inner)) {
                return Err(ExportError::Foreign(path));
            } else if !self.head.extent.has(&inner) {
                self.out.remove(&inner).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    /// Entries that an earlier run has written, if they are the right ones.
    fn kept(&self, name: &str, leaves: &[Hash]) -> Option<Vec<(Entry, EventRow)>> {
        let bytes = self.out.read(name).ok()?;
        let entries = unbundle(&bytes, leaves.len() as u64).ok()?;
        let entry = |(bytes, leaf): (&[u8], &Hash)| Entry::parse(bytes).ok().filter(|(entry, _)| entry.leaf() == *leaf);
        entries.into_iter().zip(leaves).map(entry).collect()
    }

    fn end(mut self, inner: BTreeMap<String, FileFacts>) -> Result<FileFacts, ExportError> {
        let whose = whose(&self.head)?;
        let mut files = inner;
        let note = self.head.note.clone();
        files.insert(CHECKPOINT.to_owned(), self.put(CHECKPOINT, note.as_bytes())?);
        let earlier: String = self.head.earlier.iter().map(|earlier| earlier.line() + "\n").collect();
        let cosigned = self.head.cosigned.clone().unwrap_or_default();
        for (name, text) in [(CHECKPOINTS, earlier), (COSIGNED, cosigned)] {
            if text.is_empty() {
                self.out.remove(name).map_err(at(&self.out.path(name)))?;
            } else {
                files.insert(name.to_owned(), self.put(name, text.as_bytes())?);
            }
        }
        let text = readme::text(&self.head, &whose);
        files.insert(README.to_owned(), self.put(README, text.as_bytes())?);
        for (view, file) in VIEWS.iter().zip(std::mem::take(&mut self.views)) {
            let facts = file.finish(&self.out, true).map_err(at(&self.out.path(view.file)))?;
            files.extend(facts.map(|facts| (view.file.to_owned(), facts)));
        }
        let values = self.values.finish(&self.out, false).map_err(at(&self.out.path(VALUES)))?;
        files.extend(values.map(|facts| (VALUES.to_owned(), facts)));
        for (name, facts) in &files {
            self.sums.add(&line(name, facts)).map_err(at(&self.out.path(SUMS)))?;
        }
        let sums = self.sums.finish(&self.out, true).map_err(at(&self.out.path(SUMS)))?;
        files.extend(sums.map(|facts| (SUMS.to_owned(), facts)));
        let checkpoint = &self.head.checkpoint;
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            origin: checkpoint.origin.to_string(),
            tenant: whose.tenant,
            checkpoint: Size { size: checkpoint.size, root: STANDARD.encode(checkpoint.root.0) },
            entries: self.head.extent.included(),
            count: self.head.extent.included().map_or(0, |range| range.count()),
            kinds: self.kinds,
            keys: self.head.keys.iter().map(ToString::to_string).collect(),
            files,
        };
        let bytes = manifest.bytes();
        self.out.put(MANIFEST, &bytes).map_err(at(&self.out.path(MANIFEST)))?;
        Ok(digest(&bytes))
    }
}
