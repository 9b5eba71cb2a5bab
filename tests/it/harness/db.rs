//! Databases for tests: one private Postgres a test process, one database a test.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::TryStreamExt as _;
use rustix::process::{Pid, test_kill_process};
use sallyport::dev::postgres::{Connector, DbRole, Durability, PrivatePostgres};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::OnceCell;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
static POSTGRES: OnceCell<PrivatePostgres> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);
const TEMPLATE: &str = "migrated";

/// A migrated database of its own, removed when this is dropped.
pub(crate) struct TestDb {
    /// Connects as the role that serves.
    pub(crate) app: PgPool,
    /// Connects as the role that owns the schema.
    pub(crate) owner: PgPool,
    /// The database's name.
    pub(crate) name: String,
    connector: Connector,
}

impl TestDb {
    /// A fresh copy of the migrated template.
    pub(crate) async fn new() -> Self {
        let postgres = postgres().await;
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let connector = postgres.connector().clone();
        // Copying files takes a fifth of the time of the usual way, which logs every page.
        let create = format!("create database {name} template {TEMPLATE} owner sallyport_owner strategy file_copy");
        as_superuser(&connector, &create).await.unwrap();
        // What a database grants is not copied from its template.
        postgres.ensure_database(&name).await.unwrap();
        Self::over(connector, name)
    }

    /// The only database of a server of the test's own.
    pub(crate) async fn alone(postgres: &PrivatePostgres) -> Self {
        migrate(postgres, TEMPLATE).await;
        Self::over(postgres.connector().clone(), TEMPLATE.to_owned())
    }

    fn over(connector: Connector, name: String) -> Self {
        let pool = |role, size| {
            PgPoolOptions::new().max_connections(size).connect_lazy_with(connector.connect_options(role, &name))
        };
        Self {
            app: pool(DbRole::App, 8),
            owner: pool(DbRole::Owner, 2),
            name: name.clone(),
            connector: connector.clone(),
        }
    }

    /// Lets the server end all connections to this database and take no new ones; or take them again.
    pub(crate) async fn takes_connections(&self, takes: bool) {
        as_superuser(&self.connector, &format!("alter database {} allow_connections {takes}", self.name))
            .await
            .unwrap();
        if !takes {
            let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", self.name);
            as_superuser(&self.connector, &end).await.unwrap();
        }
    }

    /// A connection of somebody who may do everything here.
    pub(crate) async fn superuser(&self) -> PgConnection {
        self.connector.connect_options(DbRole::Superuser, &self.name).connect().await.unwrap()
    }

    /// Every row of every table, as a superuser copies them out.
    pub(crate) async fn dump(&self) -> Vec<u8> {
        let mut superuser = self.superuser().await;
        let tables = "select format('%I.%I', schemaname, tablename) from pg_tables
                       where schemaname not in ('pg_catalog', 'information_schema') order by 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut superuser).await.unwrap();
        let mut dump = Vec::new();
        for table in tables {
            dump.extend_from_slice(format!("{table}\n").as_bytes());
            let copy = format!("copy (select * from {table}) to stdout");
            let mut rows = superuser.copy_out_raw(&copy).await.unwrap();
            while let Some(bytes) = rows.try_next().await.unwrap() {
                dump.extend_from_slice(&bytes);
            }
        }
        superuser.close().await.unwrap();
        dump
    }

    /// Returns when so many of the application's statements wait for a lock.
    pub(crate) async fn waiting(&self, statements: i64) {
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let all_wait = async {
            while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&self.app).await.unwrap() < statements {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all_wait).await.expect("they wait for locks");
    }

    /// Runs a statement that only a superuser may.
    pub(crate) async fn as_superuser(&self, statement: &str) {
        as_superuser(&self.connector, statement).await.unwrap();
    }

    /// How the role that serves connects.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.connector.connect_options(DbRole::App, &self.name)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // The test's runtime may be ending, so this takes one of its own. Nobody waits: what is left goes with the server.
        let (connector, name) = (self.connector.clone(), self.name.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _ = runtime.block_on(as_superuser(&connector, &format!("drop database {name} with (force)")));
        });
    }
}

async fn as_superuser(connector: &Connector, statement: &str) -> sqlx::Result<()> {
    let mut connection = connector.connect_options(DbRole::Superuser, "postgres").connect().await?;
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
    connection.close().await
}

/// The process's server; it ends with the process.
pub(crate) async fn postgres() -> &'static PrivatePostgres {
    postgres_with(Durability::None).await
}

/// The process's server, as durable as this if it does not run yet.
pub(crate) async fn postgres_with(durability: Durability) -> &'static PrivatePostgres {
    POSTGRES.get_or_init(|| start(durability)).await
}

async fn start(durability: Durability) -> PrivatePostgres {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    remove_leftovers(scratch);
    let data_dir = scratch.join(format!("pg-{}", std::process::id()));
    let postgres = PrivatePostgres::start(&data_dir, durability).await.unwrap();
    migrate(&postgres, TEMPLATE).await;
    postgres
}

async fn migrate(postgres: &PrivatePostgres, name: &str) {
    postgres.ensure_database(name).await.unwrap();
    let mut owner = postgres.connect_options(DbRole::Owner, name).connect().await.unwrap();
    MIGRATIONS.run(&mut owner).await.unwrap();
    // A template must have no sessions.
    owner.close().await.unwrap();
}

/// Data directories of test processes that have ended.
fn remove_leftovers(scratch: &Path) {
    for dir in fs::read_dir(scratch).unwrap().map(|entry| entry.unwrap().path()) {
        if owner_of(&dir).is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH)) {
            // Another process may be removing it too.
            let _ = fs::remove_dir_all(dir);
        }
    }
}

fn owner_of(dir: &Path) -> Option<Pid> {
    Pid::from_raw(dir.file_name()?.to_str()?.strip_prefix("pg-")?.parse().ok()?)
}

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let (one, other) = (TestDb::new().await, TestDb::new().await);
    assert_ne!(one.name, other.name);
    let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
    let before: i64 = sqlx::query_scalar(tables).fetch_one(&other.owner).await.unwrap();
    assert!(before > 1, "the migrations ran");
    sqlx::query("create table mine ()").execute(&one.owner).await.unwrap();
    let after: i64 = sqlx::query_scalar(tables).fetch_one(&other.owner).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn tests_serve_as_the_role_that_serves() {
    let db = TestDb::new().await;
    let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&db.app).await.unwrap();
    assert_eq!(role, "sallyport_app");
    sqlx::query("create table mine ()").execute(&db.app).await.unwrap_err();
}
