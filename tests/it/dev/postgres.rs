//! The private Postgres.

mod attach;
mod crashes;
mod places;

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::process::Pid;
use sallyport::dev::postgres::{DbRole, Durability, PostgresError, PrivatePostgres, running};
use sqlx::{ConnectOptions, Connection, PgConnection};

/// A data directory below a directory that only we may enter; both go at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }

    fn data_dir(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn start(data_dir: &Path) -> PrivatePostgres {
    PrivatePostgres::start(data_dir, Durability::None).await.unwrap()
}

async fn connect(postgres: &PrivatePostgres, role: DbRole, database: &str) -> PgConnection {
    postgres.connect_options(role, database).connect().await.unwrap()
}

fn postmaster_pid(data_dir: &Path) -> Pid {
    let text = fs::read_to_string(data_dir.join("pgdata/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

/// Keeps a number in the database, so that a later start can show that it is the same data.
async fn remember(postgres: &PrivatePostgres, number: i32) {
    postgres.ensure_database("memory").await.unwrap();
    let mut owner = connect(postgres, DbRole::Owner, "memory").await;
    sqlx::raw_sql("create table if not exists remembered (number int)").execute(&mut owner).await.unwrap();
    sqlx::query("insert into remembered values ($1)").bind(number).execute(&mut owner).await.unwrap();
}

async fn recall(postgres: &PrivatePostgres) -> Vec<i32> {
    let mut owner = connect(postgres, DbRole::Owner, "memory").await;
    sqlx::query_scalar("select number from remembered order by number").fetch_all(&mut owner).await.unwrap()
}

#[tokio::test]
async fn a_second_start_finds_the_rows_of_the_first() {
    let scratch = Scratch::new("second-start");
    let first = start(&scratch.data_dir()).await;
    remember(&first, 7).await;
    first.stop().await.unwrap();
    assert!(running(&scratch.data_dir()).is_none());

    let second = start(&scratch.data_dir()).await;
    assert_eq!(recall(&second).await, [7]);
    assert!(scratch.data_dir().join("postgres.log.1").exists());
}

#[tokio::test]
async fn two_starts_on_one_directory_are_told_apart() {
    let scratch = Scratch::new("two-starts");
    let first = start(&scratch.data_dir()).await;
    let error = PrivatePostgres::start(&scratch.data_dir().join("../data"), Durability::None).await.unwrap_err();
    assert!(matches!(error, PostgresError::InUse { .. }));
    assert!(error.to_string().starts_with("another `sallyport dev` uses "), "{error}");
    // It disturbed nothing, and dropping gives the directory back.
    remember(&first, 1).await;
    drop(first);
    start(&scratch.data_dir()).await.stop().await.unwrap();
}

#[tokio::test]
async fn no_role_of_ours_steps_around_row_level_security() {
    let scratch = Scratch::new("roles");
    let postgres = start(&scratch.data_dir()).await;
    // A role that somebody widened is put right at the next start.
    let mut superuser = connect(&postgres, DbRole::Superuser, "postgres").await;
    sqlx::raw_sql("alter role sallyport_app superuser bypassrls").execute(&mut superuser).await.unwrap();
    superuser.close().await.unwrap();
    postgres.stop().await.unwrap();

    let postgres = start(&scratch.data_dir()).await;
    let mut superuser = connect(&postgres, DbRole::Superuser, "postgres").await;
    let rights: Vec<(String, bool, bool, bool, bool, bool)> = sqlx::query_as(
        "select rolname::text, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin
         from pg_roles where rolname like 'sallyport%' order by 1",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let plain = |name: &str| (name.to_owned(), false, false, false, false, true);
    assert_eq!(rights, [plain("sallyport_app"), plain("sallyport_owner")]);
}

#[tokio::test]
async fn a_database_is_for_its_two_roles() {
    let scratch = Scratch::new("database");
    let postgres = start(&scratch.data_dir()).await;
    postgres.ensure_database("sallyport").await.unwrap();
    postgres.ensure_database("sallyport").await.unwrap();
    assert!(matches!(postgres.ensure_database("a\"; drop").await, Err(PostgresError::DatabaseName(_))));

    let mut owner = connect(&postgres, DbRole::Owner, "sallyport").await;
    sqlx::raw_sql("create table t (); create role other").execute(&mut owner).await.unwrap_err();
    sqlx::raw_sql("create table t ()").execute(&mut owner).await.unwrap();
    let mut app = connect(&postgres, DbRole::App, "sallyport").await;
    sqlx::raw_sql("create table u ()").execute(&mut app).await.unwrap_err();
    sqlx::raw_sql("select from t").execute(&mut app).await.unwrap_err();
    // No other database lets them in, and no other role gets into this one.
    for role in [DbRole::App, DbRole::Owner] {
        let refused = postgres.connect_options(role, "postgres").connect().await.unwrap_err();
        assert!(refused.to_string().contains("permission denied for database"), "{refused}");
    }
    let stranger = postgres.connect_options(DbRole::App, "sallyport").username("other");
    assert!(stranger.connect().await.unwrap_err().to_string().contains("Peer authentication failed"));
    let public: bool = sqlx::query_scalar("select has_database_privilege('public', 'sallyport', 'connect')")
        .fetch_one(&mut connect(&postgres, DbRole::Superuser, "postgres").await)
        .await
        .unwrap();
    assert!(!public);
}
