//! A database that is not there: one line that says where it was looked for, at once, and no password.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use sallyport::dev::postgres::DbRole;
use sqlx::ConnectOptions as _;

use crate::harness::{
    db::{TestDb, postgres},
    process::run,
};

/// What commands say that need a database. The first needs it as another role than the second.
fn said(url: &str) -> [String; 2] {
    let commands: [&[&str]; 2] = [&["migrate"], &["grant", "list", "--tenant", "acme"]];
    commands.map(|args| {
        let variables = [
            ("SALLYPORT_PUBLIC_URL", "https://mcp.example.com"),
            ("SALLYPORT_DATABASE__URL", url),
            ("SALLYPORT_DATABASE__OWNER_URL", url),
        ];
        let said = run(args, &variables);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}");
        said.err
    })
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let line =
        format!("sallyport: cannot connect to PostgreSQL at 127.0.0.1:{port} as sallyport_app: connection refused\n");
    assert_eq!(said(&format!("postgres://sallyport_app:geheim@127.0.0.1:{port}/sallyport")), [line.clone(), line]);
    assert!(began.elapsed() < Duration::from_secs(5), "it did not wait for a pool's patience to end");
}

#[test]
fn there_is_no_such_socket() {
    let url = "postgres://sallyport_app:geheim@localhost/sallyport?host=/nowhere&port=6000";
    let line = "sallyport: cannot connect to PostgreSQL at /nowhere/.s.PGSQL.6000 as sallyport_app: no such file or directory\n";
    assert_eq!(said(url), [line, line]);
}

#[tokio::test]
async fn the_server_says_no_in_its_own_words() {
    let url = postgres().await.connect_options(DbRole::App, "nothing").to_url_lossy().to_string();
    for line in said(&url) {
        assert!(line.contains(" as sallyport_app: database \"nothing\" does not exist\n"), "{line}");
        assert!(!line.contains("at line"), "{line}");
    }
}

#[tokio::test]
async fn a_statement_that_fails_comes_without_the_drivers_noise() {
    let db = TestDb::new().await;
    sqlx::query("alter table tenant rename to gone").execute(&db.owner).await.unwrap();
    let url = db.options().to_url_lossy().to_string();
    let line = "sallyport: the database did not answer as expected: relation \"tenant\" does not exist\n";
    assert_eq!(said(&url)[1], line);
}
