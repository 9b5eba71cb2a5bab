//! The proxy fails as it is told to, and not otherwise.

use std::{str::FromStr as _, time::Duration};

use sqlx::{ConnectOptions as _, PgConnection, postgres::PgListener};

use super::*;
use crate::harness::db::TestDb;

const SOON: Duration = Duration::from_millis(50);

struct Bench {
    db: TestDb,
    proxy: Proxy,
    options: PgConnectOptions,
}

impl Bench {
    async fn new() -> Self {
        let db = TestDb::new().await;
        let proxy = Proxy::start(&db.options()).await;
        let options = PgConnectOptions::from_str(&proxy.url("sallyport_app", &db.name)).unwrap();
        Self { db, proxy, options }
    }

    async fn connect(&self) -> PgConnection {
        self.options.connect().await.unwrap()
    }
}

async fn number(connection: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::query_scalar("select 7 /* number */").fetch_one(connection).await
}

#[tokio::test]
async fn what_is_cut_is_refused_until_it_is_healed() {
    let bench = Bench::new().await;
    let mut connection = bench.connect().await;
    assert_eq!(number(&mut connection).await.unwrap(), 7);
    bench.proxy.cut();
    number(&mut connection).await.unwrap_err();
    bench.options.connect().await.unwrap_err();
    bench.proxy.heal();
    assert_eq!(number(&mut bench.connect().await).await.unwrap(), 7);
}

#[tokio::test]
async fn only_who_has_the_name_is_cut() {
    let bench = Bench::new().await;
    let named = bench.options.clone().application_name("somebody");
    let (mut somebody, mut other) = (named.connect().await.unwrap(), bench.connect().await);
    assert_eq!(bench.proxy.cut_named("somebody"), 1);
    number(&mut somebody).await.unwrap_err();
    named.connect().await.unwrap_err();
    assert_eq!(number(&mut other).await.unwrap(), 7);
    bench.proxy.heal();
    assert_eq!(number(&mut named.connect().await.unwrap()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_black_hole_answers_when_it_is_released() {
    let bench = Bench::new().await;
    let mut connection = bench.connect().await;
    bench.proxy.hold();
    let asking = number(&mut connection);
    tokio::pin!(asking);
    tokio::time::timeout(SOON, &mut asking).await.unwrap_err();
    bench.proxy.release();
    assert_eq!(asking.await.unwrap(), 7);
}

#[tokio::test]
async fn only_who_listens_is_killed() {
    let bench = Bench::new().await;
    let mut connection = bench.connect().await;
    let pool = sqlx::PgPool::connect_with(bench.options.clone()).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    assert_eq!(bench.proxy.kill_listeners(), 0);
    listener.listen("something").await.unwrap();
    assert_eq!(bench.proxy.kill_listeners(), 1);
    assert!(listener.try_recv().await.unwrap().is_none(), "the connection was lost");
    assert_eq!(number(&mut connection).await.unwrap(), 7);
}

#[tokio::test]
async fn one_statement_is_held_before_or_after_it_is_done() {
    let bench = Bench::new().await;
    let make = "create sequence done; grant usage on sequence done to sallyport_app";
    sqlx::raw_sql(make).execute(&bench.db.owner).await.unwrap();
    let done =
        async || -> bool { sqlx::query_scalar("select is_called from done").fetch_one(&bench.db.owner).await.unwrap() };
    let (mut one, mut other) = (bench.connect().await, bench.connect().await);
    for (side, then) in [(Side::Request, false), (Side::Answer, true)] {
        let held = bench.proxy.hold_next(side, "nextval");
        let asking = sqlx::query_scalar::<_, i64>("select nextval('done')").fetch_one(&mut one);
        let test = async {
            held.caught().await;
            assert_eq!(done().await, then, "{side:?}");
            assert_eq!(number(&mut other).await.unwrap(), 7, "another connection goes on");
            held.release();
        };
        let (answer, ()) = tokio::join!(asking, test);
        answer.unwrap();
        sqlx::query("select setval('done', 1, false)").execute(&bench.db.owner).await.unwrap();
    }
}
