//! Row-level security, table by table, as the catalogue of the database has it: a table that a later migration adds
//! is tested without a change here, but for its row in `rls/row_of_each_table.sql`.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use crate::harness::db::TestDb;

/// Platform tables that name a tenant: every node follows the log of all tenants.
const PLATFORM: [&str; 1] = ["authority_log"];
/// Where the application may add and read, and nothing else.
const APPEND_ONLY: [&str; 3] = ["audit_event", "authority_log", "platform_event"];
const ONE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// A database in which each table of a tenant has a row of [`ONE`] and a row of [`OTHER`], and the names of the tables.
async fn two_tenants() -> (TestDb, Vec<String>) {
    let db = TestDb::new().await;
    let tables = tenant_tables(&db.owner).await;
    for tenant in [ONE, OTHER] {
        let rows = include_str!("rls/row_of_each_table.sql").replace(":tenant", &format!("'{tenant}'::uuid"));
        sqlx::raw_sql(AssertSqlSafe(rows)).execute(&db.owner).await.unwrap();
        for table in &tables {
            let rows = count(&mut db.owner.acquire().await.unwrap(), table, Some(tenant)).await;
            assert!(rows > 0, "{table} has no row to test with: add one to rls/row_of_each_table.sql");
        }
    }
    (db, tables)
}

async fn tenant_tables(pool: &PgPool) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> all ($1)
          order by 1",
    )
    .bind(PLATFORM.map(str::to_owned))
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(tables.len() > 15, "the catalogue was read: {tables:?}");
    tables
}

async fn count(connection: &mut PgConnection, table: &str, tenant: Option<Uuid>) -> i64 {
    let query = format!("select count(*) from {table} where $1::uuid is null or tenant = $1");
    sqlx::query_scalar(AssertSqlSafe(query)).bind(tenant).fetch_one(connection).await.unwrap()
}

async fn enter(connection: &mut PgConnection, tenant: Uuid) {
    let begin = format!("begin; set local sallyport.tenant = '{tenant}'");
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(connection).await.unwrap();
}

async fn leave(connection: &mut PgConnection, how: &'static str) {
    sqlx::raw_sql(how).execute(connection).await.unwrap();
}

/// Runs a statement that must not be allowed, and undoes what it spoilt.
async fn refused(connection: &mut PgConnection, statement: String) -> Option<String> {
    leave(connection, "savepoint before").await;
    let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await;
    leave(connection, "rollback to savepoint before").await;
    let code = |error: sqlx::Error| error.as_database_error().and_then(|error| error.code().map(Into::into));
    result.err().and_then(code)
}

const INSUFFICIENT_PRIVILEGE: Option<&str> = Some("42501");

#[tokio::test]
async fn each_table_forces_row_level_security_by_exactly_two_policies() {
    let db = TestDb::new().await;
    let of_tenant = "(tenant = (NULLIF(current_setting('sallyport.tenant'::text, true), ''::text))::uuid)";
    for table in tenant_tables(&db.owner).await {
        let (enabled, forced): (bool, bool) =
            sqlx::query_as("select relrowsecurity, relforcerowsecurity from pg_class where oid = $1::regclass")
                .bind(&table)
                .fetch_one(&db.owner)
                .await
                .unwrap();
        assert!(enabled && forced, "{table}");
        // A third one would widen what these two allow.
        let policies: Vec<(String, String, String, String, String)> = sqlx::query_as(
            "select permissive, roles::text, cmd, qual, with_check from pg_policies
              where schemaname = 'public' and tablename = $1 order by roles::text",
        )
        .bind(&table)
        .fetch_all(&db.owner)
        .await
        .unwrap();
        let policy = |role: &str, rule: &str| ["PERMISSIVE", role, "ALL", rule, rule].map(str::to_owned).into();
        assert_eq!(policies, [policy("{sallyport_app}", of_tenant), policy("{sallyport_owner}", "true")], "{table}");
    }
}

#[tokio::test]
async fn each_key_begins_with_the_tenant() {
    let db = TestDb::new().await;
    for table in tenant_tables(&db.owner).await {
        // Constraints and bare unique indexes alike; of a foreign key, what it refers to as well.
        let keys = sqlx::query(
            "select con.conname::text as name, a.attname::text as first,
                    case when con.contype = 'f' then con.confrelid::regclass::text || '.' || f.attname end as refers
               from pg_constraint con
               join pg_attribute a on a.attrelid = con.conrelid and a.attnum = con.conkey[1]
               left join pg_attribute f on f.attrelid = con.confrelid and f.attnum = con.confkey[1]
              where con.conrelid = $1::regclass and con.contype in ('p', 'u', 'f')
             union all
             select i.indexrelid::regclass::text, a.attname::text, null
               from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
              where i.indrelid = $1::regclass and i.indisunique",
        )
        .bind(&table)
        .fetch_all(&db.owner)
        .await
        .unwrap();
        assert!(!keys.is_empty(), "{table} has no key");
        let expressions: i64 = sqlx::query_scalar(
            "select count(*) from pg_index where indrelid = $1::regclass and indisunique and indkey[0] = 0",
        )
        .bind(&table)
        .fetch_one(&db.owner)
        .await
        .unwrap();
        assert_eq!(expressions, 0, "{table} has a unique index that begins with an expression");
        for key in keys {
            let (name, first): (String, String) = (key.get("name"), key.get("first"));
            assert_eq!(first, "tenant", "{table}: {name}");
            if let Some(refers) = key.get::<Option<String>, _>("refers") {
                assert!(refers == "tenant.id" || refers.ends_with(".tenant"), "{table}: {name} refers to {refers}");
            }
        }
    }
}

