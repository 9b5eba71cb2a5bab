//! Postgres through sqlx, one file an aggregate. Nothing else knows SQL.

pub mod api_tokens;
pub mod apply;
pub mod audit;
pub mod audit_checkpoints;
pub mod audit_export;
pub mod audit_log;
pub mod audit_names;
pub mod audit_retention;
pub mod audit_search;
pub mod audit_ship;
pub mod authority;
mod begin;
pub mod calls;
pub mod clients;
mod connect;
pub mod devices;
pub mod documents;
pub mod first_link;
pub mod grants;
pub mod handles;
pub mod history;
pub mod initial_tokens;
pub mod interactions;
pub mod janitor;
pub mod keys;
mod limits;
pub mod login_throttle;
pub mod nodes;
pub mod outside;
pub mod overview;
pub mod people;
pub mod person_links;
pub mod platform;
pub mod providers;
pub mod provision;
pub mod schema;
pub mod second;
pub mod server_probes;
pub mod server_secrets;
pub mod sessions;
pub mod tenants;
mod turn;
pub mod usage;

use begin::Beginning;
pub use connect::NoConnection;
use connect::reason;
pub use limits::Limits;
use sqlx::{
    PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use time::OffsetDateTime;
use turn::{Turn, Turns};

use crate::{
    clock::{Clock, ClocksDiffer},
    ids::TenantId,
};

/// What the database says of the time is of now only if it comes sooner than this.
const PROMPT: std::time::Duration = std::time::Duration::from_secs(2);

/// A pattern for `like` that fits whatever contains this text.
pub fn containing(text: &str) -> String {
    let escape = |sign: char| matches!(sign, '%' | '_' | '\\').then_some('\\').into_iter().chain([sign]);
    format!("%{}%", text.chars().flat_map(escape).collect::<String>())
}

/// The database did not do what it was asked. Always a fault of ours: 503, nothing lost, never an OAuth client error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There was no connection to begin with.
    #[error(transparent)]
    NoConnection(Box<NoConnection>),
    /// The address of the database is none.
    #[error("the database's address cannot be used: {0}")]
    Address(String),
    /// Not reachable any more, timed out, or it refused a statement.
    #[error("the database did not answer as expected: {}", reason(.0))]
    Database(#[from] sqlx::Error),
    /// A row that this program could not have written.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// The authority log ends before what this process has applied of it, as after a failover that lost commits, or it
    /// grows faster than it can be read. Nothing read from such a database may be trusted.
    #[error("the authority log is behind what this process has applied")]
    Behind,
    /// The audit log was begun on another database server, where transactions had other numbers.
    #[error("the audit log was begun on another database server; see `sallyport audit restart-log`")]
    Moved,
    /// This process is not registered as a node, so it may not serve: it was given up for dead, and registers anew.
    #[error("this process is not registered as a node")]
    Unregistered,
    /// This machine's wall clock cannot be believed, so nothing is done that goes by time.
    #[error("this machine's clock cannot be believed")]
    OddClock,
    /// No random bytes for an id.
    #[error(transparent)]
    NoEntropy(#[from] crate::secret::NoEntropy),
}

impl StoreError {
    /// A row that cannot be read, named by what it is.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string())
    }

    fn driver(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database(error) => Some(error),
            Self::NoConnection(error) => Some(error.cause()),
            _ => None,
        }
    }

    /// Whether it says no more than that a connection has ended: its own, or all of a server that stops.
    pub fn is_disconnected(&self) -> bool {
        match self.driver() {
            Some(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) => true,
            // 57P01 to 57P03, 57P05 and 25P03: ended by an administrator, by a crash, starting up, or idle for too long.
            Some(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P") || code == "25P03")
            }
            _ => false,
        }
    }

    /// No answer in the time that there was for it.
    pub fn late() -> Self {
        Self::Database(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }

    /// Whether the database itself says what is wrong, so that the connection is whole.
    pub fn is_stated(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(_)))
    }

    /// The constraint that was violated, if that is what happened.
    pub fn violated(&self) -> Option<&str> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.constraint(),
            _ => None,
        }
    }
}

