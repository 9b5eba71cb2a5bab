//! The directory that an export goes into. Below it nothing is read, written or removed through a link, and nothing that no export
//! has is touched.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, mkdirat, open, openat, renameat, unlinkat},
    io::Errno,
};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    CHECKPOINT, CHECKPOINTS, COSIGNED, ExportError, MANIFEST, PARTIAL, PREVIOUS, README, SUMS, TILES, VALUES, VIEWS,
    extent::is_tile,
};

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
const INNER: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

/// Who is told the names of files that are finished, below the directory of the newest epoch.
pub(super) type Told = Option<UnboundedSender<String>>;

/// A directory that files are written into by their names below it.
pub(super) struct Out {
    path: PathBuf,
    dir: OwnedFd,
    /// What it is called below that of the newest epoch: nothing, or `previous/1/`.
    name: String,
    told: Told,
}

/// The directory of a name, and the rest of it.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn missing_is_fine(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Out {
    /// Opens it, or makes it. It may be a link itself: whoever runs the export has chosen it.
    pub(super) fn open(path: &Path, told: Told) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned(), dir: open(path, DIRECTORY, Mode::empty())?, name: String::new(), told })
    }

    /// A directory below it, which is made where it is missing.
    pub(super) fn below(&self, name: &str) -> io::Result<Self> {
        Ok(Self {
            path: self.path.join(name),
            dir: self.directory(name, true)?,
            name: format!("{}{name}/", self.name),
            told: self.told.clone(),
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Goes from directory to directory, so that no link is followed that somebody puts there meanwhile.
    fn directory(&self, name: &str, make: bool) -> io::Result<OwnedFd> {
        let mut dir = self.dir.try_clone()?;
        for part in name.split('/').filter(|part| !part.is_empty()) {
            if make && let Err(error) = mkdirat(&dir, part, Mode::from_raw_mode(0o777)).or_else(exists) {
                return Err(error.into());
            }
            dir = openat(&dir, part, DIRECTORY | INNER, Mode::empty())?;
        }
        Ok(dir)
    }

    /// What a plain file holds.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.plain(name)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn plain(&self, name: &str) -> io::Result<File> {
        let (parent, own) = split(name);
        // Without NONBLOCK it would wait for whoever writes into a pipe.
        let flags = INNER | OFlags::NONBLOCK;
        let file = File::from(openat(self.directory(parent, false)?, own, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Writes a file unless it is there already, the same.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let length = self.plain(name).and_then(|file| Ok(file.metadata()?.len()));
        let same = length.is_ok_and(|length| length == bytes.len() as u64);
        if same && self.read(name)? == bytes {
            return Ok(());
        }
        let (dir, mut file) = self.create(name)?;
        file.write_all(bytes)?;
        self.named(&dir, name)
    }

    /// A new file that has not its name yet, and its directory. What an earlier run has left of it is taken away.
    pub(super) fn create(&self, name: &str) -> io::Result<(OwnedFd, File)> {
        let (parent, own) = split(name);
        let dir = self.directory(parent, true)?;
        let partial = format!("{own}{PARTIAL}");
        missing_is_fine(unlinkat(&dir, &partial, AtFlags::empty()))?;
        let flags = INNER | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = openat(&dir, &partial, flags, Mode::from_raw_mode(0o666))?;
        Ok((dir, file.into()))
    }

    /// Gives a new file its name.
    pub(super) fn named(&self, dir: &OwnedFd, name: &str) -> io::Result<()> {
        let (_, own) = split(name);
        renameat(dir, format!("{own}{PARTIAL}"), dir, own)?;
        if let Some(told) = &self.told {
            // Whoever does not listen any more has no use for it.
            let _ = told.send(format!("{}{name}", self.name));
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let (parent, own) = split(name);
        match self.directory(parent, false) {
            Ok(dir) => missing_is_fine(unlinkat(dir, own, AtFlags::empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes a directory, if nothing is in it.
    pub(super) fn remove_empty(&self, name: &str) {
        let (parent, own) = split(name);
        if let Ok(dir) = self.directory(parent, false) {
            let _ = unlinkat(dir, own, AtFlags::REMOVEDIR);
        }
    }

    /// Refuses what no export has: nothing that somebody else put there is written over, removed, or taken for a part of the log.
    pub(super) fn refuse_foreign(&self) -> Result<(), ExportError> {
        match refuse_foreign(&self.path, true)? {
            Found::Other => Err(ExportError::NoExport(self.path.clone())),
            Found::Nothing | Found::Export => Ok(()),
        }
    }
}

fn exists(error: Errno) -> Result<(), Errno> {
    if error == Errno::EXIST { Ok(()) } else { Err(error) }
}

/// What was found in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Something that only an export has: a manifest, a checkpoint, or a file that was not finished.
    Export,
    /// Names that an export has, and others may have as well.
    Other,
}

fn at(path: &Path) -> impl Fn(io::Error) -> ExportError + '_ {
    |source| ExportError::File { path: path.to_owned(), source }
}

/// The things in a directory: their paths and names, and whether they are directories. Anything but these and plain files is refused.
fn things(dir: &Path) -> Result<Vec<(PathBuf, String, bool)>, ExportError> {
    let mut things = Vec::new();
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let entry = entry.map_err(at(dir))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(at(&path))?;
        if !kind.is_dir() && !kind.is_file() {
            return Err(ExportError::Link(path));
        }
        let Ok(name) = entry.file_name().into_string() else { return Err(ExportError::Foreign(path)) };
        things.push((path, name, kind.is_dir()));
    }
    Ok(things)
}

fn refuse_foreign(dir: &Path, newest: bool) -> Result<Found, ExportError> {
    let mut found = Found::Nothing;
    for (path, name, is_dir) in things(dir)? {
        let whole = name.strip_suffix(PARTIAL).unwrap_or(&name);
        let file = [MANIFEST, CHECKPOINT, CHECKPOINTS, COSIGNED, SUMS, README, VALUES].contains(&whole)
            || VIEWS.iter().any(|view| view.file == whole);
        match name.as_str() {
            TILES if is_dir => tiles(&path, TILES)?,
            PREVIOUS if is_dir && newest => epochs(&path)?,
            _ if !file || is_dir => return Err(ExportError::Foreign(path)),
            _ => {}
        }
        if [MANIFEST, CHECKPOINT].contains(&name.as_str()) || whole != name {
            found = Found::Export;
        } else if found == Found::Nothing {
            found = Found::Other;
        }
    }
    Ok(found)
}

fn epochs(dir: &Path) -> Result<(), ExportError> {
    for (path, name, is_dir) in things(dir)? {
        if !is_dir || name.parse::<u32>().map_or(true, |number| number.to_string() != name) {
            return Err(ExportError::Foreign(path));
        }
        refuse_foreign(&path, false)?;
    }
    Ok(())
}

fn tiles(dir: &Path, name: &str) -> Result<(), ExportError> {
    for (path, own, is_dir) in things(dir)? {
        let name = format!("{name}/{own}");
        if is_dir {
            tiles(&path, &name)?;
        } else if !is_tile(name.strip_suffix(PARTIAL).unwrap_or(&name)) {
            return Err(ExportError::Foreign(path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::audit::verify::tests::Scratch;

    /// As when somebody puts a link there after the directory was looked through.
    #[test]
    fn a_link_that_comes_later_is_not_followed_either() {
        let (scratch, elsewhere) = (Scratch::new("out"), Scratch::new("out-elsewhere"));
        let out = Out::open(scratch.path(), None).unwrap();
        symlink(elsewhere.path(), scratch.file("tile")).unwrap();
        assert!(out.put("tile/0/000", b"1").is_err() && out.below("tile").is_err());
        fs::write(elsewhere.file("kept"), b"42").unwrap();
        assert!(out.remove("tile/kept").is_err() && out.read("tile/kept").is_err());
        for name in ["checkpoint", "checkpoint.partial"] {
            symlink(elsewhere.file("kept"), scratch.file(name)).unwrap();
        }
        assert!(out.read("checkpoint").is_err());
        // Links are replaced, and not what they point to.
        out.put("checkpoint", b"1").unwrap();
        assert!(fs::symlink_metadata(scratch.file("checkpoint")).unwrap().is_file());
        assert_eq!(fs::read(scratch.file("checkpoint")).unwrap(), b"1");
        assert_eq!(fs::read(elsewhere.file("kept")).unwrap(), b"42");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    }
}
