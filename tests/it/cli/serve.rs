use rustix::process::Signal;
use sallyport::{dev::postgres::DbRole, keys::generate_key_file, secret::Entropy};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::harness::{
    db::{TestDb, postgres},
    process::{Said, Serving, run},
    web::client,
};

/// Settings to serve a database with.
struct Settings {
    keys: String,
    url: String,
}

impl Settings {
    async fn new(db: &TestDb, role: DbRole) -> Self {
        let keys = generate_key_file(&Entropy::system()).unwrap().to_string();
        Self { keys, url: postgres().await.connect_options(role, &db.name).to_url_lossy().to_string() }
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        vec![
            ("SALLYPORT_PUBLIC_URL", "https://mcp.example.com"),
            ("SALLYPORT_LISTEN", "127.0.0.1:0"),
            ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0"),
            ("SALLYPORT_KEYS", &self.keys),
            ("SALLYPORT_DATABASE__URL", &self.url),
            ("SALLYPORT_DATABASE__MAX_CONNECTIONS", "4"),
        ]
    }

    fn start(&self, more: &[(&str, &str)]) -> Serving {
        Serving::start(&[&self.variables(), more].concat())
    }

    /// Serves where that must not work. One line, and no listener was opened.
    fn refused(&self) -> String {
        let Said { code, out, err } = run(&["serve"], &self.variables());
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        let (logged, said): (Vec<_>, Vec<_>) = err.lines().partition(|line| line.starts_with('{'));
        assert!(logged.iter().all(|line| !line.contains("listening")), "{err}");
        assert_eq!(said.len(), 1, "{err}");
        said[0].to_owned()
    }
}

/// Whoever starts the first process begins by the link that it prints. It is no line of the log, which others read.
#[tokio::test]
async fn while_there_is_nothing_each_start_prints_a_link_and_the_log_has_none() {
    use std::{
        io::{BufRead as _, BufReader, Read as _},
        process::Stdio,
    };
    let db = TestDb::new().await;
    let settings = Settings::new(&db, DbRole::App).await;
    let mut child = crate::harness::process::sallyport(&["serve"], &settings.variables());
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let link = said.find(|line| line.starts_with("https://mcp.example.com/console/first?link=sp_pl_"));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(child.wait().unwrap().success(), "{log}");
    let handle = link.expect("a link").split_once("link=").unwrap().1.to_owned();
    assert!(log.contains("\"serving\"") && !log.contains(&handle) && !log.contains("sp_pl_"), "{log}");
}

/// How many processes are known to serve.
async fn nodes(db: &TestDb) -> i64 {
    sqlx::query_scalar("select count(*) from node").fetch_one(&db.owner).await.unwrap()
}

