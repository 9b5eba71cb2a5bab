//! Each fault is found and named; a server without one is found sound.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::Command,
};

use super::{Tried, fake::Fake, tried};
use crate::harness::{canary::Canaries, process::sallyport, web::client_with};

/// Opens what a line names, as a browser that follows where it is sent.
pub(super) async fn open(line: &str) {
    let browser = client_with(|builder| builder.redirect(reqwest::redirect::Policy::limited(5)));
    let page = browser.get(line).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("You can go back to the terminal"));
}

async fn fault(fault: &'static str, more: &[&str]) -> (Tried, Fake) {
    let fake = Fake::start(fault).await;
    let url = fake.mcp();
    let args = [&[url.as_str(), "--no-browser", "--json"], more].concat();
    (tried(&args, open).await, fake)
}

/// The fault, what it is called, and the exit code.
type Row = (&'static str, &'static str, i32);

async fn found(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (name, code, exit) in rows {
        let (tried, _fake) = fault(name, &[]).await;
        if tried.code != *exit || !tried.codes().iter().any(|found| found == code) {
            wrong.push(format!("{name}: exit {}, found {:?}\n{}", tried.code, tried.codes(), tried.out));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_sound_server_is_sound_in_every_way_and_nothing_is_left_behind() {
    for more in [&[][..], &["--era", "modern"], &["--era", "legacy"], &["--call", "echo", "--args", "{\"a\":\"b\"}"]] {
        let (tried, fake) = fault("", more).await;
        assert_eq!((tried.code, tried.codes()), (0, vec![]), "{}", tried.out);
        assert_eq!(tried.report()["verdict"], "good");
        let alive: Vec<_> = fake.alive().into_iter().filter(|one| one.starts_with("rt-")).collect();
        assert!(alive.is_empty(), "{alive:?}");
    }
}

#[tokio::test]
async fn a_stream_that_stays_open_is_not_waited_for() {
    let (tried, _fake) = fault("open-stream", &["--timeout", "10", "--call", "echo"]).await;
    assert_eq!((tried.code, tried.codes()), (0, vec![]), "{}", tried.out);
}

#[tokio::test]
async fn faults_of_challenges_and_documents_are_found() {
    found(&[
        ("open", "no-401", 1),
        ("no-challenge", "no-challenge", 1),
        ("malformed-challenge", "malformed-challenge", 1),
        ("basic-challenge", "challenge-not-bearer", 1),
        ("bearer-second", "bearer-not-first", 0),
        ("no-scope", "no-scope-in-challenge", 0),
        ("no-resource-metadata", "no-resource-metadata", 0),
        ("no-prm", "no-resource-document", 2),
        ("endless", "endless-body", 2),
        ("resource-slash", "resource-differs", 1),
        ("resource-elsewhere", "resource-elsewhere", 2),
        ("resource-beside", "resource-elsewhere", 2),
        ("resource-missing", "resource-elsewhere", 2),
        ("resource-above", "resource-differs", 1),
        ("no-issuers", "no-authorization-servers", 2),
        ("offline", "offline-access-in-resource", 0),
        ("bearer-method", "bearer-method", 1),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_issuers_are_found() {
    found(&[
        ("as-404", "no-issuer-document", 2),
        ("as-500", "metadata-5xx", 1),
        ("as-html", "html", 1),
        ("as-not-json", "not-json", 1),
        ("as-content-type", "content-type", 1),
        ("as-redirect", "redirect", 1),
        ("as-null", "null-member", 0),
        ("issuer-slash", "issuer-slash", 1),
        ("issuer-other", "issuer-differs", 1),
        ("issuer-elsewhere", "issuer-differs", 2),
        ("no-s256", "no-s256", 1),
        ("plain-only", "no-s256", 1),
        ("no-code-type", "no-response-type-code", 1),
        ("no-code-grant", "no-code-grant", 1),
        ("no-none", "no-auth-method-none", 0),
        ("no-registration", "no-registration", 2),
        ("no-token-endpoint", "missing-endpoint", 2),
        ("http-endpoint", "plain-http", 2),
        ("script-endpoint", "plain-http", 2),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_registrations_and_logins_are_found() {
    found(&[
        ("dcr-refuses", "registration-refused", 2),
        ("dcr-closed", "registration-refused", 2),
        ("dcr-200", "registration-status", 1),
        ("dcr-no-id", "no-client-id", 2),
        ("dcr-no-redirects", "redirect-uris-not-echoed", 1),
        ("dcr-no-expiry", "no-secret-expiry", 1),
        ("dcr-grants", "grants-cut", 0),
        ("login-error", "login-refused", 2),
        ("no-code", "no-code", 2),
        ("two-codes", "repeated-parameter", 2),
        ("state-missing", "state-missing", 2),
        ("state-differs", "state-differs", 2),
        ("iss-missing", "iss-missing", 2),
        ("iss-slash", "iss-differs", 2),
        ("iss-wrong", "iss-differs", 2),
        ("iss-unannounced", "iss-not-advertised", 0),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_tokens_are_found() {
    found(&[
        ("echo", "token-refused", 2),
        ("token-html", "html", 2),
        ("no-access-token", "no-access-token", 2),
        ("no-store", "no-store", 1),
        ("token-type-mac", "token-type", 1),
        ("token-type-missing", "token-type", 1),
        ("token-type-dpop", "token-type", 2),
        ("token-type-lower", "token-type-case", 0),
        ("expires-text", "expires-in", 1),
        ("no-expires", "no-expires-in", 0),
        ("no-refresh", "no-refresh-token", 0),
        ("scope-cut", "scope-narrowed", 0),
        ("refresh-refused", "refresh-refused", 1),
        ("not-rotated", "refresh-not-rotated", 1),
        ("no-revocation", "no-revocation", 0),
        ("revocation-refused", "revocation-refused", 1),
        ("alive", "alive-after-revocation", 1),
        ("no-deregistration", "not-deregistered", 0),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_the_server_itself_are_found() {
    found(&[
        ("token-not-taken", "token-not-taken", 2),
        ("bare-403", "403-without-challenge", 2),
        ("list-error", "mcp-error", 2),
        ("not-mcp", "no-mcp", 2),
        ("no-modern", "no-2026-07-28", 0),
        ("no-legacy", "no-initialize", 0),
        ("no-hints", "no-cache-hints", 0),
        ("garbage-taken", "garbage-token-taken", 1),
        ("garbage-400", "garbage-token-status", 1),
        ("no-invalid-token", "no-invalid-token", 0),
    ])
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_said_to_keep_tokens_alive() {
    let (tried, fake) = fault("gone", &[]).await;
    assert_eq!(tried.code, 2, "{}", tried.out);
    assert!(!tried.codes().contains(&"alive-after-revocation".to_owned()), "{}", tried.out);
    assert!(!fake.alive().iter().any(|one| one.starts_with("rt-")), "given back all the same");
}

#[tokio::test]
async fn who_does_not_answer_is_named() {
    let (tried, _fake) = fault("slow", &["--timeout", "4"]).await;
    assert_eq!(tried.code, 1);
    assert!(tried.codes().contains(&"slow".to_owned()), "{}", tried.out);

    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let tried = super::tried(&[&format!("http://{closed}/mcp"), "--json"], open).await;
    assert_eq!((tried.code, tried.codes()), (2, vec!["no-answer".to_owned()]), "{}", tried.out);
    assert!(tried.out.contains("connection refused"), "{}", tried.out);
    assert!(tried.err.ends_with("sallyport: it could not go on\n"), "{}", tried.err);

    let tried = super::tried(&["http://mcp.example/mcp", "--json"], open).await;
    assert_eq!((tried.code, tried.codes()), (2, vec!["plain-http".to_owned()]), "{}", tried.out);
}

#[tokio::test]
async fn nobody_in_the_browser_ends_the_waiting() {
    let fake = Fake::start("").await;
    let tried = tried(&[&fake.mcp(), "--json", "--no-browser", "--wait", "1"], async |_| {}).await;
    assert_eq!((tried.code, tried.codes()), (2, vec!["login-not-finished".to_owned()]), "{}", tried.out);
}

#[tokio::test]
async fn who_interrupts_it_leaves_no_registration_behind() {
    let fake = Fake::start("").await;
    let url = fake.mcp();
    let mut command = Command::from(sallyport(&["try", &url, "--no-browser"], &[]));
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut out = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("Waiting at ") {
            let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
            kill_process(pid, Signal::INT).unwrap();
        }
        out.push_str(&line);
    }
    assert_eq!(child.wait().await.unwrap().code(), Some(2), "{out}");
    assert!(out.contains("Interrupted") && out.contains("204, the registration is gone"), "{out}");
}

#[tokio::test]
async fn scopes_that_lack_are_explained_and_asked_for_when_told_to() {
    let (tried, _fake) = fault("needs-write", &["--call", "echo"]).await;
    assert_eq!((tried.code, tried.codes()), (0, vec!["forbidden".to_owned()]), "{}", tried.out);
    assert_eq!(tried.got("Call a tool"), "403 insufficient_scope, needs write");

    let (tried, _fake) = fault("needs-write", &["--call", "echo", "--step-up"]).await;
    assert_eq!(tried.err.matches("/authorize?").count(), 2, "{}", tried.err);
    assert!(tried.err.contains("scope=read+write"), "what was granted, and what is needed: {}", tried.err);
    let report = tried.report();
    let calls = report["steps"].as_array().unwrap().iter().filter(|step| step["step"] == "Call a tool");
    let outcomes: Vec<_> = calls.map(|step| step["outcome"].as_str().unwrap().to_owned()).collect();
    assert_eq!(outcomes, ["odd", "good"], "{}", tried.out);

    let (tried, _fake) = fault("needs-something", &["--call", "echo", "--step-up"]).await;
    assert!(tried.codes().contains(&"403-without-challenge".to_owned()), "{}", tried.out);
    assert_eq!(tried.code, 1);
}

#[tokio::test]
async fn no_secret_is_said_to_anybody() {
    for name in ["", "echo", "no-none", "dcr-no-expiry", "no-store"] {
        for looks in [&["--json"][..], &[]] {
            let fake = Fake::start(name).await;
            let url = fake.mcp();
            let args = [&[url.as_str(), "--no-browser", "--call", "echo"], looks].concat();
            let tried = tried(&args, open).await;
            let mut canaries = Canaries::default();
            assert!(fake.secrets().len() >= 2, "{}", tried.out);
            // They differ in the number at their end only.
            fake.secrets().iter().for_each(|secret| canaries.add("a secret", secret));
            canaries.assert_absent("standard output", &tried.out);
            canaries.assert_absent("standard error", &tried.err);
        }
    }
}

#[tokio::test]
async fn people_get_lines_without_tricks() {
    let fake = Fake::start("login-error").await;
    let tried = tried(&[&fake.mcp(), "--no-browser"], open).await;
    assert_eq!(tried.code, 2);
    assert!(tried.out.contains("ok Call without token  401, Bearer with resource_metadata, scope\n"), "{}", tried.out);
    assert!(tried.out.contains("    x  The answer is invalid_scope: no such scope \u{fffd}[31m."), "{}", tried.out);
    assert!(tried.out.contains("[login-refused]") && tried.out.contains("RFC 6749 §4.1.2.1."), "{}", tried.out);
    assert!(!tried.out.contains('\u{1b}'), "{}", tried.out);
    assert!(tried.out.contains("It could not go on after \"Log in\". 1 problem, 0 remarks."), "{}", tried.out);
}

#[tokio::test]
async fn a_client_that_is_known_does_not_register() {
    let fake = Fake::start("no-none").await;
    let scratch = crate::harness::scratch::Scratch::new();
    let secret = scratch.write("secret", "a-secret-of-the-client\n");
    let url = fake.mcp();
    let args =
        [&url, "--no-browser", "--json", "--client-id", "known", "--client-secret-file", secret.to_str().unwrap()];
    let known = tried(&args, open).await;
    assert_eq!(known.got("Register"), "not needed: client known");
    assert_eq!(known.code, 0, "{}", known.out);
    assert!(!known.out.contains("a-secret-of"), "{}", known.out);
    assert!(!known.out.contains("Deregister"), "{}", known.out);

    let document = "https://client.example/client.json";
    let args = [&url, "--no-browser", "--json", "--client-id", document, "--redirect-uri", "http://localhost/cb"];
    let named = tried(&args, open).await;
    assert!(named.err.contains("Waiting at http://localhost:"), "{}", named.err);
    assert!(named.codes().contains(&"no-registration".to_owned()), "it knows no such ids: {}", named.out);
}

#[test]
fn wrong_usage_is_said_before_anything_is_asked() {
    for (args, says) in [
        (&["try"][..], "<URL>"),
        (&["try", "mcp.example/mcp"], "it is no URL"),
        (&["try", "https://a:b@mcp.example/mcp"], "RFC 8707"),
        (&["try", "https://mcp.example/mcp", "--args", "{}"], "--call"),
        (&["try", "https://mcp.example/mcp", "--call", "x", "--args", "[1]"], "no JSON object"),
        (&["try", "https://mcp.example/mcp", "--redirect-uri", "https://mcp.example/"], "http://127.0.0.1"),
        (&["try", "https://mcp.example/mcp", "--client-secret-file", "x"], "--client-id"),
    ] {
        let said = crate::harness::process::run(args, &[]);
        assert_eq!(said.code, 2, "{args:?}");
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
}
