//! Unmodified clients and a real browser against the built binary, from nothing but the MCP URL. The programs are in
//! `tests/clients/`; its README says what each step proves.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use serde_json::Value;

use crate::harness::{dev::Dev, process, scratch::Scratch};

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A program of `tests/clients/` under the Node.js that npm installed there.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(programs().join("run"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A port for a program that opens it itself, later. Below those that the system gives to connections, so that none of them
/// takes it meanwhile; and no two tests get the same.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    let mut next = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    next.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}

/// A running `sallyport dev`.
pub(crate) struct World {
    pub(super) scratch: Scratch,
    dev: Dev,
}

/// The reference server of the older era. Ends when this is dropped.
pub(crate) struct Everything {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Everything {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Everything {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let server = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        let mut command = program(&[server, "streamableHttp"]);
        // Its tool `get-env` prints all of its environment.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("PORT", port.to_string());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut this = Self { child, port };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(this.child.try_wait().unwrap().is_none(), "server-everything ended");
            std::thread::yield_now();
        }
        this
    }
}

impl World {
    pub(crate) fn start() -> Self {
        let scratch = Scratch::new();
        let dev = Dev::start(&scratch.path("data"), &["--no-tour"]);
        Self { scratch, dev }
    }

    /// Publishes a server of the older era beside the demo. Gives its MCP URL.
    fn publish(&self, everything: &Everything) -> String {
        let text = format!(
            "[[tenant]]\nslug = \"demo\"\nname = \"Sallyport demo\"\n\n[[tenant.server]]\nslug = \"everything\"\n\
             name = \"Everything\"\nupstream = \"http://127.0.0.1:{}/mcp\"\n",
            everything.port
        );
        self.apply(&text);
        format!("{}/mcp/everything", self.ready("issuer"))
    }

    /// `sallyport apply`
    pub(super) fn apply(&self, text: &str) {
        let file = self.scratch.path("demo.toml");
        fs::write(&file, text).unwrap();
        let data_dir = self.scratch.path("data");
        let said = process::run(&["apply", file.to_str().unwrap(), "--data-dir", data_dir.to_str().unwrap()], &[]);
        assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.scratch.path("data")
    }

    pub(crate) fn ready(&self, member: &str) -> String {
        self.dev.ready()[member].as_str().unwrap().to_owned()
    }

    /// Runs a program as a person at the keyboard would. Every one of its steps must be fine. Gives them.
    pub(super) fn run(&self, arguments: &[&str]) -> Vec<Value> {
        self.run_as("alex", arguments)
    }

    /// The same as somebody else.
    pub(crate) fn run_as(&self, username: &str, arguments: &[&str]) -> Vec<Value> {
        let ready = self.dev.ready();
        let people = ready["people"].as_array().unwrap();
        let person = people.iter().find(|person| person["username"] == username).unwrap();
        let output = program(arguments)
            .env("SALLYPORT_USERNAME", person["username"].as_str().unwrap())
            .env("SALLYPORT_PASSWORD", person["password"].as_str().unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}{errors}");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    steps.iter().find(|step| step["step"] == name).expect(name)
}

/// All that a client does, in order.
const STEPS: [&str; 9] =
    ["challenge", "authorize", "token", "connect", "tools/list", "tools/call", "refresh", "revoke", "refused"];

fn names(steps: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    names.dedup();
    names
}

const ECHO: &str = "echo={\"message\":\"through both doors\"}";

#[test]
fn sdk_1_talks_to_the_reference_server() {
    let (world, everything) = (World::start(), Everything::start());
    let url = world.publish(&everything);
    let steps = world.run(&["sdk-v1.mjs", &url, "--call", ECHO]);
    assert_eq!(names(&steps), STEPS);
    assert_eq!(step(&steps, "connect")["session"], true);
    assert!(step(&steps, "tools/call")["text"].as_str().unwrap().contains("through both doors"));
    assert_eq!(step(&steps, "revoke")["streamsCut"], 1, "its open stream ends with the revocation");
}

#[test]
fn client_2_talks_to_the_reference_server_as_it_comes_and_falls_back_when_it_may_choose() {
    let (world, everything) = (World::start(), Everything::start());
    let url = world.publish(&everything);
    for mode in ["default", "auto"] {
        let steps = world.run(&["client-v2.mjs", &url, "--mode", mode, "--call", ECHO]);
        assert_eq!(names(&steps), STEPS, "{mode}");
        assert_eq!(step(&steps, "connect")["protocolVersion"], "2025-11-25", "{mode}");
    }
}

#[test]
fn client_2_stays_modern_with_the_demo_and_the_upstream_sees_only_a_jwt_of_its_own() {
    let world = World::start();
    let (url, upstream) = (world.ready("resource"), world.ready("upstream"));
    for mode in ["auto", "pin"] {
        let steps = world.run(&["client-v2.mjs", &url, "--mode", mode, "--call", "whoami", "--call-read-only"]);
        assert_eq!(names(&steps), STEPS, "{mode}");
        assert_eq!(step(&steps, "connect")["protocolVersion"], "2026-07-28", "{mode}");
        assert_eq!(step(&steps, "connect")["session"], false, "{mode}");
        let seen: Value = serde_json::from_str(step(&steps, "tools/call")["text"].as_str().unwrap()).unwrap();
        assert_eq!(seen["claims"]["aud"], upstream.as_str(), "{mode}");
        assert_eq!(seen["claims"]["iss"], world.ready("issuer").as_str(), "{mode}");
        assert!(!seen.to_string().contains("sp_at_"), "{mode}");
    }
}

/// A person who unticks a box gets a client that may do less, and that can ask again.
#[test]
fn client_2_is_denied_what_was_not_ticked_and_steps_up() {
    let world = World::start();
    let url = world.ready("resource");
    let denied = "note_add={\"text\":\"hello\"}";
    let arguments = ["client-v2.mjs", url.as_str(), "--mode", "auto", "--call", "whoami", "--clear", "mcp:write"];
    let steps = world.run(&[&arguments[..], &["--denied", denied, "--step-up"]].concat());
    assert_eq!(step(&steps, "token")["scope"], "mcp:read");
    assert_eq!(step(&steps, "denied")["stepUpScope"], "mcp:read mcp:write");
    assert_eq!(step(&steps, "step-up")["scope"], "mcp:read mcp:write");
}

#[test]
fn a_person_who_denies_leaves_the_client_with_access_denied() {
    let world = World::start();
    let steps = world.run(&["sdk-v1.mjs", &world.ready("resource"), "--decision", "deny"]);
    assert_eq!(step(&steps, "authorize")["error"], "access_denied");
}

#[test]
fn both_authorization_scenarios_of_the_conformance_suite_pass() {
    let world = World::start();
    let port = free_port().to_string();
    let steps = world.run(&["conformance.mjs", &world.ready("issuer"), &world.ready("resource"), "--port", &port]);
    let checks = step(&steps, "checks")["checks"].as_array().unwrap();
    for scenario in ["authorization-server-metadata-endpoint", "authorization-code-grant"] {
        assert!(checks.iter().any(|check| check["scenario"] == scenario && check["status"] == "SUCCESS"), "{checks:?}");
    }
    assert!(checks.iter().all(|check| check["status"] != "FAILURE"), "{checks:?}");
}