async fn operations(serving: &Serving, path: &str) -> (u16, String) {
    let answer = client().get(format!("http://{}{path}", serving.operations)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Asks the public listener as a balancer with TLS does.
async fn public(serving: &Serving, path: &str) -> reqwest::Response {
    let request = client().get(format!("http://{}{path}", serving.public));
    request.header("host", "mcp.example.com").bearer_auth("geheim").send().await.unwrap()
}

#[tokio::test]
async fn it_serves_until_told_to_stop() {
    let db = TestDb::new().await;
    let mut serving = Settings::new(&db, DbRole::App).await.start(&[]);
    assert_eq!(operations(&serving, "/healthz").await, (200, "ok\n".to_owned()));
    let (status, ready) = operations(&serving, "/readyz").await;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((status, &ready["ready"]), (200, &true.into()), "{ready}");
    assert_eq!(ready["checks"]["lease"], "ok");
    let node = &ready["node"];
    assert!(node["lease_age_ms"].as_u64().unwrap() < 1000 && node["authority_log"]["lag"] == 0, "{ready}");
    let logged = serving.seen.lines().find(|line| line.contains("\"serving\"")).unwrap();
    assert!(logged.contains(node["process"].as_str().unwrap()), "{logged}");
    assert_eq!(nodes(&db).await, 1);

    let answer = public(&serving, "/.well-known/oauth-authorization-server/t/nobody").await;
    assert_eq!(answer.status(), 404);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(serving.wait_for("answered")["span"]["id"], id);
    let (_, metrics) = operations(&serving, "/metrics").await;
    assert!(metrics.contains("sallyport_http_requests_total{method=\"GET\","), "{metrics}");
    for name in ["lease_held", "lease_age_seconds", "lease_lapses_total", "authority_log_lag", "calls_in_flight"] {
        assert!(metrics.contains(&format!("\nsallyport_{name} ")), "{name} is not in {metrics}");
    }

    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("\"stopped\""), "{log}");
    let counted: i64 = sqlx::query_scalar(
        "select (body ->> 'count')::bigint from platform_event where body ->> 'reason' = 'unknown_tenant'",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(counted, 1, "what was refused is written before the end");
    assert_eq!(nodes(&db).await, 0, "nobody waits for it any more");
}

#[tokio::test]
async fn a_health_check_asks_it() {
    let db = TestDb::new().await;
    let settings = Settings::new(&db, DbRole::App).await;
    let serving = settings.start(&[]);
    let address = serving.operations.to_string();
    let check = || {
        let there = [("SALLYPORT_HTTP__OPERATIONS_LISTEN", address.as_str())];
        run(&["healthcheck"], &[&settings.variables()[..], &there].concat())
    };
    let well = check();
    assert_eq!((well.code, well.out.as_str()), (0, "ready\n"), "{}", well.err);

    sqlx::query("delete from _sqlx_migrations").execute(&db.owner).await.unwrap();
    let ill = check();
    assert_eq!(ill.code, 1);
    assert!(ill.err.starts_with("sallyport: not ready: schema: the database is older"), "{}", ill.err);

    drop(serving);
    assert_eq!(check().err, format!("sallyport: nobody answers at {address}: connection refused\n"));
}

#[tokio::test]
async fn readiness_ends_with_the_schema() {
    let db = TestDb::new().await;
    let serving = Settings::new(&db, DbRole::App).await.start(&[]);
    sqlx::query("delete from _sqlx_migrations").execute(&db.owner).await.unwrap();
    let (status, ready) = operations(&serving, "/readyz").await;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(status, 503);
    assert_eq!(ready["checks"]["store"], "ok");
    assert!(ready["checks"]["schema"].as_str().unwrap().contains("older than this program"), "{ready}");
}

#[tokio::test]
async fn no_log_level_brings_out_headers_or_queries() {
    let db = TestDb::new().await;
    let serving = Settings::new(&db, DbRole::App).await.start(&[("SALLYPORT_LOG__FILTER", "trace")]);
    for path in ["/t/nobody/authorize?code=geheim", "/t/nobody/mcp/none?access_token=geheim"] {
        public(&serving, path).await;
    }
    serving.signal(Signal::INT);
    let (code, log) = serving.end();
    assert_eq!(code, 0);
    assert!(log.contains("answered") && !log.contains("geheim"), "{log}");
}

#[tokio::test]
async fn roles_that_row_level_security_does_not_bind_do_not_serve() {
    let db = TestDb::new().await;
    let superuser = Settings::new(&db, DbRole::Superuser).await.refused();
    assert!(superuser.contains("\"postgres\" is a superuser"), "{superuser}");
    let owner = Settings::new(&db, DbRole::Owner).await.refused();
    assert!(owner.contains("\"sallyport_owner\" owns the tables"), "{owner}");
}

#[tokio::test]
async fn another_key_file_does_not_serve() {
    let db = TestDb::new().await;
    let serving = Settings::new(&db, DbRole::App).await.start(&[]);
    drop(serving);
    let refused = Settings::new(&db, DbRole::App).await.refused();
    assert!(refused.contains("key file lacks the"), "{refused}");
}

#[tokio::test]
async fn another_schema_does_not_serve() {
    let db = TestDb::new().await;
    let settings = Settings::new(&db, DbRole::App).await;
    let newer =
        "insert into _sqlx_migrations select 9999, 'later', now(), true, checksum, 0 from _sqlx_migrations limit 1";
    for (change, said) in [
        (newer, "the database is newer than this program, which does not know migration 9999"),
        (
            "update _sqlx_migrations set checksum = '\\x00' where version = 1",
            "migration 1 of the database is not the one",
        ),
        ("update _sqlx_migrations set success = false where version = 1", "migration 1 of the database failed halfway"),
        ("delete from _sqlx_migrations", "the database is older than this program, migration 1 is missing"),
        ("drop table _sqlx_migrations", "the database has no schema that the serving role can read"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(change)).execute(&db.owner).await.unwrap();
        let refused = settings.refused();
        assert!(refused.contains(said), "{change}: {refused}");
    }
}

#[tokio::test]
async fn a_taken_port_is_one_line() {
    let db = TestDb::new().await;
    let settings = Settings::new(&db, DbRole::App).await;
    let serving = settings.start(&[]);
    let taken = serving.public.to_string();
    let said = run(&["serve"], &[&settings.variables()[..], &[("SALLYPORT_LISTEN", &taken)]].concat());
    assert_eq!(said.code, 1);
    let line = format!("sallyport: cannot listen on {taken}: another program uses this port");
    assert!(said.err.lines().any(|l| l.starts_with(&line)), "{}", said.err);
}

#[tokio::test]
async fn a_hangup_without_tls_ends_nothing() {
    let db = TestDb::new().await;
    let settings = Settings::new(&db, DbRole::App).await;
    let mut serving = settings.start(&[]);
    serving.signal(Signal::HUP);
    serving.wait_for("SIGHUP: there is no TLS certificate to read again");
    assert_eq!(operations(&serving, "/healthz").await.0, 200);
}

#[tokio::test]
async fn a_log_that_lost_entries_while_it_was_away_is_the_last_word_on_the_lease() {
    let db = TestDb::new().await;
    let mut serving = Settings::new(&db, DbRole::App).await.start(&[]);
    let away = "alter function lease_renew(uuid, bigint, uuid) rename to away";
    sqlx::query(away).execute(&db.owner).await.unwrap();
    serving.wait_for("the lease cannot be renewed");
    let back = "update authority_head set seq = -1; alter function away(uuid, bigint, uuid) rename to lease_renew";
    sqlx::raw_sql(back).execute(&db.owner).await.unwrap();
    while !serving.seen.contains("the database has lost entries") {
        serving.next_line().expect("it goes on");
    }
    assert!(operations(&serving, "/readyz").await.1.contains("start it again"));
    serving.signal(Signal::TERM);
    let (_, log) = serving.end();
    assert!(!log.contains("can be asked for again"), "{log}");
}
