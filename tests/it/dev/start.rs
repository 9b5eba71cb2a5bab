//! Starting and stopping `sallyport dev`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process, test_kill_process},
};
use sallyport::{keys::generate_key_file, secret::Entropy};
use serde_json::{Value, json};

use crate::harness::{
    dev::{Dev, Ended},
    scratch::Scratch,
};

fn postgres_pid(data_dir: &Path) -> Pid {
    let text = fs::read_to_string(data_dir.join("pgdata/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

async fn get(url: &str) -> Value {
    // Fails where another test was first, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().json().await.unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The loopback addresses of this machine: not every container has ::1.
fn loopback() -> Vec<IpAddr> {
    let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    both.into_iter().filter(|ip| TcpListener::bind((*ip, 0)).is_ok()).collect()
}

/// Ended because it was told to, without a complaint.
fn stopped(ended: &Ended) {
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{ended:?}");
}

/// Ended with code 1 and one line that says so.
fn failed(ended: &Ended, what: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 1, "{ended:?}");
    assert!(ended.errors.starts_with("sallyport: ") && ended.errors.contains(what), "{ended:?}");
}

#[tokio::test]
async fn what_is_ready_is_in_dev_json() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let dev = Dev::start(&data_dir, &["--no-tour"]);
    let ready = dev.ready();
    assert_eq!([mode(&data_dir), mode(&data_dir.join("dev.json"))], [0o700, 0o600]);
    assert_eq!([mode(&data_dir.join("keys.toml")), mode(&data_dir.join("people.json"))], [0o600, 0o600]);

    let issuer = text(&ready["issuer"]);
    let base = issuer.strip_suffix("/t/demo").unwrap();
    assert!(base.starts_with("http://localhost:"), "{base}");
    assert_eq!(ready["resource"], format!("{issuer}/mcp/demo"));
    assert_eq!(ready["console"], format!("{base}/console/t/demo"));
    let platform = ready["platform"].as_str().unwrap();
    let page = reqwest::get(platform).await.unwrap();
    assert!(page.status() == 200 && page.url().path().ends_with("/login"), "{}", page.url());
    assert!(text(&ready["upstream"]).starts_with("http://127.0.0.1:"));
    let people = ready["people"].as_array().unwrap();
    let who: Vec<_> = people.iter().map(|person| (text(&person["username"]), &person["roles"])).collect();
    assert_eq!(who, [("alex", &json!(["person"])), ("admin", &json!(["administrator", "person"]))]);

    told(&dev.story, &ready);
    // localhost is both of these, for clients that try one only.
    let port = base.rsplit_once(':').unwrap().1.parse().unwrap();
    for host in loopback() {
        TcpStream::connect((host, port)).unwrap();
    }
    let metadata = get(&format!("{base}/.well-known/oauth-authorization-server/t/demo")).await;
    assert_eq!(metadata["issuer"], issuer);
}

/// A story without its line breaks: how long the path in it is decides where they are.
fn words(story: &str) -> String {
    story.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The story has what a person needs, and fits a terminal.
fn told(story: &str, ready: &Value) {
    for person in ready["people"].as_array().unwrap() {
        assert!(story.contains(text(&person["password"])));
    }
    assert!(story.contains(&format!("claude mcp add --transport http sallyport-demo {}", text(&ready["resource"]))));
    assert!(!story.contains("Call whoami"), "no tour was asked for");
    let paths = |line: &str| line.contains("/scratch-");
    assert!(story.lines().all(|line| line.chars().count() <= 100 || paths(line)), "{story}");
}

#[test]
fn what_was_ready_is_gone_at_the_end() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let dev = Dev::start(&data_dir, &["--no-tour"]);
    let postgres = postgres_pid(&data_dir);
    let ended = dev.stop();
    stopped(&ended);
    assert!(words(&ended.story).ends_with("keeps everything for the next start."), "{ended:?}");
    assert_eq!(test_kill_process(postgres), Err(Errno::SRCH), "PostgreSQL ended too");
    assert!(!data_dir.join("dev.json").exists());
}

#[tokio::test]
async fn a_second_start_keeps_people_and_tenant() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let keys = async |dev: &Dev| get(&format!("{}/jwks.json", text(&dev.ready()["issuer"]))).await;
    let first = Dev::start(&data_dir, &["--no-tour"]);
    let (people, jwks) = (first.ready()["people"].clone(), keys(&first).await);
    stopped(&first.stop());

    // The tour logs in with a kept password, and reaches the upstream at its new address.
    let second = Dev::start(&data_dir, &[]);
    assert_eq!((&second.ready()["people"], keys(&second).await), (&people, jwks));
    assert!(words(&second.story).contains("all as they should be"), "{}", second.story);
    assert!(!words(&second.story).contains("First start"), "{}", second.story);
    stopped(&second.stop());
}

#[test]
fn a_taken_port_is_one_line_and_nothing_is_started() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    // One of the two is enough: a client that tries it first would meet the other program.
    let taken = TcpListener::bind((*loopback().last().unwrap(), 0)).unwrap();
    let listen = format!("localhost:{}", taken.local_addr().unwrap().port());
    let ended = Dev::spawn(&data_dir, &["--listen", &listen]).end();
    failed(&ended, "another program uses this port");
    assert!(ended.story.is_empty() && !data_dir.exists());
}

