//! The directory of the server's socket.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::{account::Ids, cluster::Cluster, datadir::DataDir, error::PostgresError, io_error};
use crate::secret::Entropy;

/// With `/.s.PGSQL.5432` behind it, this many bytes fit into a socket address on Linux (107) and macOS (103).
const LONGEST: usize = 88;
const SHORT_PREFIX: &str = "/tmp/sallyport-";
const SHORT_DIGITS: usize = 12;

/// Where clients find the socket.
#[derive(Debug)]
pub(super) enum SocketDir {
    /// In the cluster's own directory.
    Cluster(PathBuf),
    /// In a short private directory, which goes when this does.
    Short(PathBuf),
}

impl SocketDir {
    /// The directory to use, made if need be.
    pub(super) fn prepare(data_dir: &DataDir, cluster: &Cluster) -> Result<Self, PostgresError> {
        if fits(cluster.path()) {
            return Ok(Self::Cluster(cluster.path().to_owned()));
        }
        let owner = cluster.owner();
        if let Some(dir) = remembered(data_dir.path()).filter(|dir| is_private(dir, owner)) {
            remove_stale(&dir).map_err(io_error("clear", &dir))?;
            return Ok(Self::Short(dir));
        }
        let dir = short_name()?;
        let note = note_in(data_dir.path());
        fs::write(&note, dir.as_os_str().as_encoded_bytes()).map_err(io_error("write", note))?;
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .and_then(|()| owner.give(File::open(&dir)?))
            .map_err(io_error("create", &dir))?;
        Ok(Self::Short(dir))
    }

    /// Where the socket of the cluster in `data_dir` is, if that was ever started.
    pub(super) fn known(data_dir: &Path, cluster: &Cluster) -> Option<PathBuf> {
        if fits(cluster.path()) {
            return Some(cluster.path().to_owned());
        }
        remembered(data_dir).filter(|dir| is_private(dir, cluster.owner()))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Cluster(path) | Self::Short(path) => path,
        }
    }

    /// The server's setting. `.` is its own directory, which it might not reach by name.
    pub(super) fn setting(&self) -> String {
        match self {
            Self::Cluster(_) => "unix_socket_directories=.".to_owned(),
            Self::Short(path) => format!("unix_socket_directories={}", path.display()),
        }
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        if let Self::Short(path) = self {
            // The server has removed its socket. Should anything be left, the next start uses the directory again.
            let _ = fs::remove_dir(path);
        }
    }
}

fn fits(dir: &Path) -> bool {
    dir.as_os_str().len() <= LONGEST
}

fn note_in(data_dir: &Path) -> PathBuf {
    data_dir.join("socket-dir")
}

fn remembered(data_dir: &Path) -> Option<PathBuf> {
    let name = fs::read_to_string(note_in(data_dir)).ok()?;
    is_short_name(&name).then(|| name.into())
}

fn short_name() -> Result<PathBuf, PostgresError> {
    let random = Entropy::system().bytes::<{ SHORT_DIGITS / 2 }>()?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{SHORT_PREFIX}{digits}").into())
}

fn is_short_name(name: &str) -> bool {
    name.strip_prefix(SHORT_PREFIX).is_some_and(|digits| {
        digits.len() == SHORT_DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A directory that others can neither have made nor enter.
fn is_private(dir: &Path, owner: Ids) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir() && meta.uid() == owner.uid && meta.mode() & 0o777 == 0o700)
}

/// A killed server leaves its socket and a lock file that may name a live process by now.
fn remove_stale(dir: &Path) -> io::Result<()> {
    for name in [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_made_here_are_believed() {
        let made = short_name().unwrap();
        assert!(is_short_name(made.to_str().unwrap()));
        for name in ["", "/tmp/sallyport-", "/tmp/sallyport-../../etc/0", "/tmp/sallyport-ABCDEF012345", "/etc"] {
            assert!(!is_short_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_link_or_an_open_directory_is_not_private() {
        let owner = Ids { uid: rustix::process::geteuid().as_raw(), gid: 0 };
        assert!(!is_private(Path::new("/proc/self/cwd"), owner));
        assert!(!is_private(Path::new("/tmp"), owner));
    }
}
