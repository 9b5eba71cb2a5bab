//! `docs/security-promises.md`: every claim names its tests, they are there, and the commands run them.

use std::fs;

use super::root;

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

/// The rows of a table of claims.
fn claims(promise: &str) -> Vec<&str> {
    promise.lines().filter(|line| line.starts_with("| ")).skip(1).collect()
}

/// The tests that a row names, as `cargo test` takes them: `module::module::function`.
fn named(row: &str) -> Vec<&str> {
    row.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect()
}

/// The file below `tests/it` that a test must be in, and its name.
fn place(test: &str) -> (String, &str) {
    let (module, name) = test.rsplit_once("::").unwrap();
    (format!("tests/it/{}.rs", module.replace("::", "/")), name)
}

/// What the command that runs a promise's tests selects them by.
fn filters(promise: &str) -> Vec<&str> {
    let commands: Vec<_> =
        promise.lines().filter_map(|line| line.strip_prefix("    cargo test --test it -- ")).collect();
    assert!(commands.len() < 2, "one command each: {commands:?}");
    commands.iter().flat_map(|filters| filters.split(' ')).collect()
}

/// Whether `source` has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let function = |line: &str| {
        let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('))
    };
    let is_test = |line: &&str| line.starts_with("#[test") || line.starts_with("#[tokio::test");
    (lines.iter().enumerate()).any(|(at, line)| {
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        function(line) && attributes.clone().any(is_test)
    })
}

#[test]
fn every_claim_names_tests_that_are_there_and_that_the_command_runs() {
    let page = page();
    let promises = promises(&page);
    assert_eq!(promises.len(), 10);
    for promise in promises {
        let title = promise.lines().next().unwrap();
        let (claims, filters) = (claims(promise), filters(promise));
        // What is not built is not promised, and says so.
        assert!(!claims.is_empty() || promise.contains("**Not yet.**"), "\"{title}\" names no test");
        for claim in &claims {
            assert!(!named(claim).is_empty(), "\"{title}\" has a claim without a test: {claim}");
        }
        let tests: Vec<&str> = claims.iter().flat_map(|claim| named(claim)).collect();
        for test in &tests {
            let (path, name) = place(test);
            let source = fs::read_to_string(root().join(&path)).unwrap_or_default();
            assert!(has_test(&source, name), "\"{title}\" names {test}, which is no test in {path}");
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
fn names_of_tests_are_found() {
    let text =
        "x\n| claim | test |\n|---|---|\n| a `b` | `c::d`, `e::f::g_h` |\n\n    cargo test --test it -- c e::f\n";
    assert_eq!(claims(text), ["| a `b` | `c::d`, `e::f::g_h` |"]);
    assert_eq!(named(claims(text)[0]), ["c::d", "e::f::g_h"]);
    assert_eq!(place("e::f::g_h"), ("tests/it/e/f.rs".to_owned(), "g_h"));
    assert_eq!(filters(text), ["c", "e::f"]);
    let source = "#[test]\nfn one() {}\n    #[tokio::test]\n    #[expect(x)]\n    async fn two() {}\nfn three() {}\n";
    assert!(has_test(source, "one") && has_test(source, "two"));
    assert!(!has_test(source, "three") && !has_test(source, "on") && !has_test(source, "four"));
}
