use sallyport::dev::postgres::DbRole;
use sqlx::ConnectOptions as _;

use crate::harness::{
    db::{TestDb, postgres},
    process::{Said, run},
};

const URL: (&str, &str) = ("SALLYPORT_PUBLIC_URL", "https://mcp.example.com");

async fn migrate(role: DbRole, database: &str, more: &[&str]) -> Said {
    let url = postgres().await.connect_options(role, database).to_url_lossy().to_string();
    run(&[&["migrate"], more].concat(), &[URL, ("SALLYPORT_DATABASE__OWNER_URL", &url)])
}

/// A database without a schema. It goes with the server.
async fn empty(name: &'static str) -> &'static str {
    postgres().await.ensure_database(name).await.unwrap();
    name
}

#[tokio::test]
async fn the_owner_migrates_once() {
    let database = empty("cli_migrate").await;
    let first = migrate(DbRole::Owner, database, &[]).await;
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert!(first.out.starts_with("applied 0001 foundation create\n"), "{}", first.out);
    // What a run that was cut off could not note, the next one does.
    let mut owner = postgres().await.connect_options(DbRole::Owner, database).connect().await.unwrap();
    sqlx::query("delete from platform_event where body ->> 'migration' = '1'").execute(&mut owner).await.unwrap();
    let again = migrate(DbRole::Owner, database, &[]).await;
    assert_eq!((again.code, again.out.as_str()), (0, "the database is up to date\n"));
    let json = migrate(DbRole::Owner, database, &["--json"]).await;
    assert_eq!(json.out.trim(), "[]");
    let noted: Vec<i64> = sqlx::query_scalar(
        "select (body -> 'migration')::bigint from platform_event where kind = 'schema.migrated' order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let applied: Vec<i64> =
        sqlx::query_scalar("select version from _sqlx_migrations order by 1").fetch_all(&mut owner).await.unwrap();
    assert_eq!(noted, applied, "each migration is in the platform log, once");
}

#[tokio::test]
async fn nobody_else_migrates() {
    let database = empty("cli_migrate_others").await;
    for (role, why) in [(DbRole::Superuser, "is a superuser"), (DbRole::App, "migrations are run by sallyport_owner")] {
        let said = migrate(role, database, &[]).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        assert!(said.err.contains(why) && said.err.lines().count() == 1, "{}", said.err);
    }
    let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
    let mut owner = postgres().await.connect_options(DbRole::Owner, database).connect().await.unwrap();
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut owner).await.unwrap();
    assert_eq!(tables, 0, "nothing was changed");
}

#[tokio::test]
async fn a_newer_database_stays_as_it_is() {
    let db = TestDb::new().await;
    sqlx::query(
        "insert into _sqlx_migrations select 9999, 'later', now(), true, checksum, 0 from _sqlx_migrations limit 1",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    let said = migrate(DbRole::Owner, &db.name, &[]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("9999"), "{}", said.err);
}
