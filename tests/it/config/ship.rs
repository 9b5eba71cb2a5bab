//! Collectors and anchors.

use sallyport::config::{AnchorKind, Config, Environment, ShipFormat, ShipKind};

use super::{load, problems};
use crate::harness::scratch::Scratch;

const BASE: &str = "public_url = \"https://mcp.example.com\"\n";
const SIEM: &str = "[audit.ship.siem]\nkind = \"syslog\"\nurl = \"tls://siem.example.com:6514\"\n";

fn with(more: &str) -> String {
    format!("{BASE}{more}")
}

#[test]
fn any_number_of_targets_is_read_with_variables_over_them() {
    let toml = with(&format!(
        "{SIEM}format = \"cef\"\n[audit.ship.loki]\nkind = \"loki\"\nurl = \"https://loki.example.com/push\"\nuser = \"u\"\n"
    ));
    let config = load(&toml, &[("SALLYPORT_AUDIT__SHIP__LOKI__SECRET", "opensesame")]).unwrap();
    let [loki, siem] = &config.audit.ship[..] else { panic!("{:?}", config.audit.ship) };
    assert_eq!((loki.name.as_str(), loki.kind, loki.format), ("loki", ShipKind::Loki, ShipFormat::Ocsf));
    assert_eq!((siem.name.as_str(), siem.kind, siem.format), ("siem", ShipKind::Syslog, ShipFormat::Cef));
    assert_eq!(loki.remote.secret.as_ref().unwrap().expose(), "opensesame");
    assert!(!format!("{config:?}").contains("opensesame"));
    assert!(config.settings().iter().any(|s| s.key == "audit.ship.loki.secret" && s.value == "set"));
    assert!(load(&with(""), &[]).unwrap().audit.ship.is_empty());
}

#[test]
fn a_secret_lies_in_a_file_for_its_owner_alone() {
    let scratch = Scratch::new();
    let file = scratch.write("sallyport.toml", &with(&format!("{SIEM}secret_file = \"secret\"\n")));
    let load = || Config::load(Some(&file), &Environment::default());
    scratch.write_mode("secret", "opensesame\n", 0o600);
    assert_eq!(load().unwrap().audit.ship[0].remote.secret.as_ref().unwrap().expose(), "opensesame");
    scratch.write_mode("secret", "opensesame\n", 0o644);
    let said = load().unwrap_err().to_string();
    assert!(said.starts_with("audit.ship.siem.secret_file: ") && !said.contains("opensesame"), "{said}");
    let both = Config::load(Some(&file), &[("SALLYPORT_AUDIT__SHIP__SIEM__SECRET", "x")].into_iter().collect());
    let said = both.unwrap_err().to_string();
    assert_eq!(said, "audit.ship.siem.secret_file: is set as well as audit.ship.siem.secret; keep one");
}

#[test]
fn what_is_wrong_with_a_target_is_named() {
    let kind = "must be syslog, splunk_hec, loki or elastic_bulk";
    for (lines, expected) in [
        ("kind = \"smoke\"\nurl = \"https://a.example\"", format!("kind: {kind}")),
        ("kind = \"syslog\"", "url: is required; set it in the file or as SALLYPORT_AUDIT__SHIP__SIEM__URL".to_owned()),
        ("kind = \"syslog\"\nurl = \"tls://a.example\"", "url: names no port".to_owned()),
        ("kind = \"syslog\"\nurl = \"https://a.example:1\"", "url: must begin with tls://".to_owned()),
        (
            "kind = \"syslog\"\nurl = \"tcp://a.example:514\"",
            "url: must begin with tls://; tcp:// is for this computer only".to_owned(),
        ),
        (
            "kind = \"loki\"\nurl = \"http://localhost:3100/push\"",
            "url: must begin with https://; http:// is for this computer only".to_owned(),
        ),
        (
            "kind = \"loki\"\nurl = \"https://a:b@loki.example/push\"",
            "url: must not hold a user name, a password or a fragment".to_owned(),
        ),
        (
            "kind = \"elastic_bulk\"\nurl = \"https://a.example/_bulk\"\nindex = \"A\"",
            "index: has up to 128 letters a to z, digits, and _ - .".to_owned(),
        ),
        (
            "kind = \"loki\"\nurl = \"https://a.example\"\nfromat = \"cef\"",
            "fromat: there is no such setting; did you mean audit.ship.siem.format?".to_owned(),
        ),
    ] {
        let said = problems(&with(&format!("[audit.ship.siem]\n{lines}\n")), &[]);
        assert_eq!(said, format!("audit.ship.siem.{expected}"));
    }
    let said = problems(&with(&SIEM.replace("siem]", "My-Siem]")), &[]);
    assert!(said.starts_with("audit.ship.My-Siem: a target's name has"), "{said}");
    let said = problems(&with("[[audit.ship]]\nkind = \"loki\"\n"), &[]);
    assert!(said.starts_with("audit.ship: there is no such setting"), "{said}");
    for url in ["tcp://127.0.0.1:514", "tcp://[::1]:514"] {
        load(&with(&SIEM.replace("tls://siem.example.com:6514", url)), &[]).unwrap();
    }
}

#[test]
fn each_kind_of_anchor_has_what_it_needs() {
    let anchor = |lines: &str| with(&format!("[audit.anchor.a]\n{lines}\n"));
    let s3 = "kind = \"s3\"\nurl = \"https://s3.example/bucket\"\naccess_key = \"AK\"\n";
    let config = load(&anchor(s3), &[("SALLYPORT_AUDIT__ANCHOR__A__SECRET", "x")]).unwrap();
    let AnchorKind::S3(bucket) = &config.audit.anchors[0].kind else { panic!("{:?}", config.audit.anchors) };
    assert_eq!((bucket.region.as_str(), bucket.retain_days), ("us-east-1", 3650));
    assert_eq!(problems(&anchor(s3), &[]), "audit.anchor.a.secret_file: is required: the secret of the access key");
    let witness = "kind = \"witness\"\nurl = \"https://w.example\"\nkey = \"w.example+00000000+BAAA\"";
    let said = problems(&anchor(witness), &[]);
    assert_eq!(said, "audit.anchor.a.key: is no key of a witness, which publishes it as name+hash+base64");
    assert!(load(&anchor("kind = \"webhook\"\nurl = \"https://w.example/hook\""), &[]).is_ok());
    let said = problems(&anchor("kind = \"pigeon\"\nurl = \"https://w.example\""), &[]);
    assert!(said.starts_with("audit.anchor.a.kind: must be webhook, s3, syslog or witness"), "{said}");
}

/// The documents' examples are right but for the files that they name, and a key that is cut short.
#[test]
fn the_examples_of_the_documents_are_right() {
    let documents = [include_str!("../../../docs/siem.md"), include_str!("../../../docs/anchors.md")];
    let examples: Vec<&str> = documents
        .iter()
        .flat_map(|text| text.split("```toml\n").skip(1))
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(examples.len(), 8);
    for example in examples {
        if let Err(errors) = load(&with(example), &[]) {
            for problem in errors.problems() {
                let absent =
                    ["secret_file", "ca_file", "key"].iter().any(|end| problem.key.ends_with(&format!(".{end}")));
                assert!(absent, "{problem}");
            }
        }
    }
}
