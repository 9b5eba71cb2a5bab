//! The data directory and its lock.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::FlockOperation, io::Errno};

use super::{error::PostgresError, io_error};

/// What kind of process holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// `sallyport dev`: stays up, and others may use its server.
    Dev,
    /// A command that ends soon, and its server with it.
    Command,
}

impl Holder {
    fn word(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Command => "command",
        }
    }
}

/// A data directory that this process alone may start a server in.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    // The kernel gives the lock back when the file closes, however this process ends.
    lock: File,
}

impl DataDir {
    /// Creates the directory when missing, and takes its lock without waiting.
    pub(super) fn lock(path: &Path, holder: Holder) -> Result<Self, PostgresError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))?;
        let path = canonical(path)?;
        let file = path.join("lock");
        let mut lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .map_err(io_error("open", &file))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(in_use(path)),
            Err(errno) => return Err(io_error("lock", file)(errno.into())),
        }
        lock.set_len(0).and_then(|()| lock.write_all(holder.word().as_bytes())).map_err(io_error("write", file))?;
        Ok(Self { path, lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pgdata(&self) -> PathBuf {
        pgdata_in(&self.path)
    }
}

impl Drop for DataDir {
    /// Closing is not enough while a process that another thread is just starting still has the file open, too.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

fn in_use(path: PathBuf) -> PostgresError {
    let by = match last_holder(&path) {
        Some(Holder::Command) => "`sallyport` command",
        Some(Holder::Dev) | None => "`sallyport dev`",
    };
    PostgresError::InUse { by, path }
}

/// Who holds, or held last, the lock of the directory at `path`.
pub(super) fn last_holder(path: &Path) -> Option<Holder> {
    let mut word = String::new();
    File::open(path.join("lock")).ok()?.take(16).read_to_string(&mut word).ok()?;
    [Holder::Dev, Holder::Command].into_iter().find(|holder| holder.word() == word)
}

/// The cluster's place in a data directory.
pub(super) fn pgdata_in(data_dir: &Path) -> PathBuf {
    data_dir.join("pgdata")
}

/// The absolute path without symbolic links: two spellings of one directory are one directory.
pub(super) fn canonical(path: &Path) -> Result<PathBuf, PostgresError> {
    fs::canonicalize(path).map_err(io_error("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that is being started holds what its parent has open, until it becomes another program.
    #[test]
    fn the_lock_is_given_back_though_another_process_has_the_file_open() {
        let path = std::env::temp_dir().join(format!("sallyport-lock-{}", std::process::id()));
        let held = DataDir::lock(&path, Holder::Dev).unwrap();
        assert!(DataDir::lock(&path, Holder::Command).is_err());
        let inherited = held.lock.try_clone().unwrap();
        drop(held);
        assert!(DataDir::lock(&path, Holder::Command).is_ok());
        drop(inherited);
        fs::remove_dir_all(&path).unwrap();
    }
}
