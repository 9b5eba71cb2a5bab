//! What the role that serves cannot do to evidence, whatever it sends.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::sequence::settled;
use crate::harness::app::TestApp;

const REFUSED: &str = "42501";

/// The SQLSTATE of a statement that must fail; what it spoilt is undone.
pub(super) async fn refused(connection: &mut PgConnection, statement: &str) -> String {
    sqlx::raw_sql("savepoint before").execute(&mut *connection).await.unwrap();
    let result = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await;
    sqlx::raw_sql("rollback to savepoint before").execute(&mut *connection).await.unwrap();
    let error = result.expect_err(statement);
    error.as_database_error().and_then(|error| error.code()).expect(statement).into_owned()
}

#[tokio::test]
async fn the_role_that_serves_changes_no_evidence_by_any_statement() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    settled(&app, acme.id).await;
    let mut connection = app.db.app.acquire().await.unwrap();
    let enter = format!("begin; set local sallyport.tenant = '{}'", acme.id);
    sqlx::raw_sql(AssertSqlSafe(enter)).execute(&mut *connection).await.unwrap();

    for table in ["audit_event", "platform_event", "audit_log", "audit_entry", "audit_tile", "audit_checkpoint"] {
        let column = if table == "platform_event" { "id" } else { "tenant" };
        for statement in [
            format!("update {table} set {column} = {column}"),
            format!("delete from {table}"),
            format!("truncate {table}"),
            format!("drop table {table}"),
            format!("alter table {table} disable row level security"),
            format!("create policy wider on {table} using (true)"),
        ] {
            assert_eq!(refused(&mut connection, &statement).await, REFUSED, "{statement}");
        }
        if table.starts_with("audit_") && table != "audit_event" {
            let insert = format!("insert into {table} select * from {table}");
            assert_eq!(refused(&mut connection, &insert).await, REFUSED, "{insert}");
        }
    }
    // Nor says of a row which transaction wrote it.
    let claim = format!(
        "insert into audit_event (tenant, id, at, kind, version, body, xact) values ('{0}', '{0}', now(), 'k', 1, '{{}}', 3)",
        acme.id
    );
    assert_eq!(refused(&mut connection, &claim).await, REFUSED);
    assert_eq!(refused(&mut connection, "update audit_value set value = value").await, REFUSED);
    assert_eq!(refused(&mut connection, "update audit_hold set placed_at = now()").await, REFUSED);
    assert_eq!(refused(&mut connection, "delete from audit_hold").await, REFUSED);
    assert_eq!(refused(&mut connection, "update audit_hold set lifted_at = now()").await, REFUSED);
    assert_eq!(refused(&mut connection, "set role sallyport_owner").await, REFUSED);
    let anew = "select audit_restart(2, 'host/audit/x/2', sha256(''), now())";
    assert_eq!(refused(&mut connection, anew).await, REFUSED, "only the owner begins a log anew");

    let prune = format!("select audit_prune('{}', now(), 10)", other.id);
    assert_eq!(refused(&mut connection, &prune).await, REFUSED, "of another tenant");
    let hold =
        format!("insert into audit_hold (tenant, id, reason, placed_at) values ('{0}', '{0}', 'r', now())", acme.id);
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(&mut *connection).await.unwrap();
    let prune = format!("select audit_prune('{}', now(), 10)", acme.id);
    assert_eq!(refused(&mut connection, &prune).await, "55000", "while a hold stands");
    let lift = format!("select audit_lift_hold('{}', now())", acme.id);
    assert_eq!(refused(&mut connection, &lift).await, "23514", "without an event that says so");
}

#[tokio::test]
async fn the_role_that_serves_sees_and_writes_no_partition() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    app.app.store.make_audit_partitions(5).await.unwrap();
    let partitions = "select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as closed
                        from pg_inherits i join pg_class c on c.oid = i.inhrelid
                       where i.inhparent = 'audit_event'::regclass";
    let partitions = sqlx::query(partitions).fetch_all(&app.db.owner).await.unwrap();
    // The one from before, the default one, and those to come.
    assert!(partitions.len() >= 6, "{}", partitions.len());
    let mut connection = app.db.app.acquire().await.unwrap();
    sqlx::raw_sql("begin").execute(&mut *connection).await.unwrap();
    for partition in &partitions {
        let (name, closed): (String, bool) = (partition.get("name"), partition.get("closed"));
        assert!(closed, "{name}");
        for statement in [
            format!("select * from {name}"),
            format!("insert into {name} (kind) values ('k')"),
            format!("delete from {name}"),
            format!("truncate {name}"),
            format!("alter table audit_event detach partition {name}"),
        ] {
            assert_eq!(refused(&mut connection, &statement).await, REFUSED, "{statement}");
        }
    }
}

/// The partition that the one event of the kind `test` is in.
async fn place(app: &TestApp) -> String {
    let place = "select tableoid::regclass::text from audit_event where kind = 'test'";
    sqlx::query_scalar(place).fetch_one(&app.db.owner).await.unwrap()
}

#[tokio::test]
async fn events_that_came_before_their_partition_move_into_it_and_empty_months_go() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await.id;
    let run = async |statement: &str| {
        let statement = statement.replace("$1", &format!("'{tenant}'"));
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&app.db.owner).await.unwrap();
    };
    run("insert into audit_event (tenant, id, at, kind, version, body)
         values ($1, audit_bound(audit_month(now(), 5)), now(), 'test', 1, '{}')")
    .await;
    assert_eq!(place(&app).await, "audit_event_default");
    assert_eq!(app.app.store.make_audit_partitions(5).await.unwrap(), 2);
    let moved = place(&app).await;
    assert!(moved.starts_with("audit_event_2"), "{moved}");
    assert_eq!(app.app.store.make_audit_partitions(5).await.unwrap(), 0);

    // A month long ago, as if the table had had its partitions then.
    run("delete from audit_event where kind = 'test'").await;
    let before = "select inhrelid::regclass::text from pg_inherits
                   where inhparent = 'audit_event'::regclass and inhrelid::regclass::text like 'audit_event_before_%'";
    let before: String = sqlx::query_scalar(before).fetch_one(&app.db.owner).await.unwrap();
    run(&format!("alter table audit_event detach partition {before}")).await;
    run("create table audit_event_2020_01 partition of audit_event
           for values from ('016f5e66-e800-0000-0000-000000000000') to ('016ffe0c-0c00-0000-0000-000000000000')")
    .await;
    run("insert into audit_event (tenant, id, at, kind, version, body)
         values ($1, '016f5e66-e801-7000-8000-000000000000', now(), 'test', 1, '{}')")
    .await;
    assert_eq!(place(&app).await, "audit_event_2020_01");
    assert_eq!(app.app.store.drop_empty_audit_partitions().await.unwrap(), 0, "somebody has an event in it");
    run("delete from audit_event where kind = 'test'").await;
    assert_eq!(app.app.store.drop_empty_audit_partitions().await.unwrap(), 1);
}
