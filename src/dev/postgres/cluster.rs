//! Files inside `pgdata`, handled with care: when we are root, that directory belongs to somebody less trusted.
//!
//! So we go through an open directory, follow no links, open no pipes, and never write into a file that was there.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

use super::{account::Ids, error::PostgresError, io_error};

/// No file that we read here is larger.
const LONGEST: u64 = 64 * 1024;

/// The cluster's directory, held open.
#[derive(Debug)]
pub(super) struct Cluster {
    path: PathBuf,
    dir: OwnedFd,
    owner: Ids,
    /// Device and inode.
    identity: (u64, u64),
}

impl Cluster {
    /// Opens `path`; `None` if nothing is there.
    pub(super) fn open(path: PathBuf) -> Result<Option<Self>, PostgresError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(dir) => File::from(dir),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(io_error("open", path)(errno.into())),
        };
        let meta = dir.metadata().map_err(io_error("read", &path))?;
        let owner = Ids { uid: meta.uid(), gid: meta.gid() };
        Ok(Some(Self { path, dir: dir.into(), owner, identity: (meta.dev(), meta.ino()) }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whose directory it is: the user that the server runs as.
    pub(super) fn owner(&self) -> Ids {
        self.owner
    }

    /// Whether `path` leads to this very directory.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.identity)
    }

    /// The major version that made the cluster.
    pub(super) fn version(&self) -> Result<u32, PostgresError> {
        let text = self.read("PG_VERSION")?.unwrap_or_default();
        text.trim().parse().map_err(|_| {
            let broken = io::Error::new(io::ErrorKind::InvalidData, "it has no PostgreSQL version");
            io_error("use", self.path.join("PG_VERSION"))(broken)
        })
    }

    /// A regular file's text; `None` if it is missing.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, PostgresError> {
        self.try_read(name).map_err(io_error("read", self.path.join(name)))
    }

    fn try_read(&self, name: &str) -> io::Result<Option<String>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// Replaces a file, atomically, by one that belongs to the server's user.
    pub(super) fn replace(&self, name: &str, text: &str) -> Result<(), PostgresError> {
        self.try_replace(name, text).map_err(io_error("write", self.path.join(name)))
    }

    fn try_replace(&self, name: &str, text: &str) -> io::Result<()> {
        let fresh = format!("{name}.new");
        self.try_remove(&fresh)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.dir, &fresh, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(text.as_bytes())?;
        self.owner.give(&file)?;
        Ok(rustix::fs::renameat(&self.dir, &fresh, &self.dir, name)?)
    }

    /// Removes a file, which may be missing.
    pub(super) fn remove(&self, name: &str) -> Result<(), PostgresError> {
        self.try_remove(name).map_err(io_error("remove", self.path.join(name)))
    }

    fn try_remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
