//! `docs/security-promises.md`: every promise names its tests, and they are there.

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

/// The tests that a text names: `path/of/file.rs::function`.
fn named(text: &str) -> Vec<(&str, &str)> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split_once("::")).filter(|(path, _)| path.ends_with(".rs")).collect()
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
fn every_promise_names_tests_that_are_there() {
    let page = page();
    let promises = promises(&page);
    assert_eq!(promises.len(), 10);
    for promise in promises {
        let title = promise.lines().next().unwrap();
        let tests = named(promise);
        // What is not built is not promised, and says so.
        assert!(!tests.is_empty() || promise.contains("**Not yet.**"), "\"{title}\" names no test");
        for (path, name) in tests {
            let source = fs::read_to_string(root().join(path)).unwrap_or_default();
            assert!(has_test(&source, name), "\"{title}\" names {path}::{name}, which is no test");
        }
    }
}

#[test]
fn names_of_tests_are_found() {
    let text = "`a` and `tests/b.rs::c`, `src::d`\n  - `src/e.rs::f_g`";
    assert_eq!(named(text), [("tests/b.rs", "c"), ("src/e.rs", "f_g")]);
    let source = "#[test]\nfn one() {}\n    #[tokio::test]\n    #[expect(x)]\n    async fn two() {}\nfn three() {}\n";
    assert!(has_test(source, "one") && has_test(source, "two"));
    assert!(!has_test(source, "three") && !has_test(source, "on") && !has_test(source, "four"));
}