#[tokio::test]
async fn a_fresh_connection_shows_no_rows_and_no_error() {
    let (db, tables) = two_tenants().await;
    let mut connection = db.app.acquire().await.unwrap();
    for table in &tables {
        assert_eq!(count(&mut connection, table, None).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_connection_just_used_by_another_tenant_shows_none_of_its_rows() {
    let (db, tables) = two_tenants().await;
    let mut connection = db.app.acquire().await.unwrap();
    for end in ["commit", "rollback"] {
        for table in &tables {
            enter(&mut connection, OTHER).await;
            assert!(count(&mut connection, table, Some(OTHER)).await > 0, "{table}");
            leave(&mut connection, end).await;
            assert_eq!(count(&mut connection, table, None).await, 0, "{table} after {end}");

            enter(&mut connection, ONE).await;
            assert!(count(&mut connection, table, Some(ONE)).await > 0, "{table}");
            assert_eq!(count(&mut connection, table, Some(OTHER)).await, 0, "{table}");
            leave(&mut connection, end).await;
        }
    }
}

#[tokio::test]
async fn no_tenant_writes_rows_of_another() {
    let (db, tables) = two_tenants().await;
    let mut connection = db.app.acquire().await.unwrap();
    enter(&mut connection, ONE).await;
    for table in &tables {
        // A row that would be good in every other respect: one's own, with the other's name on it.
        let insert = format!(
            "insert into {table} select (jsonb_populate_record(t, jsonb_build_object('tenant', '{OTHER}'))).* from {table} t"
        );
        assert_eq!(refused(&mut connection, insert).await.as_deref(), INSUFFICIENT_PRIVILEGE, "{table}: insert");
        let give = format!("update {table} set tenant = '{OTHER}'");
        assert_eq!(refused(&mut connection, give).await.as_deref(), INSUFFICIENT_PRIVILEGE, "{table}: give away");
    }
    leave(&mut connection, "rollback").await;
    // Without a tenant nobody writes at all.
    leave(&mut connection, "begin").await;
    for table in &tables {
        let insert = format!(
            "insert into {table} select (jsonb_populate_record(null::{table}, $$ {{\"tenant\": \"{ONE}\"}} $$)).*"
        );
        assert_eq!(refused(&mut connection, insert).await.as_deref(), INSUFFICIENT_PRIVILEGE, "{table}: no tenant");
    }
    leave(&mut connection, "rollback").await;
}

#[tokio::test]
async fn no_tenant_changes_or_deletes_rows_of_another() {
    let (db, tables) = two_tenants().await;
    let mut connection = db.app.acquire().await.unwrap();
    enter(&mut connection, ONE).await;
    for table in &tables {
        for statement in [
            format!("update {table} set tenant = tenant where tenant = '{OTHER}'"),
            format!("delete from {table} where tenant = '{OTHER}'"),
        ] {
            leave(&mut connection, "savepoint before").await;
            match sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *connection).await {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{statement}"),
                Err(sqlx::Error::Database(error)) => assert_eq!(error.code().as_deref(), INSUFFICIENT_PRIVILEGE),
                Err(error) => panic!("{statement}: {error}"),
            }
            leave(&mut connection, "rollback to savepoint before").await;
        }
    }
    leave(&mut connection, "commit").await;
    for table in &tables {
        assert!(count(&mut db.owner.acquire().await.unwrap(), table, Some(OTHER)).await > 0, "{table}");
    }
}

#[tokio::test]
async fn evidence_can_be_added_and_read_and_nothing_else() {
    let (db, _) = two_tenants().await;
    let mut connection = db.app.acquire().await.unwrap();
    enter(&mut connection, ONE).await;
    for table in APPEND_ONLY {
        for statement in
            [format!("update {table} set at = at"), format!("delete from {table}"), format!("truncate {table}")]
        {
            let code = refused(&mut connection, statement.clone()).await;
            assert_eq!(code.as_deref(), INSUFFICIENT_PRIVILEGE, "{statement}");
        }
    }
}

#[tokio::test]
async fn the_role_that_serves_owns_nothing_and_empties_nothing() {
    let db = TestDb::new().await;
    let (superuser, bypasses, owned): (bool, bool, i64) = sqlx::query_as(
        "select rolsuper, rolbypassrls, (select count(*) from pg_class where relowner = r.oid)
           from pg_roles r where rolname = current_user",
    )
    .fetch_one(&db.app)
    .await
    .unwrap();
    assert!(!superuser && !bypasses && owned == 0);
    let truncatable: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and (has_table_privilege(c.oid, 'TRUNCATE') or has_table_privilege(c.oid, 'REFERENCES, TRIGGER'))",
    )
    .fetch_all(&db.app)
    .await
    .unwrap();
    assert!(truncatable.is_empty(), "{truncatable:?}");
}
