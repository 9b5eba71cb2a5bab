//! `dev.json`: what a program needs that uses a running development installation. It is there while, and only while, the
//! installation serves.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{
    files::{self, FileError},
    people::{Entry, Person},
};

const FILE: &str = "dev.json";

/// Addresses of a running installation.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Addresses {
    /// Where it serves: not in the document.
    #[serde(skip)]
    pub base: String,
    /// The issuer of tenant `demo`.
    pub issuer: String,
    /// The MCP URL of server `demo`.
    pub resource: String,
    /// Where administrators of tenant `demo` go.
    pub console: String,
    /// Where administrators of the platform go: there tenants are made.
    pub platform: String,
    /// Where the demo upstream listens.
    pub upstream: String,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    addresses: &'a Addresses,
    people: Vec<Entry<'a>>,
}

/// `dev.json` on disk. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Removes what a killed process left: nothing is ready yet.
    pub(super) fn clear(data_dir: &Path) -> Result<(), FileError> {
        files::remove(&data_dir.join(FILE))
    }

    /// Says that everything is ready.
    pub(super) fn write(data_dir: &Path, addresses: &Addresses, people: &[Person]) -> Result<Self, FileError> {
        let path = data_dir.join(FILE);
        files::write_json(&path, &Document { addresses, people: people.iter().map(Person::entry).collect() })?;
        Ok(Self(path))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.0) {
            tracing::warn!(%error, "dev.json stays behind, though nothing is ready any more");
        }
    }
}