#[test]
fn two_starts_on_one_directory_are_told_apart() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let first = Dev::start(&data_dir, &["--no-tour"]);
    let ready = first.ready();
    failed(&Dev::spawn(&data_dir, &["--listen", "localhost:0"]).end(), "another `sallyport dev` uses");
    assert_eq!(first.ready(), ready, "the first goes on");
    stopped(&first.stop());
}

#[test]
fn a_database_of_another_version_is_one_line() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    fs::create_dir_all(data_dir.join("pgdata")).unwrap();
    fs::write(data_dir.join("pgdata/PG_VERSION"), "9\n").unwrap();
    failed(&Dev::spawn(&data_dir, &["--listen", "localhost:0"]).end(), "PostgreSQL 9");
    assert!(!data_dir.join("dev.json").exists());
}

#[test]
fn the_end_of_postgres_is_the_end() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let dev = Dev::start(&data_dir, &["--no-tour"]);
    kill_process(postgres_pid(&data_dir), Signal::INT).unwrap();
    let ended = dev.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    // Whatever was waiting for the database may complain before.
    assert!(ended.errors.lines().last().unwrap().contains("PostgreSQL ended by itself"), "{ended:?}");
    assert!(!data_dir.join("dev.json").exists());
}

#[test]
fn keys_are_never_replaced() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    stopped(&Dev::start(&data_dir, &["--no-tour"]).stop());
    let keys = data_dir.join("keys.toml");
    let kept = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    failed(&Dev::spawn(&data_dir, &["--listen", "localhost:0"]).end(), "keys.toml is gone");
    assert!(!keys.exists());

    let other = generate_key_file(&Entropy::system()).unwrap();
    scratch.write("data/keys.toml", &other);
    failed(&Dev::spawn(&data_dir, &["--listen", "localhost:0"]).end(), "the key file lacks the");
    assert_eq!(fs::read(&keys).unwrap(), other.as_bytes());

    scratch.write("data/keys.toml", std::str::from_utf8(&kept).unwrap());
    stopped(&Dev::start(&data_dir, &["--no-tour"]).stop());
}

#[test]
fn ctrl_c_during_the_first_start_leaves_nothing_running() {
    let scratch = Scratch::new();
    let data_dir = scratch.path("data");
    let mut dev = Dev::spawn(&data_dir, &["--listen", "localhost:0"]);
    dev.wait_for("First start");
    dev.signal(Signal::INT);
    let ended = dev.end();
    stopped(&ended);
    assert!(!data_dir.join("pgdata/postmaster.pid").exists() && !data_dir.join("dev.json").exists());
    // And the next start makes up for it.
    stopped(&Dev::start(&data_dir, &["--no-tour"]).stop());
}
