//! Reads the files of an export, none of them whole that could be long.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::Path,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Fault, Refusal};
use crate::{
    audit::export::{Extent, FileFacts},
    secret::hex,
};

fn plain(dir: &Path, name: &str) -> Result<u64, Refusal> {
    match fs::symlink_metadata(dir.join(name)) {
        Ok(meta) if meta.is_file() => Ok(meta.len()),
        Ok(_) => Err(Fault::NotPlain.at(name)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Fault::Missing.at(name))
        }
        Err(error) => Err(Fault::Read(error).at(name)),
    }
}

/// A file of at most so many bytes.
pub(super) fn read(dir: &Path, name: &str, most: u64) -> Result<Vec<u8>, Refusal> {
    if plain(dir, name)? > most {
        return Err(Fault::Long.at(name));
    }
    let file = File::open(dir.join(name)).map_err(|error| Fault::Read(error).at(name))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| Fault::Read(error).at(name))?;
    if bytes.len() as u64 > most { Err(Fault::Long.at(name)) } else { Ok(bytes) }
}

/// A file that is read along with what it must say.
pub(super) struct Compared {
    name: String,
    file: BufReader<File>,
    context: Context,
    bytes: u64,
    found: Vec<u8>,
}

impl Compared {
    pub(super) fn open(dir: &Path, name: &str) -> Result<Self, Refusal> {
        plain(dir, name)?;
        let file = File::open(dir.join(name)).map_err(|error| Fault::Read(error).at(name))?;
        let (context, found) = (Context::new(&SHA256), Vec::new());
        Ok(Self { name: name.to_owned(), file: BufReader::new(file), context, bytes: 0, found })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is what comes next in the file.
    pub(super) fn expect(&mut self, text: &[u8]) -> Result<bool, Refusal> {
        self.found.clear();
        let next = (&mut self.file).take(text.len() as u64).read_to_end(&mut self.found);
        next.map_err(|error| Fault::Read(error).at(&self.name))?;
        self.context.update(&self.found);
        self.bytes += self.found.len() as u64;
        Ok(self.found == text)
    }

    /// The next line, without its newline; none at the end.
    pub(super) fn line(&mut self, most: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let mut line = Vec::new();
        let next = io::BufRead::read_until(&mut (&mut self.file).take(most), b'\n', &mut line);
        next.map_err(|error| Fault::Read(error).at(&self.name))?;
        self.context.update(&line);
        self.bytes += line.len() as u64;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => Err(Fault::Long.at(&self.name)),
        }
    }

    /// What the file is, if nothing more comes.
    pub(super) fn finish(mut self) -> Result<FileFacts, Refusal> {
        let mut more = [0];
        match self.file.read(&mut more) {
            Ok(0) => Ok(FileFacts { bytes: self.bytes, sha256: hex(self.context.finish().as_ref()) }),
            Ok(_) => Err(Fault::More.at(&self.name)),
            Err(error) => Err(Fault::Read(error).at(&self.name)),
        }
    }
}

/// Refuses what an export of this extent has no place for. `named`: whether the manifest names a file, or one below a directory.
pub(super) fn refuse_foreign(
    dir: &Path,
    prefix: &str,
    extent: &Extent,
    named: &dyn Fn(&str) -> Named,
) -> Result<(), Refusal> {
    below(dir, prefix, "", &|name| {
        if name.starts_with("tile/") || name == "tile" { tiles(extent, name) } else { named(name) }
    })
}

fn tiles(extent: &Extent, name: &str) -> Named {
    if extent.has(name) { Named::File } else { Named::Above }
}

/// What the manifest says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// It is a file.
    File,
    /// There may be files below it.
    Above,
    /// It is looked at elsewhere.
    Elsewhere,
    /// Nothing.
    Not,
}

fn below(dir: &Path, prefix: &str, name: &str, named: &dyn Fn(&str) -> Named) -> Result<(), Refusal> {
    let here = format!("{prefix}{name}");
    let failed = |error: io::Error| Fault::Read(error).at(if here.is_empty() { "." } else { &here });
    for entry in fs::read_dir(dir.join(&here)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let own = entry.file_name();
        let inner = if name.is_empty() {
            own.to_string_lossy().into_owned()
        } else {
            format!("{name}/{}", own.to_string_lossy())
        };
        let shown = format!("{prefix}{inner}");
        let kind = entry.file_type().map_err(|error| Fault::Read(error).at(&shown))?;
        match named(&inner) {
            _ if !kind.is_file() && !kind.is_dir() => return Err(Fault::NotPlain.at(&shown)),
            Named::File if kind.is_file() => {}
            Named::Above if kind.is_dir() => below(dir, prefix, &inner, named)?,
            Named::Elsewhere if kind.is_dir() => {}
            _ => return Err(Fault::Foreign.at(&shown)),
        }
    }
    Ok(())
}
