//! Files that are there as a whole or not at all.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{FileFacts, out::Out};
use crate::secret::hex;

/// What a file is called that is not finished.
pub const PARTIAL: &str = ".partial";

/// Length and SHA-256 of bytes.
pub fn digest(bytes: &[u8]) -> FileFacts {
    let digest = aws_lc_rs::digest::digest(&SHA256, bytes);
    FileFacts { bytes: bytes.len() as u64, sha256: hex(digest.as_ref()) }
}

/// A file that is written line by line, and gets its name at the end.
pub(super) struct Growing {
    name: &'static str,
    path: PathBuf,
    dir: OwnedFd,
    out: BufWriter<File>,
    context: Context,
    bytes: u64,
}

impl Growing {
    pub(super) fn create(into: &Out, name: &'static str) -> io::Result<Self> {
        let (dir, file) = into.create(name)?;
        let (path, out) = (into.path(name), BufWriter::new(file));
        Ok(Self { name, path, dir, out, context: Context::new(&SHA256), bytes: 0 })
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
    pub(super) fn finish(mut self, into: &Out, keep_empty: bool) -> io::Result<Option<FileFacts>> {
        self.out.flush()?;
        if self.bytes == 0 && !keep_empty {
            into.remove(&format!("{}{PARTIAL}", self.name))?;
            return into.remove(self.name).map(|()| None);
        }
        into.named(&self.dir, self.name)?;
        Ok(Some(FileFacts { bytes: self.bytes, sha256: hex(self.context.finish().as_ref()) }))
    }
}
