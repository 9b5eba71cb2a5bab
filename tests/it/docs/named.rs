//! Tests that documents name, in the rows of tables.

use std::fs;

use super::root;

/// The rows of the tables in a text, without their heads.
pub(super) fn rows(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("| ")).skip(1).collect()
}

/// The tests that a row names, as `cargo test` takes them: `module::module::function`.
pub(super) fn named(row: &str) -> Vec<&str> {
    row.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect()
}

/// The file below `tests/it` that a test must be in, and its name.
pub(super) fn place(test: &str) -> (String, &str) {
    let (module, name) = test.rsplit_once("::").unwrap();
    (format!("tests/it/{}.rs", module.replace("::", "/")), name)
}

/// Whether the test is where it must be.
pub(super) fn is_there(test: &str) -> bool {
    let (path, name) = place(test);
    has_test(&fs::read_to_string(root().join(path)).unwrap_or_default(), name)
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
fn names_of_tests_are_found() {
    let text = "x\n| claim | test |\n|---|---|\n| a `b` | `c::d`, `e::f::g_h` |\n";
    assert_eq!(rows(text), ["| a `b` | `c::d`, `e::f::g_h` |"]);
    assert_eq!(named(rows(text)[0]), ["c::d", "e::f::g_h"]);
    assert_eq!(place("e::f::g_h"), ("tests/it/e/f.rs".to_owned(), "g_h"));
    let source = "#[test]\nfn one() {}\n    #[tokio::test]\n    #[expect(x)]\n    async fn two() {}\nfn three() {}\n";
    assert!(has_test(source, "one") && has_test(source, "two"));
    assert!(!has_test(source, "three") && !has_test(source, "on") && !has_test(source, "four"));
    assert!(is_there("docs::named::names_of_tests_are_found") && !is_there("docs::named::rows"));
}
