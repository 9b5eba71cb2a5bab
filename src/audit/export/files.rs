//! Files that are there as a whole or not at all.

use std::{
    ffi::OsString,
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};

use super::FileFacts;
use crate::secret::hex;

/// What a file is called that is not finished.
pub const PARTIAL: &str = ".partial";

/// Length and SHA-256 of bytes.
pub fn digest(bytes: &[u8]) -> FileFacts {
    let digest = aws_lc_rs::digest::digest(&SHA256, bytes);
    FileFacts { bytes: bytes.len() as u64, sha256: hex(digest.as_ref()) }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(PARTIAL);
    name.into()
}

/// Writes a file unless it is there already, the same.
pub(super) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let same = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes.len() as u64);
    if same && fs::read(path)? == bytes {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let partial = partial(path);
    fs::write(&partial, bytes)?;
    fs::rename(partial, path)
}

/// A file that is written line by line, and gets its name at the end.
pub(super) struct Growing {
    path: PathBuf,
    out: BufWriter<fs::File>,
    context: Context,
    bytes: u64,
}

impl Growing {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let out = BufWriter::new(fs::File::create(partial(&path))?);
        Ok(Self { path, out, context: Context::new(&SHA256), bytes: 0 })
    }

    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        self.context.update(text.as_bytes());
        self.bytes += text.len() as u64;
        self.out.write_all(text.as_bytes())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, or takes it away where it is empty and must not be.
    pub(super) fn finish(mut self, keep_empty: bool) -> io::Result<Option<FileFacts>> {
        self.out.flush()?;
        let partial = partial(&self.path);
        if self.bytes == 0 && !keep_empty {
            fs::remove_file(partial)?;
            return remove(&self.path).map(|()| None);
        }
        fs::rename(partial, &self.path)?;
        Ok(Some(FileFacts { bytes: self.bytes, sha256: hex(self.context.finish().as_ref()) }))
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