/// The connection pool of the serving role.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    turns: Turns,
}

impl Store {
    /// Connects, with at most `connections` at a time, each of which gives up in time.
    pub async fn connect(options: PgConnectOptions, connections: u32, limits: Limits) -> Result<Self, StoreError> {
        connect::try_out(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(std::time::Duration::from_secs(5))
            // A round trip on every acquire costs more than the rare retry after a restart of Postgres.
            .test_before_acquire(false)
            .connect_with(limits.set(options))
            .await?;
        Ok(Self::over(pool))
    }

    /// A store over a pool that exists.
    pub fn over(pool: PgPool) -> Self {
        Self { pool, turns: Turns::default() }
    }

    /// The pool itself, for single statements on platform tables and for SQL functions that set their tenant.
    pub(in crate::store) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A transaction on platform tables: no tenant is set, so row-level security shows no tenant's rows.
    pub async fn platform_tx(&self) -> Result<PlatformTx, StoreError> {
        Ok(PlatformTx { tx: Beginning::by(&self.pool, "begin".to_owned()).await?, turn: self.turns.none() })
    }

    /// A transaction that sees the rows of `tenant` and no others.
    pub async fn tenant_tx(&self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        // A UUID's text is hexadecimal digits and dashes: nothing to escape.
        let begin = format!("begin; set local sallyport.tenant = '{tenant}'");
        Ok(TenantTx { tx: Beginning::by(&self.pool, begin).await?, turn: self.turns.none(), tenant })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Compares `clock` with the database's, the one that all processes can see. While the database does not answer at once,
    /// nothing is learned: then other things refuse requests.
    ///
    /// # Errors
    /// They differ, and `clock` is not believed from now on.
    pub async fn compare_clock(&self, clock: &Clock) -> Result<(), ClocksDiffer> {
        let reference = sqlx::query_scalar("select clock_timestamp()").fetch_one(&self.pool);
        match tokio::time::timeout(PROMPT, reference).await {
            Ok(Ok(reference)) => clock.compare(reference),
            _ => Ok(()),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction on platform tables. Rolls back unless committed.
pub struct PlatformTx {
    tx: Transaction<'static, Postgres>,
    turn: Turn,
}

impl PlatformTx {
    /// Commits.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    /// Goes on as a transaction of one tenant. Whatever was done so far stays in it.
    pub async fn enter(mut self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        sqlx::query("select set_config('sallyport.tenant', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(TenantTx { tx: self.tx, turn: self.turn, tenant })
    }

    /// See [`Turn::take`].
    async fn take_turn(&mut self) -> Result<(), StoreError> {
        self.turn.take().await
    }

    pub(in crate::store) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// A transaction that sees one tenant's rows. Rolls back unless committed.
///
/// A *protocol* error must be returned after [`TenantTx::commit`], or the revocation that came with it is lost;
/// an *infrastructure* error must not commit.
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    turn: Turn,
    tenant: TenantId,
}

impl TenantTx {
    /// Whose rows it sees.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Commits.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    /// Leaves the tenant and goes on as a platform transaction: for `apply`, which changes several tenants at once.
    pub async fn leave(mut self) -> Result<PlatformTx, StoreError> {
        sqlx::query("select set_config('sallyport.tenant', '', true)").execute(&mut *self.tx).await?;
        Ok(PlatformTx { tx: self.tx, turn: self.turn })
    }

    /// See [`Turn::take`].
    async fn take_turn(&mut self) -> Result<(), StoreError> {
        self.turn.take().await
    }

    pub(in crate::store) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// When and for whom something is written: what every change needs beside its own data.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The time of the change.
    pub at: OffsetDateTime,
    /// The request that caused it; none for commands.
    pub request_id: Option<String>,
}
