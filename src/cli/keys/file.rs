//! Key files on the disk: made once, and changed whole or not at all.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::{
    cli::{CliError, Installation},
    config::{KeySource, Keys},
    keys::{KeyFile, KeyKind},
};

/// Writes key text to standard output for `-`, or to a file that did not exist, readable by its owner only, and sees it on
/// the disk.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    if path == Path::new("-") {
        return io::stdout().lock().write_all(text.as_bytes()).map_err(CliError::Output);
    }
    let failed = |source| CliError::Write { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
        if source.kind() == ErrorKind::AlreadyExists { CliError::KeysExist(path.to_owned()) } else { failed(source) }
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    sync_directory(path).map_err(failed)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// The key file of the installation, held for a change: whoever else wants to change it waits.
pub(super) struct Held {
    path: PathBuf,
    file: File,
    /// What it says.
    pub(super) keys: KeyFile,
}

/// The key file of the installation, held for a change. None where the keys come from a variable, which no command can
/// change.
pub(super) fn hold(keys: &Keys) -> Result<Option<Held>, CliError> {
    let Some(KeySource::File(named)) = &keys.source else { return Ok(None) };
    let failed = |source| CliError::Read { path: named.clone(), source };
    // A link keeps leading to the file.
    let path = named.canonicalize().map_err(failed)?;
    loop {
        let file = File::open(&path).map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
        let (held, there) = (file.metadata().map_err(failed)?, std::fs::metadata(&path).map_err(failed)?);
        // Whoever held it before may have put another file in its place.
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            let keys = KeyFile::parse(&keys.text()?)?;
            return Ok(Some(Held { path, file, keys }));
        }
    }
}

/// Adds the first key of a kind that a key file has none of, as one that was made before there was such a kind. None: it has one.
pub(super) fn complete(installation: &Installation, kind: KeyKind) -> Result<Option<String>, CliError> {
    let Some(mut held) = hold(&installation.config.keys)? else { return Ok(None) };
    if held.keys.has(kind) {
        return Ok(None);
    }
    let id = held.keys.add(kind, &installation.entropy)?;
    held.replace()?;
    Ok(Some(id))
}

impl Held {
    /// Puts a file with [`Held::keys`] in the place of this one, for the same owner, whole or not at all.
    pub(super) fn replace(&self) -> Result<(), CliError> {
        let text = self.keys.render();
        let new = self.path.with_added_extension("new");
        let written = (|| {
            // What a command that was killed left behind; the lock says that nobody is at it.
            if let Err(error) = std::fs::remove_file(&new)
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            let owner = self.file.metadata()?;
            let made = file.metadata()?;
            if (owner.uid(), owner.gid()) != (made.uid(), made.gid()) {
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
            sync_directory(&self.path)
        })();
        written.map_err(|source| {
            let _ = std::fs::remove_file(&new);
            CliError::KeysNotChanged { path: self.path.clone(), source }
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
