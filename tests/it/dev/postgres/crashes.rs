//! Processes that are killed, and what they leave behind.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Signal, geteuid, kill_process};
use sallyport::dev::postgres::{DbRole, Durability, PostgresError, PrivatePostgres, running};
use sqlx::ConnectOptions;
use tokio::time::timeout;

use super::{Scratch, connect, postmaster_pid, recall, remember, start};

/// Far longer than anything here takes; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_killed_server_starts_again_with_its_rows() {
    let scratch = Scratch::new("killed-server");
    let first = start(&scratch.data_dir()).await;
    remember(&first, 1).await;
    let _session = connect(&first, DbRole::Owner, "memory").await;
    kill_process(postmaster_pid(&scratch.data_dir()), Signal::KILL).unwrap();
    timeout(LONG, first.ended()).await.unwrap();
    drop(first);

    let second = start(&scratch.data_dir()).await;
    assert_eq!(recall(&second).await, [1]);
}

#[tokio::test]
async fn a_pid_file_that_names_another_live_process_is_cleaned() {
    let scratch = Scratch::new("stale-pid-file");
    start(&scratch.data_dir()).await.stop().await.unwrap();
    let pgdata = scratch.data_dir().join("pgdata");
    // Postgres itself would take any live process of its user for a server.
    let mut other = as_server_user(&pgdata, "cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Once it echoes, it has left the directory.
    other.stdin.as_mut().unwrap().write_all(b"here\n").unwrap();
    wait_for("here", other.stdout.as_mut().unwrap());
    let stale = format!("{}\n{}\n1790000000\n5432\n.\n\n  1 2\nready   \n", other.id(), pgdata.display());
    for name in ["postmaster.pid", ".s.PGSQL.5432.lock"] {
        fs::write(pgdata.join(name), &stale).unwrap();
    }
    assert!(running(&scratch.data_dir()).is_none());

    let postgres = start(&scratch.data_dir()).await;
    assert!(other.try_wait().unwrap().is_none(), "the other process was left alone");
    end(other);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn an_orphaned_server_is_stopped_first() {
    let scratch = Scratch::new("orphan");
    let first = start(&scratch.data_dir()).await;
    remember(&first, 1).await;
    let program = format!("/proc/{}/exe", postmaster_pid(&scratch.data_dir()).as_raw_nonzero());
    let program = fs::read_link(program).unwrap();
    first.stop().await.unwrap();

    // The same server, but nobody's: no lock is held, and it does not end with us.
    let pgdata = scratch.data_dir().join("pgdata");
    let line = format!("{} -D /proc/self/fd/9 -c listen_addresses= -c unix_socket_directories=.", program.display());
    let mut orphan = as_server_user(&pgdata, &line).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("ready to accept connections", orphan.stderr.as_mut().unwrap());

    let second = start(&scratch.data_dir()).await;
    assert!(orphan.wait().unwrap().success(), "the orphan shut down in order");
    assert_eq!(recall(&second).await, [1]);
}

#[tokio::test]
async fn a_killed_parent_takes_its_server_along() {
    const PARENT: &str = "SALLYPORT_TEST_KILLED_PARENT";
    #[expect(clippy::disallowed_methods, reason = "tells the parent to be killed from the test that kills it")]
    if let Some(data_dir) = std::env::var_os(PARENT) {
        let _postgres = start(Path::new(&data_dir)).await;
        println!("\nthe server runs");
        std::io::stdin().read_exact(&mut [0]).unwrap();
        return;
    }

    let scratch = Scratch::new("killed-parent");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dev::postgres::crashes::a_killed_parent_takes_its_server_along", "--nocapture"])
        .env(PARENT, scratch.data_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the server runs", parent.stdout.as_mut().unwrap());
    let connector = running(&scratch.data_dir()).unwrap();
    let mut session = connector.connect_options(DbRole::Superuser, "postgres").connect().await.unwrap();
    parent.kill().unwrap();
    // Ends only because the server does.
    let cut = timeout(LONG, sqlx::query("select pg_sleep(3600)").execute(&mut session)).await.unwrap();
    cut.unwrap_err();
    let log = fs::read_to_string(scratch.data_dir().join("postgres.log")).unwrap();
    assert!(log.contains("received fast shutdown request"), "{log}");
    parent.wait().unwrap();

    // Whatever is left of it at this moment does not hinder the next start.
    start(&scratch.data_dir()).await.stop().await.unwrap();
}

#[tokio::test]
async fn an_initialisation_that_was_cut_off_is_done_again() {
    let scratch = Scratch::new("cut-off");
    fs::create_dir_all(scratch.data_dir().join("pgdata.new/base")).unwrap();
    fs::write(scratch.data_dir().join("pgdata.new/PG_VERSION"), "15\n").unwrap();
    start(&scratch.data_dir()).await.stop().await.unwrap();
    assert!(!scratch.data_dir().join("pgdata.new").exists());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_in_one_line() {
    let scratch = Scratch::new("no-start");
    start(&scratch.data_dir()).await.stop().await.unwrap();
    fs::remove_file(scratch.data_dir().join("pgdata/global/pg_control")).unwrap();
    let error = PrivatePostgres::start(&scratch.data_dir(), Durability::None).await.unwrap_err();
    assert!(matches!(error, PostgresError::Start { .. }));
    assert!(error.to_string().contains("PostgreSQL did not start: "), "{error}");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");

    fs::write(scratch.data_dir().join("pgdata/PG_VERSION"), "9\n").unwrap();
    let error = PrivatePostgres::start(&scratch.data_dir(), Durability::None).await.unwrap_err();
    assert!(error.to_string().contains("was made by PostgreSQL 9, which is not installed"), "{error}");
}

/// A shell command with the server's user, and `pgdata` open as descriptor 9.
fn as_server_user(pgdata: &Path, line: &str) -> Command {
    let owner = fs::metadata(pgdata).unwrap();
    let change = match geteuid().is_root() {
        true => format!("setpriv --reuid={} --regid={} --clear-groups", owner.uid(), owner.gid()),
        false => "env".to_owned(),
    };
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec 9<. && cd / && exec {change} {line}")]).current_dir(pgdata);
    command
}

fn wait_for(words: &str, output: impl Read) {
    let mut lines = BufReader::new(output).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(words)), "it says {words:?} before it ends");
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
