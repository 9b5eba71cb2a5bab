//! `docs/configuration.md` is true.

use std::collections::BTreeMap;

use super::{load, minimal};

const MANUAL: &str = include_str!("../../../docs/configuration.md");

#[test]
fn the_manual_lists_every_setting_with_its_default() {
    let row = |line: &str| -> Option<(String, String)> {
        let mut cells = line.strip_prefix("| `")?.splitn(3, " | ");
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        Some((plain(cells.next()?), plain(cells.next()?)))
    };
    let written: BTreeMap<_, _> = MANUAL.lines().filter_map(row).collect();
    let config = minimal(&[]);
    let value = |key: &str, value: &str| if key == "public_url" { "required".to_owned() } else { value.to_owned() };
    let real: BTreeMap<_, _> = config.settings().iter().map(|s| (s.key.clone(), value(&s.key, &s.value))).collect();
    assert_eq!(written, real);
}

/// What is wrong with the TOML number `n` of a document, as long as the files that it names are not there.
fn wrong_keys(document: &str, n: usize) -> Vec<String> {
    let toml = document.split("```toml\n").nth(n).unwrap().split("```").next().unwrap();
    load(toml, &[]).unwrap_err().problems().iter().map(|problem| problem.key.clone()).collect()
}

#[test]
fn the_manuals_example_is_right() {
    assert_eq!(wrong_keys(MANUAL, 1), ["database.url_file"], "only that file is not there");
}

#[test]
fn the_readmes_example_is_right() {
    let files = ["database.url_file", "database.owner_url_file", "http.tls.certificate"];
    assert_eq!(wrong_keys(include_str!("../../../README.md"), 2), files, "only these files are not there");
}
