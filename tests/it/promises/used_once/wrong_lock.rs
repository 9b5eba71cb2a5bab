//! The races are worth something only if they are lost with the wrong lock. The statements that lock are taken from the
//! program's text and run as they stand; then with the family's row alone locked, which is what first comes to mind.

use sqlx::{AssertSqlSafe, Row as _, postgres::PgPoolOptions};
use time::OffsetDateTime;
use tokio::task::JoinSet;

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::Flow,
};

/// How many come at once.
const CROWD: usize = 16;

/// A statement that locks a handle, and what its race is about.
struct Lock {
    statement: String,
    /// The lock of the program, as the statement ends, and the wrong one.
    right: &'static str,
    /// The table of the handle.
    table: &'static str,
    /// Not null where somebody was there before.
    used_at: &'static str,
    /// Uses the handle. Without the second look that the program's own statements take.
    take: &'static str,
}

impl Lock {
    fn refresh_token() -> Self {
        let right = "for update of r, f";
        let take = "update refresh_token set rotated_at = now(), box = '' where hash = $1";
        let source = include_str!("../../../../src/store/handles/refresh.rs");
        Self { statement: statement(source, right), right, table: "refresh_token", used_at: "rotated_at", take }
    }

    fn code() -> Self {
        let right = "for update of c, f";
        let take = "update auth_code set consumed_at = now() where hash = $1";
        let source = include_str!("../../../../src/store/handles/codes.rs");
        Self { statement: statement(source, right), right, table: "auth_code", used_at: "consumed_at", take }
    }

    fn with(&self, lock: &str) -> Self {
        Self { statement: self.statement.replace(self.right, lock), ..*self }
    }

    /// Lets a crowd loose on the one handle that there is. All of them wait at the lock when it is opened. Says how many
    /// found the handle unused.
    async fn race(&self, app: &TestApp, tenant: &TestTenant) -> usize {
        let hash = format!("select hash from {}", self.table);
        let hash: Vec<u8> = sqlx::query_scalar(AssertSqlSafe(hash)).fetch_one(&app.db.owner).await.unwrap();
        let pool = PgPoolOptions::new().max_connections(16).connect_with(app.db.options()).await.unwrap();
        let mut gate = app.db.owner.begin().await.unwrap();
        sqlx::query("select from family for update").execute(&mut *gate).await.unwrap();

        let mut crowd = JoinSet::new();
        for _ in 0..CROWD {
            let (pool, tenant, hash) = (pool.clone(), tenant.id, hash.clone());
            let (statement, used_at, take) = (self.statement.clone(), self.used_at, self.take);
            crowd.spawn(async move {
                let begin = format!("begin; set local sallyport.tenant = '{tenant}'");
                let mut tx = pool.begin_with(AssertSqlSafe(begin)).await.unwrap();
                let lock = sqlx::query(AssertSqlSafe(statement)).bind(tenant.0).bind(vec![hash.clone()]);
                let row = lock.fetch_one(&mut *tx).await.unwrap();
                let unused = row.get::<Option<OffsetDateTime>, _>(used_at).is_none();
                if unused {
                    sqlx::query(take).bind(hash).execute(&mut *tx).await.unwrap();
                }
                tx.commit().await.unwrap();
                unused
            });
        }
        app.db.waiting(i64::try_from(CROWD).unwrap()).await;
        gate.rollback().await.unwrap();
        let won = crowd.join_all().await.into_iter().filter(|unused| *unused).count();

        let again = format!("update {} set {} = null{}", self.table, self.used_at, self.without_box());
        sqlx::query(AssertSqlSafe(again)).execute(&app.db.owner).await.unwrap();
        pool.close().await;
        won
    }

    fn without_box(&self) -> &'static str {
        if self.table == "refresh_token" { ", box = null" } else { "" }
    }
}

/// The literal of the program's text that holds `lock`.
fn statement(source: &str, lock: &str) -> String {
    let at = source.find(lock).expect("the program locks the handle and its family");
    let from = source[..at].rfind("\"select").unwrap() + 1;
    let to = at + source[at..].find('"').unwrap();
    source[from..to].to_owned()
}

/// A family with one handle of the kind.
async fn setting(redeemed: bool) -> (TestApp, TestTenant) {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    if redeemed {
        flow.tokens(&client).await;
    } else {
        flow.code(&client).await;
    }
    (app, tenant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_the_family_alone_locked_many_win_a_refresh_token() {
    let (app, tenant) = setting(true).await;
    let lock = Lock::refresh_token();
    assert_eq!(lock.race(&app, &tenant).await, 1);
    assert!(
        lock.with("for update of f").race(&app, &tenant).await > 1,
        "the race tells a wrong lock from the right one"
    );
    assert_eq!(lock.race(&app, &tenant).await, 1, "and it was the lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_the_family_alone_locked_many_win_a_code() {
    let (app, tenant) = setting(false).await;
    let lock = Lock::code();
    assert_eq!(lock.race(&app, &tenant).await, 1);
    assert!(
        lock.with("for update of f").race(&app, &tenant).await > 1,
        "the race tells a wrong lock from the right one"
    );
    assert_eq!(lock.race(&app, &tenant).await, 1, "and it was the lock");
}
