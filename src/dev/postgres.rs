//! The private Postgres of a dev installation: its own server process, its own data, no TCP, no password.
//!
//! Layout of a data directory (mode 0700):
//!
//! ```text
//! lock           held with flock(2) by the one process that runs the server; says "dev" or "command"
//! pgdata/        the database cluster; the only thing that belongs to the server's user when we are root
//! postgres.log   what the server says since its last start; postgres.log.1 is the start before
//! socket-dir     only if pgdata's path is too long for a socket: the directory under /tmp that has it
//! ```
//!
//! The server accepts connections on a Unix socket only. It asks the kernel who connects (`peer`) and lets in the one
//! operating-system user that started it. Its user never needs to enter the directories above `pgdata`.

mod account;
mod binaries;
mod cluster;
mod connector;
mod datadir;
mod error;
mod init;
mod launcher;
mod log;
mod pidfile;
mod postmaster;
mod socket;

use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;

pub use connector::{Attached, Connector, attach, running};
pub use error::PostgresError;

use self::{
    cluster::Cluster, datadir::DataDir, datadir::Holder, launcher::Launcher, postmaster::Postmaster, socket::SocketDir,
};

/// How hard the server tries to keep what it has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A commit survives a crash of the machine.
    Full,
    /// No fsync: quicker. A commit survives a crash of the server, but not one of the machine. For tests only.
    None,
}

/// A database role of the private Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DbRole {
    /// `postgres`, which row-level security does not bind. Creates roles and databases, takes dumps, nothing else.
    Superuser,
    /// `sallyport_owner`, which owns the schema and migrates it.
    Owner,
    /// `sallyport_app`, which serves.
    App,
}

impl DbRole {
    /// The role's name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superuser => "postgres",
            Self::Owner => crate::store::provision::OWNER,
            Self::App => crate::store::provision::APP,
        }
    }
}

/// A running private Postgres. It ends with this value, and with this process, however that ends.
///
/// Not bound to an async runtime: it may outlive the one it was started in.
#[derive(Debug)]
pub struct PrivatePostgres {
    connector: Connector,
    // Fields drop in this order: the server ends, then its socket directory goes, then the lock.
    postmaster: Postmaster,
    _socket: SocketDir,
    _data_dir: DataDir,
}

impl PrivatePostgres {
    /// Starts the server of `data_dir`, which is created when missing, and waits until it takes connections and has
    /// the roles `sallyport_owner` and `sallyport_app`.
    ///
    /// An orphan left by a killed process is stopped first, a stale pid file removed.
    pub async fn start(data_dir: &Path, durability: Durability) -> Result<Self, PostgresError> {
        Self::start_as(data_dir, durability, Holder::Dev).await
    }

    async fn start_as(data_dir: &Path, durability: Durability, holder: Holder) -> Result<Self, PostgresError> {
        let data_dir = data_dir.to_owned();
        let this = blocking(move || Self::launch(&data_dir, durability, holder)).await?;
        this.connector.ensure_roles().await?;
        Ok(this)
    }

    fn launch(data_dir: &Path, durability: Durability, holder: Holder) -> Result<Self, PostgresError> {
        let data_dir = DataDir::lock(data_dir, holder)?;
        let user = account::own_name()?;
        let existing = Cluster::open(data_dir.pgdata())?;
        let launcher = Launcher::prepare(existing.as_ref())?;
        let cluster = match existing {
            Some(cluster) => cluster,
            None => init::create(&launcher, &data_dir, durability)?,
        };
        init::write_authentication(&cluster, &user)?;
        let socket = SocketDir::prepare(&data_dir, &cluster)?;
        let postmaster = postmaster::start(&launcher, &data_dir, &cluster, &socket, durability)?;
        Ok(Self {
            connector: Connector::new(socket.path().to_owned()),
            postmaster,
            _socket: socket,
            _data_dir: data_dir,
        })
    }

    /// How to connect to `database` as `role`: over the socket, proved by the kernel.
    pub fn connect_options(&self, role: DbRole, database: &str) -> PgConnectOptions {
        self.connector.connect_options(role, database)
    }

    /// What connects to this server; cheap to clone, and of no use once the server has ended.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Makes sure that the database `name` exists, is owned by `sallyport_owner`, and that of all other roles only
    /// `sallyport_app` may connect to it.
    pub async fn ensure_database(&self, name: &str) -> Result<(), PostgresError> {
        self.connector.ensure_database(name).await
    }

    /// Returns when the server has ended by itself, which it should not. The log says why.
    pub async fn ended(&self) {
        self.postmaster.ended().await;
    }

    /// Stops the server: sessions are ended, transactions in flight rolled back. Dropping does the same, but blocks.
    pub async fn stop(self) -> Result<(), PostgresError> {
        blocking(move || self.halt()).await
    }

    /// Keeps the lock until the server has ended.
    fn halt(self) -> Result<(), PostgresError> {
        self.postmaster.stop()
    }
}

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| PostgresError::Interrupted)?
}

/// Describes a failed file operation.
fn io_error(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> PostgresError {
    let path = path.into();
    move |source| PostgresError::File { doing, path, source }
}
