use std::{io, path::PathBuf};

/// Why the private Postgres cannot be used. Each is one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No PostgreSQL server programs were found.
    #[error("PostgreSQL is not installed: install the package `postgresql` (version 15 or newer), or set database.url")]
    Missing,
    /// Only versions before 15 were found.
    #[error(
        "PostgreSQL {found} is too old: install the package `postgresql` in version 15 or newer, or set database.url"
    )]
    TooOld {
        /// The newest major version found.
        found: u32,
    },
    /// The data directory needs a version that is not here.
    #[error("{} was made by PostgreSQL {needed}, which is not installed: install it, or choose another --data-dir", path.display())]
    OtherVersion {
        /// The cluster's directory.
        path: PathBuf,
        /// The major version that made it.
        needed: u32,
    },
    /// Another process holds the lock.
    #[error("another {by} uses {}: stop it, or choose another --data-dir", path.display())]
    InUse {
        /// What kind of process.
        by: &'static str,
        /// The data directory.
        path: PathBuf,
    },
    /// A command was pointed at a directory without an installation.
    #[error("there is no dev installation in {}: run `sallyport dev` first, or choose another --data-dir", path.display())]
    NoInstallation {
        /// The data directory.
        path: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb failed: {line}")]
    InitDb {
        /// What it said.
        line: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL did not start: {line} (the log is {})", log.display())]
    Start {
        /// The server's FATAL line.
        line: String,
        /// The server's log file.
        log: PathBuf,
    },
    /// The server runs but does not get ready.
    #[error("PostgreSQL was not ready after {seconds} seconds (the log is {})", log.display())]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The server's log file.
        log: PathBuf,
    },
    /// A server process does not end.
    #[error("PostgreSQL (process {pid}) does not stop: end it by hand")]
    DoesNotStop {
        /// Its process id.
        pid: i32,
    },
    /// We are root, and there is nobody else to run the server as.
    #[error("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`: create one")]
    NoUnprivilegedUser,
    /// We are root and cannot change to another user.
    #[error("PostgreSQL refuses to run as root, and `setpriv` (package `util-linux`) is not here to change the user")]
    NoSetpriv,
    /// The operating system has no usable name for the current user.
    #[error("user id {uid} has no name that PostgreSQL could check: add it to /etc/passwd")]
    NoUserName {
        /// The effective user id.
        uid: u32,
    },
    /// A file or directory could not be used.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// A verb, as in "cannot open".
        doing: &'static str,
        /// The file or program.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A database name is not one.
    #[error(transparent)]
    DatabaseName(#[from] crate::store::provision::InvalidDatabaseName),
    /// The server runs, but refuses a connection or a statement.
    #[error("the private PostgreSQL refused: {0}")]
    Database(#[from] sqlx::Error),
    /// No random name could be made.
    #[error(transparent)]
    NoEntropy(#[from] crate::secret::NoEntropy),
    /// The process is shutting down.
    #[error("interrupted")]
    Interrupted,
}
