//! Connecting to a private Postgres, ours or another process's.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::{
    DbRole, Durability, PrivatePostgres,
    cluster::Cluster,
    datadir::{self, Holder, canonical, pgdata_in},
    error::PostgresError,
    io_error,
    pidfile::{self, Found},
    socket::SocketDir,
};
use crate::store::provision::{self, DatabaseName};

/// How long a command waits for a server that is just starting or ending.
const ATTACH_ATTEMPTS: usize = 300;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// Connects to a running private Postgres.
#[derive(Clone, Debug)]
pub struct Connector {
    socket_dir: PathBuf,
}

impl Connector {
    pub(super) fn new(socket_dir: PathBuf) -> Self {
        Self { socket_dir }
    }

    /// How to connect to `database` as `role`: over the socket, proved by the kernel.
    pub fn connect_options(&self, role: DbRole, database: &str) -> PgConnectOptions {
        // All of it is said here, so that PG* variables cannot lead elsewhere.
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(5432)
            .username(role.name())
            .password("")
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("sallyport")
    }

    /// Makes sure that the database `name` exists, is owned by `sallyport_owner`, and that of all other roles only
    /// `sallyport_app` may connect to it.
    pub async fn ensure_database(&self, name: &str) -> Result<(), PostgresError> {
        let name = DatabaseName::parse(name)?;
        let mut connection = self.superuser().await?;
        provision::ensure_database(&mut connection, &name).await?;
        Ok(connection.close().await?)
    }

    pub(super) async fn ensure_roles(&self) -> Result<(), PostgresError> {
        let mut connection = self.superuser().await?;
        provision::ensure_roles(&mut connection).await?;
        Ok(connection.close().await?)
    }

    async fn superuser(&self) -> Result<PgConnection, PostgresError> {
        Ok(self.connect_options(DbRole::Superuser, "postgres").connect().await?)
    }
}

/// What a command works with: the server that `sallyport dev` runs, or one of its own.
#[derive(Debug)]
pub enum Attached {
    /// Another process runs it.
    Running(Connector),
    /// It was started for this command.
    Started(Box<PrivatePostgres>),
}

impl Attached {
    /// What connects to it.
    pub fn connector(&self) -> &Connector {
        match self {
            Self::Running(connector) => connector,
            Self::Started(postgres) => postgres.connector(),
        }
    }

    /// Stops the server if it was started for this command.
    pub async fn close(self) -> Result<(), PostgresError> {
        match self {
            Self::Running(_) => Ok(()),
            Self::Started(postgres) => postgres.stop().await,
        }
    }
}

/// For a command: the private Postgres of `data_dir`, whether `sallyport dev` runs it at the moment or not.
///
/// Waits while another command has it. Never makes a new installation.
pub async fn attach(data_dir: &Path) -> Result<Attached, PostgresError> {
    let pgdata = pgdata_in(data_dir);
    if !pgdata.try_exists().map_err(io_error("open", &pgdata))? {
        return Err(PostgresError::NoInstallation { path: data_dir.to_owned() });
    }
    let mut attempts = 1..=ATTACH_ATTEMPTS;
    loop {
        match PrivatePostgres::start_as(data_dir, Durability::Full, Holder::Command).await {
            Ok(postgres) => return Ok(Attached::Started(Box::new(postgres))),
            Err(in_use @ PostgresError::InUse { .. }) => {
                if let Some(connector) = running(data_dir) {
                    return Ok(Attached::Running(connector));
                }
                attempts.next().ok_or(in_use)?;
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

/// The private Postgres that a `sallyport dev` runs in `data_dir` right now, if one does and it is ready.
pub fn running(data_dir: &Path) -> Option<Connector> {
    let data_dir = canonical(data_dir).ok()?;
    // A command's server is not for others: it ends with the command.
    if datadir::last_holder(&data_dir) != Some(Holder::Dev) {
        return None;
    }
    let cluster = Cluster::open(pgdata_in(&data_dir)).ok()??;
    match pidfile::look(&cluster).ok()? {
        Found::Ready(_) => SocketDir::known(&data_dir, &cluster).map(Connector::new),
        Found::Busy(_) | Found::Nothing => None,
    }
}
