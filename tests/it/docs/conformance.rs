//! `docs/conformance.md`: every row names tests that are there, or says that it is not done.

use std::fs;

use super::{
    named::{is_there, named, rows},
    root,
};

/// What a row may say that names no test: nobody takes it for done.
const NOT_DONE: [&str; 3] = ["Not yet", "No:", "Not ours:"];

/// What the page must speak of.
const SECTIONS: [&str; 25] = [
    "MCP: authorization server",
    "MCP: resource server",
    "MCP: client ID metadata documents",
    "MCP: consent",
    "MCP: client credentials",
    "OAuth 2.1",
    "RFC 6750",
    "RFC 7009",
    "RFC 7523",
    "RFC 7591",
    "RFC 7592",
    "RFC 7636",
    "RFC 7662",
    "RFC 8252",
    "RFC 8414",
    "RFC 8628",
    "RFC 8707",
    "RFC 9068",
    "RFC 9207",
    "RFC 9470",
    "RFC 9700",
    "RFC 9701",
    "RFC 9728",
    "RFC 6749",
    "draft-ietf-oauth-client-id-metadata-document",
];

#[test]
fn every_row_names_tests_that_are_there_or_says_that_it_is_not_done() {
    let page = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let (mut wrong, mut tested) = (Vec::new(), 0);
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let rows = rows(section);
        if rows.is_empty() {
            wrong.push(format!("\"{title}\" has no rows"));
        }
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [_, _, done, tests] = cells[..] else {
                wrong.push(format!("four cells: {row}"));
                continue;
            };
            let named = named(tests);
            if named.is_empty() && (tests != "—" || !NOT_DONE.iter().any(|words| done.starts_with(words))) {
                wrong.push(format!("\"{title}\" has a row without a test: {row}"));
            }
            if !named.is_empty() && done.starts_with("Not yet") {
                wrong.push(format!("\"{title}\" has tests for what is not done: {row}"));
            }
            tested += named.len();
            let missing = named.into_iter().filter(|test| !is_there(test));
            wrong.extend(missing.map(|test| format!("\"{title}\" names {test}, which is no test")));
        }
    }
    for section in SECTIONS {
        if !page.lines().any(|line| line.starts_with("## ") && line.contains(section)) {
            wrong.push(format!("nothing is said of {section}"));
        }
    }
    assert!(wrong.is_empty(), "docs/conformance.md:\n{}", wrong.join("\n"));
    assert!(tested > 100, "{tested}");
}
