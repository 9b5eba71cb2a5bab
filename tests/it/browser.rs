//! Pages in a real browser: the programs in `tests/browser/`, on a running `sallyport dev`. Pictures are left in the target directory.

mod identity;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use sallyport::{dev::postgres::DbRole, keys::generate_key_file, secret::Entropy};

use crate::{
    clients::real::{Everything, World, free_port, program},
    harness::{
        db::{TestDb, postgres},
        process::{run, sallyport},
    },
};

fn pictures(of: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(of)
}

/// A `sallyport serve` that nobody has used yet. Ends when this is dropped.
struct New {
    child: Child,
    link: String,
    origin: String,
    /// What it was started with, for commands.
    variables: Vec<(&'static str, String)>,
}

impl New {
    /// Starts one at a port of its own, for upstreams on this computer, and reads the link that it prints.
    async fn start(db: &TestDb) -> Self {
        Self::start_with(db, &[]).await
    }

    /// The same, with more of the configuration said.
    async fn start_with(db: &TestDb, more: &[(&'static str, &str)]) -> Self {
        let origin = format!("localhost:{}", free_port());
        let keys = generate_key_file(&Entropy::system()).unwrap().to_string();
        let database = postgres().await.connect_options(DbRole::App, &db.name);
        let database = sqlx::ConnectOptions::to_url_lossy(&database).to_string();
        let own = [
            ("SALLYPORT_PUBLIC_URL", format!("http://{origin}")),
            ("SALLYPORT_LISTEN", origin.clone()),
            ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0".to_owned()),
            ("SALLYPORT_KEYS", keys),
            ("SALLYPORT_DATABASE__URL", database),
            ("SALLYPORT_DATABASE__MAX_CONNECTIONS", "4".to_owned()),
            ("SALLYPORT_UPSTREAM__ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
        ];
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let variables: Vec<(&'static str, String)> = own.into_iter().chain(more).collect();
        let given: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut command = sallyport(&["serve"], &given);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = child.stderr.take().unwrap();
        // So that it is never held up.
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).map(|_| text)
        });
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        match said.into_iter().find(|line| line.contains("/console/first?link=")) {
            Some(link) => Self { child, link, origin: format!("http://{origin}"), variables },
            None => panic!("it printed no link: {}", log.join().unwrap().unwrap()),
        }
    }
}

impl New {
    /// Ends it as an operator does: what it counted in memory is written down first.
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for New {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From the first link to a working server, an approved program and a revoked grant, by what the pages say alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_day_needs_no_manual() {
    let db = TestDb::new().await;
    let (new, everything) = (New::start(&db).await, Everything::start());
    let pictures = pictures("first");
    let upstream = format!("http://127.0.0.1:{}/mcp", everything.port);
    let output = program(&["../browser/first.mjs", &new.link, &upstream, pictures.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().last().unwrap().contains("\"first day\",\"ok\":true"), "{said}");
}

/// Everybody's pages, in each look: axe finds nothing, the browser complains of nothing, nothing is scrolled sideways.
#[test]
fn everybodys_pages_are_accessible() {
    let world = World::start();
    let data_dir = world.data_dir();
    let invite = |name: &str| {
        let said = run(&["person", "invite", name, "--tenant", "demo", "--data-dir", data_dir.to_str().unwrap()], &[]);
        let link = said.out.split_whitespace().find(|word| word.contains("/link?link=")).map(str::to_owned);
        link.unwrap_or_else(|| panic!("{} {}", said.out, said.err))
    };
    let links: Vec<String> = ["ann", "ben", "cleo", "dan", "eve"].map(invite).into();
    let (resource, pictures) = (world.ready("resource"), pictures("everybody"));
    let mut arguments = vec!["../browser/pages.mjs", &*resource, pictures.to_str().unwrap()];
    arguments.extend(links.iter().map(String::as_str));
    let steps = world.run_as("alex", &arguments);
    assert_eq!(steps.len(), 5, "{steps:?}");
    assert!(steps.iter().all(|step| step["pages"].as_u64().is_some_and(|pages| pages > 20)), "{steps:?}");
}

/// An administrator's day without JavaScript, and every page of the console in each look: axe finds nothing, the browser complains
/// of nothing, nothing is scrolled sideways.
#[test]
fn the_console_works_and_is_accessible() {
    let world = World::start();
    let pictures = pictures("console");
    let arguments = ["../browser/console.mjs", &world.ready("issuer"), pictures.to_str().unwrap()];
    let steps = world.run_as("admin", &arguments);
    let pages = |name: &str| steps.iter().find(|step| step["step"] == name).map(|step| step["pages"].as_u64().unwrap());
    for look in ["light", "dark", "phone", "phone-dark", "narrow"] {
        assert!(pages(look).is_some_and(|pages| pages > 20), "{steps:?}");
    }
}

/// What finds nothing must be able to find something.
#[test]
fn a_page_with_faults_is_refused() {
    let world = World::start();
    let steps = world.run_as("admin", &["../browser/faults.mjs", &world.ready("issuer")]);
    assert_eq!(steps.len(), 3, "{steps:?}");
}

/// Second factors without JavaScript, passkeys with Chromium's own authenticator, and each page of it in each look.
#[test]
fn second_factors_and_passkeys_work_and_are_accessible() {
    let world = World::start();
    let pictures = pictures("security");
    let arguments = ["../browser/security.mjs", &world.ready("issuer"), pictures.to_str().unwrap()];
    let steps = world.run_as("admin", &arguments);
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["set up", "passkeys", "light", "dark", "phone", "phone-dark", "narrow"]);
}

/// Tenants of the platform, from the first link to the last page of them, without JavaScript; and each page in each look.
#[test]
fn the_platforms_console_works_and_is_accessible() {
    let world = World::start();
    let pictures = pictures("platform");
    let origin = url::Url::parse(&world.ready("issuer")).unwrap().origin().ascii_serialization();
    let steps = world.run_as("admin", &["../browser/platform.mjs", &origin, pictures.to_str().unwrap()]);
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["work", "light", "dark", "phone", "phone-dark", "narrow"]);
}
