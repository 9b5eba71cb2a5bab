//! Without the key file that belongs to the database nothing starts: one line says why, and no listener was opened.

use std::fs;

use sallyport::{
    keys::{KeyFile, KeyKind, Keyring, generate_key_file},
    secret::Entropy,
};

use crate::{harness::process::run, keys::commands::Site};

/// The one line in which a command ends.
#[track_caller]
fn refused(site: &Site, args: &[&str]) -> String {
    let more = [("SALLYPORT_LISTEN", "127.0.0.1:0"), ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0")];
    let said = run(args, &[&site.variables()[..], &more].concat());
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}: {}", said.err);
    let (logged, lines): (Vec<_>, Vec<_>) = said.err.lines().partition(|line| line.starts_with('{'));
    assert!(logged.iter().all(|line| !line.contains("listening")), "{args:?}: {}", said.err);
    assert_eq!(lines.len(), 1, "{args:?}: {}", said.err);
    for key in site.text().lines().filter_map(|line| line.strip_prefix("key = ")) {
        assert!(!said.err.contains(key.trim_matches('"')), "it shows a key");
    }
    lines[0].to_owned()
}

#[tokio::test]
async fn a_missing_wrong_or_older_key_file_stops_every_command_that_needs_keys() {
    let site = Site::new().await;
    let first = site.text();
    site.done(&["keys", "rotate", "pepper"]);
    let (newest, entropy) = (site.text(), Entropy::system());
    // The ids of this installation with the keys of another.
    let mut altered = newest.clone();
    for line in newest.lines().filter(|line| line.starts_with("key = ")) {
        altered = altered.replacen(line, &format!("key = \"{}\"", entropy.text::<32>().unwrap()), 1);
    }
    let mut without_old = KeyFile::parse(&newest).unwrap();
    let old = Keyring::parse(&first).unwrap().in_use(KeyKind::Pepper);
    assert!(without_old.remove(KeyKind::Pepper, &old));
    let other = generate_key_file(&entropy).unwrap().to_string();
    let files = [
        ("noise", "the key file is not readable"),
        (&other, "the key file lacks the"),
        (&altered, "in the key file is not the one this database was used with"),
        (&first, "After a restore: use the copy of the key file from the time of the dump"),
        (&without_old.render(), "the key file lacks the pepper key"),
    ];
    let acme = site.scratch.path("acme.toml").to_str().unwrap().to_owned();
    let commands: [&[&str]; 7] = [
        &["serve"],
        &["apply", &acme],
        &["apply", &acme, "--dry-run"],
        &["initial-token", "create", "--tenant", "acme"],
        &["keys", "rotate", "pepper"],
        &["keys", "rotate", "signing"],
        &["keys", "rotate", "kek", "--out", "-"],
    ];
    for (text, why) in files {
        fs::write(&site.keys, text).unwrap();
        for command in &commands[..if why.contains("older") { commands.len() } else { 2 }] {
            let said = refused(&site, command);
            assert!(said.starts_with("sallyport: ") && said.contains(why), "{command:?}: {said}");
        }
        assert_eq!(site.text(), *text, "a key file that does not fit is not touched");
    }
    fs::remove_file(&site.keys).unwrap();
    for command in &commands {
        let line = run(command, &site.variables()).err;
        assert!(line.starts_with("sallyport: keys.file: there is no"), "{command:?}: {line}");
        assert_eq!(line.lines().count(), 1);
    }
    site.scratch.write("keys.toml", &newest);
    site.done(&["apply", &acme]);
}
