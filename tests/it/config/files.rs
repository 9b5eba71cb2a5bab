//! Files that settings name.

use sallyport::config::{Config, Environment, secret_from_file};

use super::{load, problems};
use crate::harness::scratch::Scratch;

const BASE: &str = "public_url = \"https://mcp.example.com\"\n";

fn with_keys_at(scratch: &Scratch) -> Config {
    let file = scratch.write("sallyport.toml", &format!("{BASE}[keys]\nfile = \"keys.toml\"\n"));
    Config::load(Some(&file), &Environment::default()).unwrap()
}

#[test]
fn a_relative_path_starts_at_the_files_directory() {
    let scratch = Scratch::new();
    scratch.write("keys.toml", "the keys");
    assert_eq!(with_keys_at(&scratch).keys.text().unwrap().as_str(), "the keys");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let scratch = Scratch::new();
    for mode in [0o640, 0o604, 0o620, 0o644] {
        scratch.write_mode("keys.toml", "the keys", mode);
        let error = with_keys_at(&scratch).keys.text().unwrap_err().to_string();
        assert!(error.starts_with("keys.file: ") && error.contains(&format!("{mode:04o}")), "{error}");
        assert!(!error.contains("the keys"));
    }
    scratch.write_mode("keys.toml", "the keys", 0o400);
    assert!(with_keys_at(&scratch).keys.text().is_ok());
}

#[test]
fn keys_come_from_one_place() {
    let config = load(BASE, &[("SALLYPORT_KEYS", "the keys")]).unwrap();
    assert_eq!(config.keys.text().unwrap().as_str(), "the keys");
    let both = problems(&format!("{BASE}[keys]\nfile = \"keys.toml\"\n"), &[("SALLYPORT_KEYS", "the keys")]);
    assert_eq!(both, "keys.file: is set as well as SALLYPORT_KEYS; keep one");
    let none = load(BASE, &[]).unwrap().keys.text().unwrap_err().to_string();
    assert!(none.starts_with("keys.file: is not set; make a file with `sallyport keys init"), "{none}");
}

#[test]
fn a_database_url_can_lie_in_a_file() {
    let scratch = Scratch::new();
    scratch.write("url", "postgres://sallyport_app:hunter2@db/sallyport\n");
    let file = scratch.write("sallyport.toml", &format!("{BASE}[database]\nurl_file = \"url\"\n"));
    let config = Config::load(Some(&file), &Environment::default()).unwrap();
    assert_eq!(config.database.url.unwrap().expose(), "postgres://sallyport_app:hunter2@db/sallyport");
}

#[test]
fn a_file_with_a_password_is_for_its_owner_alone() {
    let scratch = Scratch::new();
    let file = scratch.write("sallyport.toml", &format!("{BASE}[database]\nurl_file = \"url\"\n"));
    let load = || Config::load(Some(&file), &Environment::default());
    for url in
        ["postgres://sallyport_app:hunter2@db/sallyport", "postgres://sallyport_app@db/sallyport?password=hunter2"]
    {
        scratch.write_mode("url", url, 0o644);
        let said = load().unwrap_err().to_string();
        assert!(said.starts_with("database.url_file: ") && said.contains("has mode 0644"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    scratch.write_mode("url", "postgres://sallyport_app@db/sallyport", 0o644);
    assert!(load().is_ok(), "there is nothing in it to hide");
}

#[test]
fn a_secret_file_must_hold_something() {
    let scratch = Scratch::new();
    let path = scratch.write("empty", "\n");
    assert!(secret_from_file(&path).unwrap_err().to_string().ends_with("is empty"));
}

#[test]
fn certificate_and_key_go_together_and_must_be_pem() {
    let half = problems(&format!("{BASE}[http.tls]\ncertificate = \"tls.pem\"\n"), &[]);
    assert_eq!(half, "http.tls.key: is required with http.tls.certificate");
    let scratch = Scratch::new();
    let path = scratch.write("noise", "noise");
    let (certificate, key) = ("SALLYPORT_HTTP__TLS__CERTIFICATE", "SALLYPORT_HTTP__TLS__KEY");
    let noise = problems(BASE, &[(certificate, path.to_str().unwrap()), (key, path.to_str().unwrap())]);
    assert!(noise.starts_with("http.tls.certificate: ") && noise.ends_with("holds no certificate in PEM"), "{noise}");
}
