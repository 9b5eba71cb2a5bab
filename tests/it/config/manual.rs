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

#[test]
fn the_manuals_example_is_right() {
    let toml = MANUAL.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let wrong = load(toml, &[]).unwrap_err();
    let problems: Vec<_> = wrong.problems().iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(problems, ["database.url_file"], "only that file is not there");
}
