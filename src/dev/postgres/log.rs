//! What the server says.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{error::PostgresError, io_error};

/// The server's log file. It stays ours: the server only inherits it open.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// Where the current attempt to start begins.
    mark: u64,
}

impl Log {
    /// Begins a new log and keeps the one before.
    pub(super) fn begin(data_dir: &Path) -> Result<Self, PostgresError> {
        let path = data_dir.join("postgres.log");
        match fs::rename(&path, data_dir.join("postgres.log.1")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("rename", path)(error)),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("create", &path))?;
        Ok(Self { path, file, mark: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A handle for a process to write to; what it writes is a new attempt.
    pub(super) fn for_attempt(&mut self) -> Result<File, PostgresError> {
        self.mark = self.file.metadata().map_err(io_error("read", &self.path))?.len();
        self.file.try_clone().map_err(io_error("open", &self.path))
    }

    /// Why the current attempt failed, in one line.
    pub(super) fn complaint(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.file.seek(SeekFrom::Start(self.mark)).and_then(|_| self.file.read_to_end(&mut bytes));
        match read {
            Ok(_) => complaint(&String::from_utf8_lossy(&bytes)),
            Err(error) => format!("its log cannot be read: {error}"),
        }
    }
}

/// The last line that tells of a failure, else the last line at all.
pub(super) fn complaint(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = ["FATAL:", "PANIC:", "error:"]
        .iter()
        .find_map(|word| lines().rev().find_map(|line| line.split_once(word)))
        .map(|(_, message)| message.trim());
    told.or_else(|| lines().next_back()).unwrap_or("it said nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn the_fatal_line_is_found_among_others() {
        let text = "2026-01-01 10:00:00.000 UTC [9] LOG:  starting\n\
                    2026-01-01 10:00:00.001 UTC [9] FATAL:  could not map shared memory\n\
                    2026-01-01 10:00:00.002 UTC [9] LOG:  database system is shut down\n";
        assert_eq!(complaint(text), "could not map shared memory");
    }

    #[test]
    fn initdb_says_error() {
        let text = "initdb: error: could not access directory \"/x\": Permission denied\ninitdb: removing contents\n";
        assert_eq!(complaint(text), "could not access directory \"/x\": Permission denied");
    }

    #[test]
    fn otherwise_the_last_line_counts() {
        assert_eq!(complaint("one\nsetpriv: unknown\n\n"), "setpriv: unknown");
        assert_eq!(complaint(""), "it said nothing");
    }
}
