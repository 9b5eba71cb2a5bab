//! `docs/security-promises.md`: every claim names its tests, they are there, and the commands run them.

use std::fs;

use super::{
    named::{is_there, named, place, rows},
    root,
};

fn page() -> String {
    fs::read_to_string(root().join("docs/security-promises.md")).unwrap()
}

/// The text of each promise, in order.
fn promises(page: &str) -> Vec<&str> {
    let promises: Vec<&str> = page.split("\n## ").skip(1).collect();
    for (at, promise) in promises.iter().enumerate() {
        assert!(promise.starts_with(&format!("{}. ", at + 1)), "promise {} begins {promise:.40}", at + 1);
    }
    promises
}

/// What the command that runs a promise's tests selects them by.
fn filters(promise: &str) -> Vec<&str> {
    let commands: Vec<_> =
        promise.lines().filter_map(|line| line.strip_prefix("    cargo test --test it -- ")).collect();
    assert!(commands.len() < 2, "one command each: {commands:?}");
    commands.iter().flat_map(|filters| filters.split(' ')).collect()
}

#[test]
fn every_claim_names_tests_that_are_there_and_that_the_command_runs() {
    let page = page();
    let promises = promises(&page);
    assert_eq!(promises.len(), 10);
    for promise in promises {
        let title = promise.lines().next().unwrap();
        let (claims, filters) = (rows(promise), filters(promise));
        // What is not built is not promised, and says so.
        assert!(!claims.is_empty() || promise.contains("**Not yet.**"), "\"{title}\" names no test");
        for claim in &claims {
            assert!(!named(claim).is_empty(), "\"{title}\" has a claim without a test: {claim}");
        }
        let tests: Vec<&str> = claims.iter().flat_map(|claim| named(claim)).collect();
        for test in &tests {
            assert!(is_there(test), "\"{title}\" names {test}, which is no test in {}", place(test).0);
            assert!(
                filters.iter().any(|filter| test.contains(filter)),
                "the command of \"{title}\" does not run {test}"
            );
        }
        for filter in filters {
            assert!(
                tests.iter().any(|test| test.contains(filter)),
                "the command of \"{title}\": {filter} is for nothing"
            );
        }
    }
}

/// The table at the head of the page says of each promise whether it is kept.
#[test]
fn the_overview_says_which_promises_are_kept() {
    let page = page();
    let (head, _) = page.split_once("\n## ").unwrap();
    let rows: Vec<&str> = head.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).collect();
    let promises = promises(&page);
    assert_eq!(rows.len(), promises.len());
    for (at, (row, promise)) in rows.iter().zip(promises).enumerate() {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, words, status, exception] = cells[..] else { panic!("four cells: {row}") };
        assert_eq!(number, (at + 1).to_string());
        assert!(words.split_whitespace().count() <= 10 && !exception.is_empty(), "{row}");
        assert_eq!(status, if promise.contains("**Not yet.**") { "**not built**" } else { "kept" }, "{row}");
    }
}

#[test]
fn filters_are_found() {
    assert_eq!(filters("x\n\n    cargo test --test it -- c e::f\n"), ["c", "e::f"]);
}
