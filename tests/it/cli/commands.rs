//! Commands that need no database.

use std::{fs, os::unix::fs::PermissionsExt as _};

use sallyport::keys::Keyring;

use crate::harness::{process::run, scratch::Scratch};

const URL: (&str, &str) = ("SALLYPORT_PUBLIC_URL", "https://mcp.example.com");

#[test]
fn help_has_examples_and_exit_codes() {
    let help = run(&["--help"], &[]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("Examples:") && help.out.contains("Exit codes:"), "{}", help.out);
    for command in
        [&["serve", "--help"][..], &["migrate", "--help"], &["keys", "init", "--help"], &["config", "check", "--help"]]
    {
        let help = run(command, &[]);
        assert_eq!(help.code, 0);
        for part in ["Examples:", "--config <FILE>", "--data-dir <DIR>"] {
            assert!(help.out.contains(part), "{part} is not in {}", help.out);
        }
    }
}

#[test]
fn wrong_usage_is_2() {
    for args in
        [&["nonsense"][..], &[], &["serve", "--config", "a", "--data-dir", "b"], &["migrate", "--password", "x"]]
    {
        let said = run(args, &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.contains("Usage:"), "{}", said.err);
    }
}

#[test]
fn a_checked_configuration_is_printed_without_secrets() {
    let database = ("SALLYPORT_DATABASE__URL", "postgres://sallyport_app:hunter2@db/sallyport");
    let said = run(&["config", "check"], &[URL, database]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let lines: Vec<Vec<_>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(lines.contains(&vec!["public_url", "https://mcp.example.com", "environment"]), "{}", said.out);
    assert!(lines.contains(&vec!["database.url", "set", "environment"]), "{}", said.out);
    assert!(!said.out.contains("hunter2"));

    let json = run(&["config", "check", "--json"], &[URL, database]);
    let settings: Vec<serde_json::Value> = serde_json::from_str(&json.out).unwrap();
    assert_eq!(settings.len(), lines.len());
    assert_eq!(settings[0]["key"], "public_url");
}

#[test]
fn a_wrong_configuration_is_1_and_a_line_for_each_mistake() {
    let said = run(
        &["config", "check"],
        &[("SALLYPORT_PUBLIC_URL", "https://mcp.example.com/"), ("SALLYPORT_LOG__FORMAT", "xml")],
    );
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.err);
    assert!(lines[0].starts_with("sallyport: public_url: must be spelled https://mcp.example.com,"), "{}", lines[0]);
    assert_eq!(lines[1], "log.format: must be json or human");
}

#[test]
fn keys_that_cannot_be_used_fail_the_check() {
    let said = run(&["config", "check"], &[URL, ("SALLYPORT_KEYS", "noise")]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.starts_with("sallyport: the key file is not readable") && !said.err.contains("noise"),
        "{}",
        said.err
    );
}

#[test]
fn a_configuration_file_can_be_named_by_a_variable() {
    let scratch = Scratch::new();
    let file = scratch.write("sallyport.toml", "public_url = \"https://mcp.example.com\"\n");
    let said = run(&["config", "check"], &[("SALLYPORT_CONFIG", file.to_str().unwrap())]);
    assert_eq!(said.code, 0);
    let first: Vec<_> = said.out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(first, ["public_url", "https://mcp.example.com", file.to_str().unwrap()], "which file it is from");
}

#[test]
fn keys_are_made_once_for_their_owner_only() {
    let scratch = Scratch::new();
    let file =
        scratch.write("sallyport.toml", "public_url = \"https://mcp.example.com\"\n[keys]\nfile = \"keys.toml\"\n");
    let args = ["keys", "init", "--config", file.to_str().unwrap()];
    let said = run(&args, &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));

    let keys = file.with_file_name("keys.toml");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&keys).unwrap();
    Keyring::parse(&text).unwrap();
    for secret in text.lines().filter_map(|line| line.strip_prefix("key = ")) {
        assert!(!said.out.contains(secret.trim_matches('"')));
    }

    let again = run(&args, &[]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("exists already") && again.err.lines().count() == 1, "{}", again.err);
    assert_eq!(fs::read_to_string(&keys).unwrap(), text, "the keys are as they were");
}

#[test]
fn keys_go_to_standard_output_when_asked_to() {
    let said = run(&["keys", "init", "--out", "-"], &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    Keyring::parse(&said.out).unwrap();
}

#[test]
fn a_command_that_lacks_a_setting_names_it() {
    for (command, key) in [("migrate", "database.owner_url"), ("serve", "keys.file")] {
        let said = run(&[command], &[URL]);
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        assert!(
            said.err.starts_with(&format!("sallyport: {key}: is ")) && said.err.lines().count() == 1,
            "{}",
            said.err
        );
    }
}

#[test]
fn a_directory_without_an_installation_is_one_line() {
    let scratch = Scratch::new();
    let inside = scratch.write("here", "");
    let said = run(&["migrate", "--data-dir", inside.with_file_name("nothing").to_str().unwrap()], &[]);
    assert_eq!(said.code, 1);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
}

#[test]
fn a_development_installation_is_set_to_what_dev_does() {
    let scratch = Scratch::new();
    let inside = scratch.write("here", "");
    let args = ["config", "check", "--data-dir", inside.parent().unwrap().to_str().unwrap()];
    assert!(run(&args, &[]).err.starts_with("sallyport: keys.file: there is no "));
    assert_eq!(run(&["keys", "init", args[2], args[3]], &[]).code, 0);
    let said = run(&args, &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let lines: Vec<Vec<_>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["public_url", "http://localhost:8080", "sallyport", "dev"]);
    assert_eq!(lines[1], ["listen", "localhost:8080", "sallyport", "dev"]);
    assert!(lines.contains(&vec!["upstream.allow_networks", "127.0.0.0/8,", "::1/128", "sallyport", "dev"]));
    assert!(lines.contains(&vec!["tokens.access_seconds", "600", "default"]), "{}", said.out);
}

#[test]
fn a_command_asks_which_installation_is_meant() {
    for command in [&["serve"][..], &["migrate"], &["config", "check"], &["apply", "acme.toml"]] {
        let said = run(command, &[]);
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        assert!(said.err.starts_with("sallyport: which installation?"), "{}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    }
    let keys = run(&["keys", "init"], &[]);
    assert!(keys.err.contains("--out FILE"), "{}", keys.err);
}
