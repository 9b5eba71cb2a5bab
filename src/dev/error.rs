//! Why `sallyport dev` does not start, or ends by itself.

use std::{io, net::SocketAddr, path::PathBuf};

use super::{files::FileError, keys::NewKeysError, people::PeopleError, postgres::PostgresError, seed::SeedError};
use crate::{
    app::StartError,
    config::KeysError,
    http::server::BindError,
    keys::KeyFileError,
    store::{
        StoreError,
        schema::{MigrateError, RoleError, SchemaError},
    },
};

/// Why `sallyport dev` does not start, or ends by itself. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// A port is taken.
    #[error(
        "cannot listen on {0}: another program uses this port; stop it, or choose another with --listen localhost:PORT"
    )]
    PortTaken(SocketAddr),
    /// A listener does not open for another reason.
    #[error(transparent)]
    Bind(BindError),
    /// Something else is wrong with a socket.
    #[error("cannot listen: {0}")]
    Socket(io::Error),
    /// Nobody could stop it.
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    /// The private Postgres does not start or stop.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The private Postgres ended by itself.
    #[error("PostgreSQL ended by itself: its log, {}, says why", .0.display())]
    PostgresEnded(PathBuf),
    /// The key file is gone, and nothing in the database can be read without it.
    #[error("{} is gone, and the database was used with its keys: put it back, or remove the whole directory to start afresh", .0.display())]
    KeysGone(PathBuf),
    /// The key file cannot be made.
    #[error(transparent)]
    NewKeys(#[from] NewKeysError),
    /// The key file cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key file holds something else.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The role must not serve.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The schema is another one.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The application does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Who may log in is not known.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The tenant could not be made.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// `dev.json` cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A listener failed.
    #[error("serving ended: {0}")]
    Serve(io::Error),
    /// The demo upstream failed.
    #[error("the demo upstream ended: {0}")]
    Upstream(io::Error),
}

impl From<BindError> for DevError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Taken(address) => Self::PortTaken(address),
            other => Self::Bind(other),
        }
    }
}
