//! Exports that are right, and each way to tamper with one.

mod beside;
mod bytes;
mod epochs;
pub(in crate::audit) mod log;
mod mutation;
mod older;
mod others;
mod random;
mod writing;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Against, Refusal, Report, verify};
use crate::audit::log::VerifierKey;

/// A directory for a test, gone at its end.
pub(in crate::audit) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::audit) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sallyport-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(in crate::audit) fn path(&self) -> &Path {
        &self.0
    }

    pub(in crate::audit) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn with_key(dir: &Path, key: &VerifierKey) -> Result<Report, Refusal> {
    verify(dir, Against { keys: std::slice::from_ref(key), ..Against::default() }, &mut |_, _| {})
}

fn alone(dir: &Path) -> Result<Report, Refusal> {
    verify(dir, Against::default(), &mut |_, _| {})
}

fn since(dir: &Path, key: &VerifierKey, older: &str) -> Result<Report, Refusal> {
    verify(
        dir,
        Against { keys: std::slice::from_ref(key), previous: Some(older), ..Against::default() },
        &mut |_, _| {},
    )
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
